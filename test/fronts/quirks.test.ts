// What one front alone does, and what must not come of it.
import { afterEach, expect, test } from 'vitest'
import { confluentV3 } from '../../src/fronts/confluent-v3.ts'
import { confluent } from '../../src/fronts/confluent.ts'
import { redpanda } from '../../src/fronts/redpanda.ts'
import { afterSecondsOf } from '../../src/fronts/shared/front-answer.ts'
import { jsonSequence } from '../../src/fronts/shared/json-sequence.ts'
import { strimzi } from '../../src/fronts/strimzi.ts'
import { FakeConfluent } from './fake-confluent.ts'
import type { FakeFront } from './fake-front.ts'
import { FakeRedpanda } from './fake-redpanda.ts'
import { FakeStrimzi } from './fake-strimzi.ts'
import { FakeV3 } from './fake-v3.ts'
import { bytes, errorOfCall, nodePort, readAll, recordOf, soon, textOf } from './front-subject.ts'

const running: FakeFront[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((fake) => fake.stop()))
})

async function started<F extends FakeFront>(fake: F): Promise<F> {
  running.push(fake)
  fake.kafka.createTopic('orders', 3)
  await fake.start()
  return fake
}

const options = () => ({ maxBytes: 1_000_000, waitMs: 20, signal: soon() })

test('Strimzi is left alone after a failed record, so that the next call is answered', async () => {
  const fake = await started(new FakeStrimzi())
  const connection = strimzi({ url: fake.url, allowPrivate: true }).connect(nodePort, 'c')
  for (let i = 0; i < 5; i++) {
    fake.troubleOf = () => ({
      code: 404,
      message: 'Topic orders not present in metadata after 60000 ms.',
      written: true,
    })
    expect(await connection.produce('orders', [recordOf(0, `order ${i}`)], soon())).toMatchObject([
      { written: false, retry: 'unknown' },
    ])
    fake.calm()
    expect(await connection.produce('orders', [recordOf(0, `order ${i}`)], soon(2_000))).toMatchObject([
      { written: true },
    ])
  }
})

test('a read through Strimzi never asks for a size: what is beyond it would be passed over', async () => {
  const fake = await started(new FakeStrimzi())
  const connection = strimzi({ url: fake.url, allowPrivate: true }).connect(nodePort, 'c')
  await connection.produce('orders', [recordOf(0, 'x'.repeat(300_000)), recordOf(0, 'small')], soon())
  const got = await readAll(connection, [{ topic: 'orders', partition: 0, offset: 0 }], { count: 2, maxBytes: 10 })
  expect(got.map(({ value }) => value?.length)).toEqual([300_000, 5])
  expect(fake.callsOf(/GET .*records/).some(({ query }) => query.has('max_bytes'))).toBe(false)
})

test('a header without a value that another client wrote ends a read through Strimzi at its deadline, and passes nothing over', async () => {
  const fake = await started(new FakeStrimzi())
  const connection = strimzi({ url: fake.url, allowPrivate: true }).connect(nodePort, 'c')
  fake.kafka.append('orders', 0, { key: null, value: Buffer.from('odd'), headers: [['none', null]] })
  for (let i = 0; i < 2; i++) {
    const read = connection.fetch([{ topic: 'orders', partition: 0, offset: 0 }], { ...options(), signal: soon(300) })
    expect((await errorOfCall(read)).code).toBe('kafka_unavailable')
  }
})

test('Strimzi reads a tombstone that another client wrote as one', async () => {
  const fake = await started(new FakeStrimzi())
  const connection = strimzi({ url: fake.url, allowPrivate: true }).connect(nodePort, 'c')
  fake.kafka.append('orders', 0, { key: Buffer.from('ada'), value: null, headers: [] })
  const [message] = await readAll(connection, [{ topic: 'orders', partition: 0, offset: 0 }], { count: 1 })
  expect([message?.value, textOf(message?.key ?? null)]).toEqual([null, 'ada'])
})

test('Redpanda does not say which record of a partition is too large: each is sent alone, in order', async () => {
  const fake = await started(new FakeRedpanda())
  fake.kafka.maxRecordBytes = 20_000
  const connection = redpanda({ url: fake.url, partitions: 3, allowPrivate: true }).connect(nodePort, 'c')
  const records = ['one', 'x'.repeat(30_000), 'three', 'four'].map((value) => recordOf(1, value))
  const outcomes = await connection.produce('orders', [...records, recordOf(2, 'beside')], soon())
  expect(outcomes.map((one) => (one.written ? one.offset : one.retry))).toEqual([0, 'no', 1, 2, 0])
  expect(fake.kafka.values('orders', 1)).toEqual(['one', 'three', 'four'])
})

test('Redpanda answers with 400 while a partition moves to another broker, which is no refusal', async () => {
  const fake = await started(new FakeRedpanda())
  const connection = redpanda({ url: fake.url, partitions: 3, allowPrivate: true }).connect(nodePort, 'c')
  fake.upset(/GET .*records/, {
    answer: { status: 400, body: { error_code: 40002, message: 'not_leader_for_partition' } },
  })
  const error = await errorOfCall(connection.fetch([{ topic: 'orders', partition: 0, offset: 0 }], options()))
  expect(error.code).toBe('kafka_unavailable')
})

