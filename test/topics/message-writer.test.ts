import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { pack } from '../../src/core/envelope.ts'
import type { TopicBytes, TopicRecord } from '../../src/core/topic.ts'
import { frame, joinFrames } from '../../src/storage/frame.ts'
import { MessageWriter } from '../../src/topics/message-writer.ts'
import { headerOf } from '../support/sample-events.ts'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const writerOf = (encoding: 'text' | 'base64' = 'text', bytes = 8_000_000, records = 1_000) =>
  new MessageWriter({ records, bytes, encoding })
const messagesOf = (writer: MessageWriter) => JSON.parse(decoder.decode(writer.finish())) as Record<string, unknown>[]

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string(),
  fc.constantFrom('', '\\"', '\u0000\t\u2028', '\uFEFF', 'Grüße 🚀'),
)
const bytes = fc.oneof(
  text,
  fc.constant(null),
  fc.uint8Array({ minLength: 1 }).map((one) => [Buffer.from(one).toString('base64')] as const),
)
const record = fc.tuple(
  fc.option(fc.nat()),
  bytes,
  bytes,
  fc.array(fc.tuple(text, bytes), { maxLength: 3 }),
) as fc.Arbitrary<TopicRecord>

const base64Of = (one: TopicBytes) =>
  one === null ? null : typeof one === 'string' ? Buffer.from(one).toString('base64') : one[0]

test('records of a topic are written as they were produced, whatever they hold', () => {
  fc.assert(
    fc.property(
      fc.array(record, { minLength: 1, maxLength: 5 }),
      fc.constantFrom('text' as const, 'base64' as const),
      (records, encoding) => {
        const lines = records.map((one) => `${JSON.stringify(one)}\n`)
        const data = joinFrames(lines.map((line) => frame(line)))
        const writer = writerOf(encoding)
        const chunk = { offset: 7, count: records.length, at: 1_795_348_800_000, data }
        expect(writer.write(chunk, 7, { topic: 'orders', partition: 2, isLog: false })).toBe(7 + records.length)
        expect(messagesOf(writer)).toEqual(
          records.map(([timestamp, key, value, headers], i) => {
            const isText = encoding === 'text' && ![key, value, ...headers.map(([, one]) => one)].some(Array.isArray)
            const shown = (one: TopicBytes) => (isText ? one : base64Of(one))
            return {
              topic: 'orders',
              partition: 2,
              offset: 7 + i,
              timestamp: timestamp ?? chunk.at,
              key: shown(key),
              value: shown(value),
              headers: headers.map(([name, one]) => ({ key: name, value: shown(one) })),
              ...(encoding === 'text' && !isText ? { encoding: 'base64' } : {}),
            }
          }),
        )
      },
    ),
  )
})

test('events are written with their key and the event as text, whatever they hold', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(text, text, fc.json()), { minLength: 1, maxLength: 5 }), (events) => {
      const packed = events.map(([id, key, event]) => pack(headerOf(id, { key }), event))
      const data = frame(packed.map((one) => one.text).join(''))
      for (const encoding of ['text', 'base64'] as const) {
        const writer = writerOf(encoding)
        writer.write({ offset: 0, count: events.length, at: 5, data }, 0, {
          topic: 'events',
          partition: 0,
          isLog: true,
        })
        const shown = (one: string) => (encoding === 'text' ? one : Buffer.from(one).toString('base64'))
        expect(messagesOf(writer)).toEqual(
          events.map(([id, key, event], offset) => ({
            topic: 'events',
            partition: 0,
            offset,
            timestamp: 5,
            key: shown(key),
            value: shown(event),
            headers: [
              { key: 'message_id', value: shown(id) },
              { key: 'source', value: shown('shop') },
              { key: 'received_at', value: shown('2026-11-22T10:00:00.500Z') },
            ],
          })),
        )
      }
    }),
  )
})

test('an event with white space that JSON escapes inside of texts, and one larger than the room for an answer, are whole', () => {
  const events = [`{\t"type":\t"track"}\r`, JSON.stringify({ note: '"\\\n'.repeat(100_000) }), '{"type":"page"}']
  const data = frame(events.map((event, i) => pack(headerOf(`order-${i}`), event).text).join(''))
  const writer = writerOf('text', 8_000_000, 3)
  const chunk = { offset: 0, count: 3, at: 5, data }
  expect(writer.write(chunk, 0, { topic: 'events', partition: 0, isLog: true })).toBe(3)
  expect(messagesOf(writer).map(({ value }) => value)).toEqual(events)
})

test('an answer stops at its bounds, and goes on at the next offset', () => {
  const lines = Array.from({ length: 10 }, (_, i) => `${JSON.stringify([null, 'ada', `${i}`.padEnd(1_000), []])}\n`)
  const chunk = { offset: 0, count: 10, at: 0, data: frame(lines.join('')) }
  const origin = { topic: 'orders', partition: 0, isLog: false }
  expect(writerOf('text', 3_500).write(chunk, 0, origin)).toBe(3)
  expect(writerOf('text', 10).write(chunk, 4, origin)).toBe(5)
  expect(writerOf('text', 8_000_000, 2).write(chunk, 4, origin)).toBe(6)
  expect(writerOf('text', 1).write(chunk, 4, origin)).toBe(5)
  expect(messagesOf(writerOf())).toEqual([])
})

test('an answer in which a record has no room any more takes none behind it, though they are smaller and of another chunk', () => {
  const line = (value: string) => `${JSON.stringify([null, 'ada', value, []])}\n`
  const chunks = ['small', 'large'.padEnd(3_000), 'small'].map((value, offset) => ({
    offset,
    count: 1,
    at: 0,
    data: frame(line(value)),
  }))
  const writer = writerOf('text', 1_000)
  let next = 0
  for (const chunk of chunks)
    if (!writer.isFull) next = writer.write(chunk, next, { topic: 'orders', partition: 0, isLog: false })
  expect([next, messagesOf(writer).map(({ offset }) => offset)]).toEqual([1, [0]])
})
