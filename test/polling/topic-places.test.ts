import { expect, test } from 'vitest'
import { SluicewayError } from '../../src/core/errors.ts'
import { TopicPlaces } from '../../src/polling/topic-places.ts'

/** Topics with so many partitions, or with why they cannot be asked for, on a clock of the test. */
function placesOf(topics: Record<string, number | SluicewayError>) {
  const state = { now: 1_000, asked: 0, logged: [] as string[] }
  const places = new TopicPlaces({
    topics: Object.keys(topics),
    source: 'shop',
    port: { now: () => state.now, log: (_level, message) => void state.logged.push(message) },
    connection: {
      partitions: async (topic) => {
        state.asked++
        const found = topics[topic]
        if (typeof found !== 'number') throw found
        return found
      },
    },
  })
  return { places, state, topics }
}

const missing = new SluicewayError('kafka_refused', 'there is no topic refunds')
const away = new SluicewayError('kafka_unavailable', 'the front does not answer')

test('partitions that are added to a topic are read within five minutes', async () => {
  const { places, state, topics } = placesOf({ orders: 1 })
  expect(await places.find()).toEqual([{ topic: 'orders', partition: 0 }])
  topics['orders'] = 2
  state.now += 299_000
  expect(await places.find()).toHaveLength(1)
  state.now += 1_000
  expect(await places.find()).toEqual([
    { topic: 'orders', partition: 0 },
    { topic: 'orders', partition: 1 },
  ])
  expect(state.asked).toBe(2)
})

test('a topic that is not there holds up no other, is told, and is read within a minute once it is there', async () => {
  const { places, state, topics } = placesOf({ orders: 1, refunds: missing })
  expect(await places.find()).toEqual([{ topic: 'orders', partition: 0 }])
  expect(places.problem).toBe('refunds: there is no topic refunds')
  expect(places.nextStep).toMatch(/^Make the topic/)
  state.now += 60_000
  await places.find()
  topics['refunds'] = 1
  state.now += 60_000
  expect(await places.find()).toHaveLength(2)
  expect(places.problem).toBeUndefined()
  expect(state.logged).toEqual(['a topic of a Kafka source cannot be read', 'a topic of a Kafka source is read again'])
})

test('a topic that cannot be asked for just now keeps its partitions, and one that is gone loses them', async () => {
  const { places, state, topics } = placesOf({ orders: 3, refunds: 2 })
  await places.find()
  topics['orders'] = away
  topics['refunds'] = missing
  places.expire()
  state.now += 1
  expect((await places.find()).map(({ topic }) => topic)).toEqual(['orders', 'orders', 'orders'])
  expect(places.problem).toContain('orders: the front does not answer')
  expect(places.nextStep).toMatch(/look at the front and its brokers\. Make the topic/)
})

test('a source none of whose topics can be read says so, and asks again at once', async () => {
  const { places, state, topics } = placesOf({ refunds: missing })
  await expect(places.find()).rejects.toMatchObject({
    code: 'kafka_unavailable',
    message: 'refunds: there is no topic refunds',
  })
  topics['refunds'] = 1
  expect(await places.find()).toHaveLength(1)
  expect(state.asked).toBe(2)
})
