import { expect, test } from 'vitest'
import type { Bindings } from '../../src/core/bindings.ts'
import { realPort } from '../../src/platform/real-port.ts'
import { log } from '../../src/streams/log.ts'
import { messageBatchesOf } from '../../src/streams/queues/messages.ts'
import { queues } from '../../src/streams/queues.ts'
import { packedOrder } from '../support/sample-events.ts'
import { streamSuite } from './stream-suite.ts'

streamSuite({
  driver: 'queues',
  limits: queues().limits,
  exceptions: { killed: 'the local queue of Miniflare is in memory; Cloudflare keeps messages durably' },
})

test('what a queue still holds when the stream is the log again is appended to the log, and comes again until that works', async () => {
  const events = ['order-1', 'order-2'].map((id) => packedOrder(id))
  const [[body = ''] = []] = messageBatchesOf(events, () => 0)
  const appended: string[] = []
  let isBroken = true
  const LOG = {
    getByName: () => ({
      append: async (text: string) => {
        if (isBroken) throw new Error('the log is unavailable')
        appended.push(text)
        return { accepted: 2, duplicates: 0 }
      },
    }),
  }
  const became: string[] = []
  const message = { body, attempts: 1, ack: () => became.push('ack'), retry: () => became.push('retry') }
  const take = () =>
    log().triggers.queue?.({ messages: [message] } as unknown as MessageBatch<string>, {
      bindings: { LOG } as unknown as Bindings,
      port: realPort,
    })
  await take()
  isBroken = false
  await take()
  expect(became).toEqual(['retry', 'ack'])
  expect(appended).toEqual([events.map(({ text }) => text).join('')])
})
