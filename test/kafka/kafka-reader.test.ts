import { afterAll, beforeAll, expect, test } from 'vitest'
import { confluent } from '../../src/fronts/confluent.ts'
import { type KafkaPlace, KafkaReader } from '../../src/kafka/kafka-reader.ts'
import { FakeConfluent } from '../fronts/fake-confluent.ts'
import { nodePort, textOf } from '../fronts/front-subject.ts'

const fake = new FakeConfluent()
beforeAll(() => fake.start())
afterAll(() => fake.stop())

/** A reader of partition 0 whose process may end between two runs: what it keeps is in `positions`. */
function readerOf(topic: string, positions: Map<string, number>, begin: 'earliest' | 'latest' = 'earliest') {
  const got: (string | null)[] = []
  const front = confluent({ url: fake.url, allowPrivate: true })
  const nameOf = ({ partition }: KafkaPlace) => `${topic}-${partition}`
  const run = async () => {
    const connection = front.connect(nodePort, `reader-of-${topic}`)
    const reader = new KafkaReader({
      connection,
      places: async () => [{ topic, partition: 0 }],
      positions: {
        get: (place) => positions.get(nameOf(place)),
        set: (place, next) => void positions.set(nameOf(place), next),
      },
      begin: () => begin,
      deliver: async (messages) => void got.push(...messages.map(({ value }) => textOf(value))),
      group: 'sluiceway',
      port: { now: () => Date.now(), log: () => undefined },
    })
    await reader.run({ waitMs: 20, mostFetches: 10, budgetMs: 5_000 })
  }
  return { got, run }
}

const write = (topic: string, ...values: readonly string[]) => {
  for (const value of values) fake.kafka.append(topic, 0, { key: null, value: Buffer.from(value), headers: [] })
}

test('a topic that was made anew is read from its start, also when it was still empty at the first look', async () => {
  fake.kafka.createTopic('orders')
  const positions = new Map([['orders-0', 4]])
  const { got, run } = readerOf('orders', positions)
  await run()
  expect(positions.get('orders-0')).toBe(0)
  // By the next look it is longer than the old one was.
  write('orders', 'one', 'two', 'three', 'four', 'five', 'six')
  await run()
  expect(got).toEqual(['one', 'two', 'three', 'four', 'five', 'six'])
})

test('a reader that begins at the end keeps where that was', async () => {
  fake.kafka.createTopic('carts')
  write('carts', 'long ago')
  const { got, run } = readerOf('carts', new Map(), 'latest')
  await run()
  write('carts', 'today')
  await run()
  expect(got).toEqual(['today'])
})
