import { expect, test } from 'vitest'
import type { Bindings } from '../../src/core/bindings.ts'
import type { ReadableLog } from '../../src/core/stream.ts'
import { KafkaError } from '../../src/topics/kafka-error.ts'
import { nothingKnown, TopicSet } from '../../src/topics/topic-set.ts'

/** Topics of a config with 3 partitions each, where an earlier one had 5. */
function topicsWhere(answers: { readonly catalog: boolean; readonly edge: boolean }): TopicSet {
  const answer = <T>(isThere: boolean, value: T) =>
    isThere ? Promise.resolve(value) : Promise.reject(new Error('away'))
  const log = {
    topics: new Map([['orders', { name: 'orders', partitions: 3 }]]),
    partition: (_: unknown, partition: number) => `log ${partition}`,
  } as unknown as ReadableLog
  const bindings = {
    CATALOG: { getByName: () => ({ topics: () => answer(answers.catalog, [{ name: 'orders', held: 5, made: 0 }]) }) },
    LANE: { getByName: () => ({ layout: () => answer(answers.edge, { partitions: 5 }) }) },
    TOPIC: { getByName: (name: string) => name },
  } as unknown as Bindings
  return new TopicSet(log, 3, { bindings, known: nothingKnown() })
}
const statusOf = (set: TopicSet, topic: string, partition: number) =>
  set.readerOf(topic, partition).catch((error: unknown) => (error instanceof KafkaError ? error.status : error))

test('partitions of an earlier config are read, and one that never was is not found', async () => {
  const set = topicsWhere({ catalog: true, edge: true })
  expect(await statusOf(set, 'events', 4)).toBe('log 4')
  expect(await statusOf(set, 'orders', 4)).toBe('orders:4')
  expect([await statusOf(set, 'events', 5), await statusOf(set, 'orders', 5)]).toEqual([404, 404])
})

test.each([
  ['catalog', { catalog: false, edge: true }, 'orders'],
  ['lane of the edge', { catalog: true, edge: false }, 'events'],
])(
  'a partition of an earlier config is to be asked for again while the %s does not answer',
  async (_, where, topic) => {
    const set = topicsWhere(where)
    expect(await statusOf(set, topic, 4)).toBe(503)
    expect(await statusOf(set, topic, 2)).toBe(topic === 'events' ? 'log 2' : 'orders:2')
  },
)
