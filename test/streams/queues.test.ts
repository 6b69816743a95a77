import { expect, test } from 'vitest'
import type { Bindings } from '../../src/core/bindings.ts'
import type { NewDeadLetter } from '../../src/core/dead-letter.ts'
import { pack, type Packed, unpack } from '../../src/core/envelope.ts'
import type { Stream } from '../../src/core/stream.ts'
import { appendLeftovers } from '../../src/streams/append-leftovers.ts'
import { appendMessages, messageBatchesOf } from '../../src/streams/queues/messages.ts'
import { consumeQueue, queues } from '../../src/streams/queues.ts'
import { fakePort, now } from '../support/fake-context.ts'
import { fakeStream } from '../support/fake-stream.ts'
import { headerOf, packedOrder } from '../support/sample-events.ts'
import { FakeQueue, queueLimits } from './fake-queue.ts'
import { streamSuite } from './stream-suite.ts'

streamSuite({
  driver: 'queues',
  limits: queues().limits,
  exceptions: { killed: 'the local queue of Miniflare is in memory; Cloudflare keeps messages durably' },
})

const append = (batch: readonly Packed[], queue: FakeQueue, partitions = 1) =>
  queues({ partitions }).append(batch, { EVENTS: queue } as unknown as Bindings)

/** Events whose note takes so many bytes of UTF-8, written with `letter`. */
const noted = (bytes: number, letter: string, count: number): Packed[] =>
  Array.from({ length: count }, (_, i) =>
    packedOrder(`order-${i}`, { properties: { note: letter.repeat(Math.floor(bytes / Buffer.byteLength(letter))) } }),
  )

/** Lanes that take everything, and keep dead letters. */
function fakeLanes() {
  const pushed: string[] = []
  const letters: NewDeadLetter[] = []
  const state = { areLettersBroken: false }
  const LANE = {
    getByName: () => ({
      push: async (_ref: unknown, text: string) => void pushed.push(...unpack(text).map(({ id }) => id)),
      addDeadLetters: async (_ref: unknown, more: readonly NewDeadLetter[]) => {
        if (state.areLettersBroken) throw new Error('the lane of the edge is unavailable')
        letters.push(...more)
      },
    }),
  }
  return { LANE, pushed, letters, state }
}

test.each([
  ['plain letters', 'x'],
  ['accents', 'é'],
  ['emoji', '👩‍🚀'],
])('events of %s go to the queue in messages and batches that it takes, counted by bytes', async (_what, letter) => {
  for (const bytes of [200, 30_000, 60_000, 120_000]) {
    const queue = new FakeQueue()
    const { text } = noted(bytes, letter, 1)[0] as Packed
    const batch = noted(bytes, letter, Math.floor(790_000 / (text.length + 6)))
    await append(batch, queue, 3)
    const came = queue.bodies.flatMap((body) => unpack(body.slice(body.indexOf('\n') + 1)))
    expect(came.map(({ id }) => id).toSorted()).toEqual(batch.map(({ id }) => id).toSorted())
    expect(queue.refused).toEqual([])
  }
})

test('five thousand small events of many partitions go to the queue in batches of a hundred messages at most', async () => {
  const queue = new FakeQueue()
  const batch = Array.from({ length: 5_000 }, (_, i) => pack(headerOf(`order-${i}`, { key: `user-${i}` }), '{}'))
  await append(batch, queue, 64)
  expect(queue.batches.every((count) => count <= queueLimits.messages)).toBe(true)
  expect(queue.bodies.flatMap((body) => unpack(body.slice(body.indexOf('\n') + 1)))).toHaveLength(5_000)
})

test('the largest event that the edge lets pass to a queue fits into a message, and a larger one is refused with its size', async () => {
  const { envelopeBytes = 0 } = queues().limits
  const bare = packedOrder('order-1', { properties: { note: '' } }).text.length
  const queue = new FakeQueue()
  await append([packedOrder('order-1', { properties: { note: 'x'.repeat(envelopeBytes - bare) } })], queue, 64)
  expect(queue.bodies).toHaveLength(1)
  const larger = packedOrder('order-1', { properties: { note: 'é'.repeat((envelopeBytes - bare + 2) / 2) } })
  expect(larger.text.length).toBeLessThan(envelopeBytes)
  await expect(append([larger], queue)).rejects.toMatchObject({
    code: 'stream_limit',
    message: expect.stringContaining(`a message of the queue holds ${envelopeBytes}`) as string,
  })
})

