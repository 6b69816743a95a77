// The real Kafka that other tests judge by: it survives what they do to it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { missingServer } from '../../scripts/servers/missing-server.ts'
import { type RealKafka, realKafka } from '../support/real-kafka.ts'
import { until } from '../support/until.ts'

describe.skipIf((await missingServer('kafka')) !== undefined)('a real Kafka', () => {
  let kafka: RealKafka
  beforeAll(async () => {
    kafka = await realKafka()
    await kafka.createTopic('orders', 2)
  }, 120_000)
  afterAll(() => kafka?.stop())

  const names = async () => (await kafka.records('orders')).map(({ value }) => value?.toString())

  test('Kafka keeps what it took when it is killed and started again on the same port', async () => {
    const { bootstrap } = kafka
    await kafka.produce('orders', [{ key: 'ada', value: 'Order Completed' }])
    await kafka.kill()
    await kafka.restart()
    expect(kafka.bootstrap).toBe(bootstrap)
    await until('Kafka tells of the order', async () => (await names()).includes('Order Completed'), { seconds: 60 })
    await kafka.produce('orders', [{ key: 'ada', value: 'Order Refunded' }])
    expect(await names()).toEqual(['Order Completed', 'Order Refunded'])
  }, 120_000)

  test('Kafka answers nothing while it is frozen, and goes on when it is thawed', async () => {
    await kafka.freeze()
    const answer = kafka.ends('orders').then(() => 'answered')
    const silence = new Promise((resolve) => setTimeout(() => resolve('silence'), 1_500))
    try {
      expect(await Promise.race([answer, silence])).toBe('silence')
    } finally {
      kafka.thaw()
    }
    expect(await answer).toBe('answered')
  }, 60_000)
})
