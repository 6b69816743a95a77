// The stream kafka() through every front that consumes: in workerd, with a fake of the front on the loopback interface.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { upstash } from '../../src/fronts/upstash.ts'
import { kafka } from '../../src/streams/kafka.ts'
import { FakeConfluent } from '../fronts/fake-confluent.ts'
import { FakeKarapace } from '../fronts/fake-karapace.ts'
import { FakeRedpanda } from '../fronts/fake-redpanda.ts'
import { FakeStrimzi } from '../fronts/fake-strimzi.ts'
import type { FakeV2 } from '../fronts/fake-v2.ts'
import { packedOrder } from '../support/sample-events.ts'
import { Sink } from '../support/sink.ts'
import { until } from '../support/until.ts'
import { StreamHarness } from './stream-harness.ts'
import { streamSuite } from './stream-suite.ts'

const { limits } = kafka({
  front: upstash({ url: 'https://kafka.example.org', username: 'kafka', password: 'password-of-kafka' }),
  topic: 'stream',
})
const module = './test/streams/kafka-drivers.ts'
const fakes = {
  confluent: () => new FakeConfluent(),
  karapace: () => new FakeKarapace(),
  redpanda: () => new FakeRedpanda(),
  strimzi: () => new FakeStrimzi(),
} as const
const names = Object.keys(fakes) as (keyof typeof fakes)[]

const startFake = async (name: keyof typeof fakes): Promise<FakeV2> => {
  const fake = fakes[name]()
  fake.authorization = `Basic ${btoa('kafka:password-of-kafka')}`
  fake.kafka.createTopic('stream', 3)
  await fake.start()
  return fake
}

const running: FakeV2[] = []
afterAll(async () => {
  await Promise.all(running.map((fake) => fake.stop()))
})

for (const name of names)
  streamSuite({
    driver: 'kafka',
    name: `kafka through ${name}`,
    module,
    options: async () => {
      const fake = await startFake(name)
      running.push(fake)
      return { url: fake.url, topic: 'stream', front: name }
    },
    limits,
  })

describe.each(names)('kafka through %s when things go wrong', (name) => {
  let fake: FakeV2
  let harness: StreamHarness
  beforeAll(async () => {
    fake = await startFake(name)
    harness = await StreamHarness.start({
      driver: 'kafka',
      module,
      options: { url: fake.url, topic: 'stream', partitions: 3, front: name },
    })
  })
  afterEach(() => fake.calm())
  afterAll(async () => {
    await harness.stop()
    await fake.stop()
  })

  const produced = /POST \/topics\//
  const lanes = ['webhook:0', 'webhook:1', 'webhook:2']
  const allGot = async () => (await Promise.all(lanes.map((lane) => harness.got(lane)))).flat().map(({ id }) => id)
  const arrivedAll = (ids: readonly string[]) =>
    until('all of them have arrived', allGot, {
      enough: (got) => ids.every((id) => got.includes(id)),
      everyMs: 50,
      seconds: 18,
    })
  const orders = (count: number, what: string) =>
    Array.from({ length: count }, (_, i) => packedOrder(`${what} ${i}`, {}, { key: `user ${i % 7}` }))

  test(`events come through ${name} in the order of their keys, over three partitions`, async () => {
    const batch = orders(42, 'plain')
    await harness.append(batch)
    const got = await arrivedAll(batch.map(({ id }) => id))
    for (let user = 0; user < 7; user++)
      expect(got.filter((id) => Number(id.split(' ')[1]) % 7 === user)).toEqual(
        batch.map(({ id }) => id).filter((_, i) => i % 7 === user),
      )
    expect(fake.kafka.bounds('stream', 1).end).toBeGreaterThan(0)
  })

  test(`nothing is lost through ${name} when answers break off after the write; it is there twice`, async () => {
    fake.upset(produced, { mishap: 'cut' }, 3)
    const batch = orders(21, 'cut')
    await harness.append(batch)
    await arrivedAll(batch.map(({ id }) => id))
    const written = [0, 1, 2].flatMap((partition) => fake.kafka.values('stream', partition)).join('\n')
    expect(written.split('"cut 0"').length - 1).toBeGreaterThanOrEqual(2)
  })

  test(`nothing is lost through ${name} when a write is never answered: the append fails, and the same events pass again`, async () => {
    fake.upset(produced, { mishap: 'silence' }, 1)
    const batch = [packedOrder('unanswered', {}, { key: 'ada' })]
    await harness.append(batch).catch((error: unknown) => {
      expect(error).toMatchObject({ code: 'stream_unavailable' })
    })
    await harness.append(batch)
    await arrivedAll(['unanswered'])
  })

  test(`reading goes on through ${name} after the front has lost what it knew, and after reads that failed`, async () => {
    await harness.append(orders(7, 'before'))
    await arrivedAll(orders(7, 'before').map(({ id }) => id))
    fake.consumers.loseAll()
    fake.upset(/GET .*\/records$/, { mishap: 'error' }, 2)
    fake.upset(/GET .*\/records$/, { mishap: 'garbage' }, 2)
    fake.emptyPolls = 2
    const batch = orders(14, 'after')
    await harness.append(batch)
    await arrivedAll(batch.map(({ id }) => id))
  })

  test(`an append through ${name} is refused soon while the front is down, and passes once it is back`, async () => {
    fake.upset(produced, { answer: { status: 503, body: { error_code: 50301, message: 'down' } } }, 1_000)
    const begun = Date.now()
    await expect(harness.append(orders(3, 'outage'))).rejects.toMatchObject({ code: 'stream_unavailable' })
    expect(Date.now() - begun).toBeLessThan(6_000)
    fake.calm()
    await harness.append(orders(3, 'outage'))
    await arrivedAll(orders(3, 'outage').map(({ id }) => id))
  })
})

test('what is in the topic twice is delivered once: a lane knows what it has taken', async () => {
  const fake = await startFake('strimzi')
  const sink = await Sink.open()
  const options = { url: fake.url, topic: 'stream', front: 'strimzi' }
  const harness = await StreamHarness.start({ driver: 'kafka', module, options, sink: sink.url })
  try {
    // Twice it is written and not known to be: the queue sends it again each time.
    fake.upset(/POST \/topics\//, { mishap: 'cut' }, 2)
    const batch = Array.from({ length: 5 }, (_, i) => packedOrder(`twice ${i}`))
    await harness.append(batch)
    await harness.append([packedOrder('the last')])
    await until('all are delivered', () => sink.ids.has('the last'), { seconds: 15 })
    expect(fake.kafka.bounds('stream', 0).end).toBe(16)
    const delivered = sink.received.flatMap(({ events }) => events.map(({ messageId }) => messageId))
    // To two destinations.
    for (const { id } of batch) expect(delivered.filter((one) => one === id)).toHaveLength(2)
  } finally {
    await harness.stop()
    await sink.close()
    await fake.stop()
  }
})
