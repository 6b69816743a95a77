import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FixtureRun, fixtureNames, readFixture } from '../support/fixture-run.ts'
import { eventsIn, kafkaOf } from '../support/state-kafka.ts'
import { until } from '../support/until.ts'

/** Fixtures of versions that had topics. */
const names = fixtureNames.filter((name) => readFixture(name).topics !== undefined)

test('there is a fixture of a state folder with topics', () => {
  expect(names).not.toEqual([])
})

describe.each(names)('the topics of the state folder %s, opened by today’s code,', (name) => {
  const expected = readFixture(name).topics
  let topics: FixtureRun
  beforeAll(async () => {
    topics = await FixtureRun.open(name, 'topics')
  })
  afterAll(() => topics?.close())

  test('an old topic has all its records under the offsets that they had', async () => {
    const records = await kafkaOf(topics.server)
      .consumer()
      .fetch({ topic: 'orders', partition: 0, offset: 0, timeout: 0 })
    expect(records.map(({ offset, value, timestamp }) => [offset, value, timestamp])).toEqual(
      expected?.values.map((value, n) => [n, value, n]),
    )
  })

  test('an old consumer group goes on at the offset that it had committed', async () => {
    const kafka = kafkaOf(topics.server)
    const group = { consumerGroupId: 'stock', instanceId: 'another-warehouse' }
    await kafka.admin().removeConsumerInstance('stock', 'warehouse')
    const records = await kafka.consumer().consume({ ...group, topics: ['orders'], autoOffsetReset: 'earliest' })
    expect(records.map(({ value }) => value)).toEqual(expected?.values.slice(expected.committed))
  })

  test('an old Kafka source goes on behind what it had read, and reads nothing twice', async () => {
    const reader = await FixtureRun.open(name, 'reader', { KAFKA_URL: `${topics.server.url}/kafka` })
    try {
      await kafkaOf(topics.server).producer().produce('orders', 'order-new', { partition: 0, key: 'ada' })
      const next = expected?.values.length ?? 0
      const ids = await until('the new record arrives', async () => {
        const found = await eventsIn(reader.server)
        return found.includes(`kafka:orders:0:${next}`) && found
      })
      await sleep(2_500)
      expect(await eventsIn(reader.server)).toEqual(ids)
      expect(ids).toEqual(Array.from({ length: next + 1 }, (_, n) => `kafka:orders:0:${n}`))
    } finally {
      await reader.close()
    }
  })
})
