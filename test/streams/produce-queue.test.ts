import { beforeEach, expect, test } from 'vitest'
import type { KafkaConnection, KafkaRecord, ProduceOutcome } from '../../src/core/kafka.ts'
import { ProduceQueue } from '../../src/streams/kafka/produce-queue.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** What the front was sent, one list for each call; it answers in their order. */
let calls: string[][]
let answers: ((values: readonly string[]) => readonly ProduceOutcome[])[]
let queue: ProduceQueue

beforeEach(() => {
  calls = []
  answers = []
  const connection: Partial<KafkaConnection> = {
    produce: async (_topic, records) => {
      const values = records.map(({ value }) => decoder.decode(value ?? undefined))
      calls.push(values)
      return answers.shift()?.(values) ?? values.map(() => ({ written: true }))
    },
  }
  queue = new ProduceQueue({
    connection: connection as KafkaConnection,
    topic: 'events',
    port: { now: Date.now },
    written: () => undefined,
    failed: () => undefined,
  })
})

const recordsOf = (...values: string[]): KafkaRecord[] =>
  values.map((value) => ({ partition: 0, key: null, value: encoder.encode(value), headers: [] }))

test('an append is refused whose one record Kafka never takes, though the others are written by a second attempt', async () => {
  answers = [
    (values) =>
      values.map((value) =>
        value === 'large'
          ? { written: false, retry: 'no', reason: 'it is too large' }
          : { written: false, retry: 'unknown', reason: 'the broker was away' },
      ),
  ]
  await expect(queue.add(recordsOf('large', 'small'))).rejects.toThrow(
    'Kafka will never take this event: it is too large',
  )
  expect(calls).toEqual([['large', 'small'], ['small']])
})

test('an append is durable once all of its records are, in one attempt or several, and no record is sent again', async () => {
  answers = [
    (values) =>
      values.map((value) =>
        value === 'b' ? { written: false, retry: 'yes', reason: 'the broker was away' } : { written: true },
      ),
  ]
  await queue.add(recordsOf('a', 'b', 'c'))
  expect(calls).toEqual([['a', 'b', 'c'], ['b']])
})
