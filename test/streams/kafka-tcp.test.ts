// Kafka as the stream, reached by TCP from a Durable Object in workerd: a real broker, and a client in Node that judges.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { missingServer } from '../../scripts/servers/missing-server.ts'
import { tcp } from '../../src/fronts/tcp.ts'
import { kafka as kafkaStream } from '../../src/streams/kafka.ts'
import { type Certificates, makeCertificates } from '../bridge/certificates.ts'
import { type RealKafka, realKafka } from '../support/real-kafka.ts'
import { packedOrder } from '../support/sample-events.ts'
import { until } from '../support/until.ts'
import { StreamHarness } from './stream-harness.ts'
import { streamSuite } from './stream-suite.ts'

const module = './test/streams/kafka-tcp-driver.ts'
const password = 'password-of-sluiceway'
const front = tcp({ brokers: 'kafka.example.org:9093', username: 'sluiceway', password })

describe.skipIf((await missingServer('kafka')) !== undefined)('Kafka by TCP from workerd', () => {
  let certificates: Certificates
  let kafka: RealKafka
  let harness: StreamHarness | undefined
  const start = (topic: string, more: object = {}) =>
    StreamHarness.start({
      driver: 'kafka',
      module,
      options: { brokers: kafka.secureBootstrap, topic, password, ...more },
    })

  beforeAll(async () => {
    certificates = await makeCertificates()
    kafka = await realKafka({
      secure: {
        keyAndCertificate: certificates.serverBundle,
        authorities: certificates.ca,
        users: { sluiceway: password },
      },
      // workerd trusts public authorities only.
      settings: {
        'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_PLAINTEXT',
      },
    })
    for (const topic of ['suite', 'crash', 'shown']) await kafka.createTopic(topic, 1)
  }, 180_000)
  afterAll(async () => {
    await harness?.stop()
    await kafka?.stop()
    await certificates?.remove()
  })

  streamSuite({
    driver: 'kafka',
    name: 'kafka by TCP',
    module,
    options: async () => ({ brokers: kafka.secureBootstrap, topic: 'suite', password }),
    limits: kafkaStream({ front, topic: 'stream' }).limits,
  })

  test('an event is in the topic of a broker that is reached by TCP as every other consumer expects it', async () => {
    harness = await start('shown')
    await harness.append([packedOrder('order-1', { properties: { name: 'Žofie 👩‍🚀' } })])
    const [record] = await kafka.records('shown')
    expect([record?.key?.toString(), record?.headers['message_id']?.toString()]).toEqual(['ada', 'order-1'])
    expect(JSON.parse(record?.value?.toString() ?? '')).toMatchObject({
      event: 'Order Completed',
      properties: { name: 'Žofie 👩‍🚀' },
    })
    await harness.stop()
    harness = undefined
  })

  test('a broker that is killed and comes back is found again by TCP, and nothing that was acknowledged is lost', async () => {
    harness = await start('crash')
    const running = harness
    const acknowledged: string[] = []
    const refused: string[] = []
    const traffic = { on: true }
    const client = (async () => {
      for (let n = 0; traffic.on; n++) {
        const id = `order-${n}`
        await running.append([packedOrder(id)]).then(
          () => acknowledged.push(id),
          (error: Error) => refused.push(error.message),
        )
      }
    })()
    await until('20 events are acknowledged', () => acknowledged.length >= 20)
    await kafka.kill()
    await until('an append was refused', () => refused.length > 0, { seconds: 60 })
    await kafka.restart()
    const before = acknowledged.length
    await until('20 more are acknowledged', () => acknowledged.length >= before + 20, { seconds: 60 })
    traffic.on = false
    await client
    await until(
      'all are at the lane',
      async () => {
        const there = new Set((await running.got()).map(({ id }) => id))
        return acknowledged.every((id) => there.has(id))
      },
      { seconds: 60 },
    )
    expect(refused.every((reason) => reason.startsWith('Kafka did not take the events'))).toBe(true)
    await harness.stop()
    harness = undefined
  }, 180_000)

  test('a wrong password of a broker is told without the password', async () => {
    harness = await start('suite', { password: 'sesame-of-nobody' })
    const failed: unknown = await harness.append([packedOrder('order-1')]).catch((error: unknown) => error)
    expect(failed).toMatchObject({ code: 'stream_unavailable', message: expect.stringMatching(/SASL/) as string })
    expect((failed as Error).message).not.toContain('sesame')
    await harness.stop()
    harness = undefined
  })
})