test('what is above its limits is refused by the queue of the tests, as by the real one', async () => {
  const queue = new FakeQueue()
  const big = 'x'.repeat(queueLimits.messageBytes - queueLimits.metadataBytes)
  await queue.sendBatch([{ body: big }])
  await expect(queue.sendBatch([{ body: `${big}x` }])).rejects.toThrow(/larger than 128/)
  await expect(queue.sendBatch([{ body: big }, { body: big }, { body: 'x' }])).rejects.toThrow(/256/)
  await expect(queue.sendBatch(Array.from({ length: 101 }, () => ({ body: 'x' })))).rejects.toThrow(/100/)
})

/** What a queue delivers, with what became of each message. */
function delivered(...bodies: unknown[]) {
  const became: string[] = []
  const messages = bodies.map((body, i) => ({
    id: `message-${i}`,
    body,
    attempts: 1,
    ack: () => became.push(`${i} ack`),
    retry: () => became.push(`${i} retry`),
  }))
  return { batch: { messages } as unknown as MessageBatch<string>, became }
}

const events = ['order-1', 'order-2'].map((id) => packedOrder(id, {}, { to: ['webhook'] }))
const [[body = ''] = []] = messageBatchesOf(events, () => 0)
const port = fakePort()

test('a message of the queue that Sluiceway did not write is a dead letter, and harms no other of its batch', async () => {
  const { LANE, letters, pushed, state } = fakeLanes()
  const context = { bindings: { LANE, EVENTS: new FakeQueue() } as unknown as Bindings, port }
  const first = delivered({ hello: 'world' }, body, 'Hello', '0\nnull\n{}\n')
  await consumeQueue(first.batch, context)
  expect(first.became.toSorted()).toEqual(['0 ack', '1 ack', '2 ack', '3 ack'])
  expect(pushed).toEqual(['order-1', 'order-2'])
  expect(letters.map(({ messageId, source, event }) => [messageId, source, event])).toEqual([
    ['queue:message-0', 'queue', '{"hello":"world"}'],
    ['queue:message-2', 'queue', '"Hello"'],
    ['queue:message-3', 'queue', '"0\\nnull\\n{}\\n"'],
  ])
  expect(letters[1]).toMatchObject({
    reason:
      'The queue of the stream holds what Sluiceway did not write: it does not begin with the number of a partition.',
    receivedAt: new Date(now).toISOString(),
  })
  state.areLettersBroken = true
  const second = delivered('Hello', body)
  await consumeQueue(second.batch, context)
  expect(second.became.toSorted()).toEqual(['0 retry', '1 ack'])
})

/** What the Worker does with a queue whose stream is another one now. */
const take = (batch: MessageBatch<string>, stream: Stream, LANE: unknown) => {
  const context = { bindings: { LANE, EVENTS: new FakeQueue() } as unknown as Bindings, port }
  return appendMessages(batch, { ...context, append: (envelopes) => appendLeftovers(envelopes, stream, context) })
}

test('what a queue still holds when the stream is another one is appended to that, and comes again until it works', async () => {
  let isBroken = true
  const { stream, envelopes } = fakeStream({
    onAppend: () => {
      if (isBroken) throw new Error('the log is unavailable')
    },
  })
  const { LANE, letters } = fakeLanes()
  const first = delivered(body, 'Hello')
  await take(first.batch, stream, LANE)
  isBroken = false
  const second = delivered(body)
  await take(second.batch, stream, LANE)
  expect([first.became, second.became]).toEqual([['0 retry', '1 ack'], ['0 ack']])
  expect(envelopes().map(({ id, text }) => [id, text])).toEqual(events.map(({ id, text }) => [id, text.split('\n')[1]]))
  expect(letters.map(({ event }) => event)).toEqual(['"Hello"'])
})

test('what an earlier stream holds is cut for the stream of today, and an event that is too large is a dead letter', async () => {
  const { stream, appends } = fakeStream({ limits: { events: 2, bytes: 4_000, envelopeBytes: 3_000 } })
  const { LANE, letters } = fakeLanes()
  const notes = ['x', 'y', 'é'.repeat(1_500), 'z', 'x'.repeat(5_000)]
  const batch = notes.map((note, i) => packedOrder(`order-${i}`, { properties: { note } }))
  await appendLeftovers(unpack(batch.map(({ text }) => text).join('')), stream, {
    bindings: { LANE } as unknown as Bindings,
    port,
  })
  expect(appends.map((one) => one.map(({ id }) => id))).toEqual([['order-0', 'order-1'], ['order-3']])
  expect(letters.map(({ messageId, code, reason }) => [messageId, code, reason])).toEqual(
    ['order-2', 'order-4'].map((id) => [
      id,
      'stream_limit',
      'The event came from an earlier stream, and is larger than what the stream log takes.',
    ]),
  )
})
