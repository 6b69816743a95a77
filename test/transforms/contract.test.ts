import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import { type ContractWorker, startContract, type Way } from '../support/contract.ts'
import { code } from './contract/code.ts'

let worker: ContractWorker
beforeAll(async () => {
  worker = await startContract(code, ['returns'])
})
afterAll(() => worker.stop())

const ways: readonly Way[] = ['plain', 'inline', 'isolated']

const order = (returns: string, messageId = 'order-1843'): Event => ({
  type: 'track',
  event: 'Order Completed',
  messageId,
  userId: 'ada',
  properties: { returns },
})

/** What `transformEvent` returns, and what becomes of its event: events, `dropped`, or the message of the error. */
const returned: readonly (readonly [returns: string, becomes: string | readonly object[]])[] = [
  ['itself', [{ event: 'Order Completed', messageId: 'order-1843' }]],
  ['another', [{ event: 'Another', messageId: 'order-1843' }]],
  ['null', 'dropped'],
  ['undefined', 'dropped'],
  ['nothing', 'dropped'],
  ['empty array', 'dropped'],
  [
    'array',
    [
      { event: 'Order Completed', messageId: 'order-1843' },
      { event: 'Second', messageId: 'order-1843#1' },
    ],
  ],
  ['array with text', 'returned event in events array from transformEvent(event) is not an object'],
  ['array with null', 'returned event in events array from transformEvent(event) is not an object'],
  ['nested array', 'returned event in events array from transformEvent(event) is not an object'],
  ['text', 'returned event from transformEvent(event) is not an object'],
  ['number', 'returned event from transformEvent(event) is not an object'],
  ['true', 'returned event from transformEvent(event) is not an object'],
  ['function', 'returned event from transformEvent(event) is not an object'],
  ['throws', 'no total'],
  ['throws text', 'plain text'],
  ['reference error', 'notThere is not defined'],
  ['no id', [{ messageId: 'order-1843' }]],
  ['empty id', [{ messageId: 'order-1843' }]],
  ['number as id', [{ messageId: 'order-1843' }]],
  ['other id', [{ messageId: 'of-my-own' }]],
]

describe.each(ways)('the contract of transforms, %s', (way) => {
  test('transformEvent: each return value has the outcome that RudderStack gives it, and harms no other', async () => {
    const events = returned.map(([returns], i) => order(returns, `order-${i}`))
    const together = await worker.run({ transforms: ['returns'], way, events })
    for (const [i, [returns, becomes]] of returned.entries()) {
      const ids = (one: object): object => JSON.parse(JSON.stringify(one).replace('order-1843', `order-${i}`)) as object
      const found = {
        events: together.events.filter(({ index }) => index === i).map(({ event }) => event),
        dropped: together.dropped.some(({ index }) => index === i),
        error: together.failed.find(({ index }) => index === i)?.error.message,
      }
      expect(found, `returns ${returns}`).toMatchObject(
        becomes === 'dropped'
          ? { events: [], dropped: true, error: undefined }
          : typeof becomes === 'string'
            ? { events: [], dropped: false, error: becomes }
            : { events: becomes.map(ids), dropped: false, error: undefined },
      )
    }
  })
})
