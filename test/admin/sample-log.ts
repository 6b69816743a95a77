import type { Event } from '../../src/core/event.ts'
import { plainOrder, receivedAt } from '../support/sample-events.ts'
import type { Given } from './fake-admin.ts'

/** An order of Ada's as the log holds it: with the time at which it was received. */
export const storedOrder = (messageId: string, more: Partial<Event> = {}): Event =>
  plainOrder(messageId, { receivedAt, ...more })

/** Five orders in two partitions of the log; the last one is the app's. */
export const twoPartitions: Given = {
  partitions: 2,
  log: [
    [[{ event: storedOrder('order-1') }, { event: storedOrder('order-2') }], [{ event: storedOrder('order-5') }]],
    [[{ event: storedOrder('order-3') }], [{ event: storedOrder('order-6'), source: 'app', to: ['webhook'] }]],
  ],
}