test('what Confluent v3 reported before its answer broke off is known, and the rest is unknown', async () => {
  const fake = await started(new FakeV3())
  const connection = confluentV3({ url: fake.url, allowPrivate: true }).connect(nodePort, 'c')
  fake.upset(/POST .*records/, { mishap: 'cut' })
  const records = Array.from({ length: 8 }, (_, i) => recordOf(0, `order ${i}`))
  const outcomes = await connection.produce('orders', records, soon())
  expect(outcomes.slice(0, 3).map(({ written }) => written)).toEqual([true, true, true])
  expect(outcomes.at(-1)).toMatchObject({ written: false, retry: 'unknown' })
})

test('a record that Confluent Cloud limits is sent again later, and a wrong path or cluster is refused', async () => {
  const fake = await started(new FakeV3())
  const front = confluentV3({ url: fake.url, allowPrivate: true })
  fake.troubleOf = (_record, partition) => (partition === 1 ? { code: 429, message: 'Too many requests' } : undefined)
  expect(
    await front.connect(nodePort, 'c').produce('orders', [recordOf(0, 'one'), recordOf(1, 'two')], soon()),
  ).toMatchObject([{ written: true }, { written: false, retry: 'yes' }])
  for (const wrong of [{ clusterId: 'lkc-other' }, { base: '/kafka/v3' as const }]) {
    const connection = confluentV3({ url: fake.url, allowPrivate: true, ...wrong }).connect(nodePort, 'c')
    expect((await errorOfCall(connection.produce('orders', [recordOf(0, 'x')], soon()))).code).toBe('kafka_refused')
  }
})

test.each([40101, 40301])(
  'Confluent refuses every record with %i and with that status: a person must look',
  async (code) => {
    const fake = await started(new FakeConfluent())
    fake.troubleOf = () => ({ code, message: 'Topic authorization failed' })
    const connection = confluent({ url: fake.url, allowPrivate: true }).connect(nodePort, 'c')
    const error = await errorOfCall(connection.produce('orders', [recordOf(0, 'one'), recordOf(1, 'two')], soon()))
    expect(error.code).toBe('kafka_refused')
  },
)

test('connections of one front ask for a topic once in five minutes', async () => {
  const fake = await started(new FakeConfluent())
  const front = confluent({ url: fake.url, allowPrivate: true })
  let now = Date.now()
  const port = { ...nodePort, now: () => now }
  for (const minutes of [0, 4, 0, 2]) {
    now += minutes * 60_000
    await front.connect(port, 'c').produce('orders', [recordOf(0, 'one')], soon())
  }
  expect(fake.callsOf(/GET .*partitions$/)).toHaveLength(2)
})

test('partitions that were added are found when a record goes to one of them', async () => {
  const fake = await started(new FakeConfluent())
  const connection = confluent({ url: fake.url, allowPrivate: true }).connect(nodePort, 'c')
  await connection.produce('orders', [recordOf(0, 'one')], soon())
  await connection.produce('orders', [recordOf(0, 'two')], soon())
  expect(fake.callsOf(/GET .*partitions$/)).toHaveLength(1)
  fake.kafka.createTopic('orders', 6)
  expect(await connection.produce('orders', [recordOf(5, 'three')], soon())).toMatchObject([{ written: true }])
})

test('a topic that was deleted is refused at the second call, and taken once it is back', async () => {
  const fake = await started(new FakeStrimzi())
  fake.blockMs = 30
  const connection = strimzi({ url: fake.url, allowPrivate: true }).connect(nodePort, 'c')
  await connection.produce('orders', [recordOf(0, 'one')], soon())
  fake.kafka.deleteTopic('orders')
  const outcomes = await connection.produce('orders', [recordOf(0, 'two')], soon())
  expect(outcomes).toMatchObject([{ written: false, retry: 'unknown' }])
  expect((await errorOfCall(connection.produce('orders', [recordOf(0, 'two')], soon()))).code).toBe('kafka_refused')
  fake.kafka.createTopic('orders', 3)
  expect(await connection.produce('orders', [recordOf(0, 'two')], soon())).toMatchObject([{ written: true }])
})

test('the same record twice in one call has two outcomes', async () => {
  const fake = await started(new FakeConfluent())
  const connection = confluent({ url: fake.url, allowPrivate: true }).connect(nodePort, 'c')
  const record = recordOf(0, 'twice', { key: bytes('ada') })
  expect(await connection.produce('orders', [record, record], soon())).toEqual([
    { written: true, offset: 0 },
    { written: true, offset: 1 },
  ])
})

test.each([
  [{ 'retry-after': '120' }, 120],
  [{ 'retry-after': 'Sun, 22 Nov 2026 10:00:30 GMT' }, 30],
  [{ 'retry-after': 'soon', 'x-ratelimit-reset': '2.5' }, 3],
  [{ 'x-ratelimit-reset': '1795341645' }, 45],
  [{ 'retry-after': '-5' }, 0],
  [{ 'retry-after': '999999' }, 3_600],
  [{ 'retry-after': 'soon' }, undefined],
  [{}, undefined],
] as const)('the headers %j ask to wait for %s seconds', (headers, seconds) => {
  expect(afterSecondsOf(new Headers(headers), Date.parse('2026-11-22T10:00:00Z'))).toBe(seconds)
})

test('JSON values one after the other are read up to where they are whole', () => {
  expect(jsonSequence('{"a":"}{\\"["}\r\n{"b":[1,{}]}{"c":')).toEqual([{ a: '}{"[' }, { b: [1, {}] }])
  expect(jsonSequence('')).toEqual([])
  expect(jsonSequence('<html>')).toEqual([])
})
