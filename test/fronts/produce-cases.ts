import { expect, test } from 'vitest'
import type { KafkaMessage } from '../../src/core/kafka.ts'
import type { Bench } from './front-suite.ts'
import { bytes, errorOfCall, readAll, recordOf, soon, textOf } from './front-subject.ts'

/** What was written, as the broker has it; where there is no fake, as another connection reads it. */
export async function storedIn({ started, connect }: Bench, topic: string, partition: number, count: number) {
  const { fake } = started()
  if (fake !== undefined)
    return fake.kafka.read(topic, partition, 0).map(({ key, value, headers, timestamp, offset }) => ({
      offset,
      key: key?.toString('hex') ?? null,
      value: value?.toString('hex') ?? null,
      headers: headers.map(([name, one]) => [name, one?.toString('hex') ?? null]),
      timestamp,
    }))
  const hex = (one: Uint8Array | null) => (one === null ? null : Buffer.from(one).toString('hex'))
  const read = await readAll(connect(), [{ topic, partition, offset: 'earliest' }], { count })
  return read.map(({ offset, key, value, headers, timestamp }: KafkaMessage) => ({
    offset,
    key: hex(key),
    value: hex(value),
    headers: headers.map(([name, one]) => [name, hex(one)]),
    timestamp: timestamp ?? 0,
  }))
}

/** The values of a partition, as text. */
export const valuesIn = async (bench: Bench, topic: string, partition: number, count: number) =>
  (await storedIn(bench, topic, partition, count)).map(({ value }) =>
    value === null ? null : Buffer.from(value, 'hex').toString(),
  )

const hexOf = (text: string) => Buffer.from(text).toString('hex')

/** What every front must do with records that are produced. */
export function produceCases(bench: Bench): void {
  const { subject, connect, topic: newTopic } = bench
  const { name } = subject
  const { capabilities } = subject.front('http://127.0.0.1')

  test(`${name} writes every byte of keys and values unchanged, each record with its offset`, async () => {
    const topic = newTopic()
    const all = Uint8Array.from({ length: 256 }, (_, i) => i)
    const outcomes = await connect().produce(
      topic,
      [
        recordOf(1, 'Order Completed', { key: all, value: all }),
        recordOf(1, 'Žofie 👩‍🚀 \u2028 \u0000', { key: null }),
        recordOf(1, '', { key: bytes('') }),
        recordOf(2, 'null'),
      ],
      soon(),
    )
    expect(outcomes).toEqual([0, 1, 2, 0].map((offset) => ({ written: true, offset })))
    const stored = await storedIn(bench, topic, 1, 3)
    const everyByte = Buffer.from(all).toString('hex')
    expect(stored.map(({ key, value }) => [key, value])).toEqual([
      [everyByte, everyByte],
      [subject.blursKeys === true ? '' : null, hexOf('Žofie 👩‍🚀 \u2028 \u0000')],
      ['', ''],
    ])
    expect(await valuesIn(bench, topic, 2, 1)).toEqual(['null'])
  })

  test(`${name} ${capabilities.tombstones ? 'writes a tombstone as one' : 'refuses a tombstone for good, and writes what is beside it'}`, async () => {
    const topic = newTopic()
    const records = [recordOf(0, 'Ada Lovelace'), recordOf(0, '', { value: null }), recordOf(0, 'Grace Hopper')]
    const outcomes = await connect().produce(topic, records, soon())
    if (capabilities.tombstones) {
      expect(outcomes.map(({ written }) => written)).toEqual([true, true, true])
      expect(await valuesIn(bench, topic, 0, 3)).toEqual(['Ada Lovelace', null, 'Grace Hopper'])
    } else {
      expect(outcomes[1]).toMatchObject({ written: false, retry: 'no', reason: expect.stringContaining('tombstone') })
      expect(await valuesIn(bench, topic, 0, 2)).toEqual(['Ada Lovelace', 'Grace Hopper'])
    }
  })

  test(`${name} ${capabilities.headers ? 'writes headers of any script and name, repeated ones too' : 'refuses a record with headers for good'}`, async () => {
    const topic = newTopic()
    const headers = [
      ['message_id', bytes('order-1843')],
      ['Überschrift', bytes('日本語')],
      ['Überschrift', Uint8Array.of(0, 255)],
    ] as const
    const [outcome, bare] = await connect().produce(
      topic,
      [
        recordOf(0, 'with headers', { headers }),
        recordOf(0, 'with an empty one', {
          headers: [
            ['empty', bytes('')],
            ['none', null],
          ],
        }),
      ],
      soon(),
    )
    if (!capabilities.headers) {
      expect(outcome).toMatchObject({ written: false, retry: 'no', reason: expect.stringContaining('headers') })
      return
    }
    expect(outcome).toEqual({ written: true, offset: 0 })
    const toBlame = subject.filledHeaders === true ? '"empty"' : subject.nullHeaders === false ? '"none"' : undefined
    if (toBlame !== undefined)
      expect(bare).toMatchObject({ written: false, retry: 'no', reason: expect.stringContaining(toBlame) })
    const stored = await storedIn(bench, topic, 0, toBlame === undefined ? 2 : 1)
    expect(stored.map((one) => one.headers)).toEqual([
      [
        ['message_id', hexOf('order-1843')],
        ['Überschrift', hexOf('日本語')],
        ['Überschrift', '00ff'],
      ],
      ...(toBlame !== undefined
        ? []
        : [
            [
              ['empty', ''],
              ['none', null],
            ],
          ]),
    ])
  })

  test.runIf(capabilities.timestamps)(`${name} writes the time of a record`, async () => {
    const topic = newTopic()
    await connect().produce(topic, [recordOf(0, 'then', { timestamp: 1_700_000_000_123 })], soon())
    expect((await storedIn(bench, topic, 0, 1)).map(({ timestamp }) => timestamp)).toEqual([1_700_000_000_123])
  })

  test(`${name} keeps the order within each partition over many calls, which it cuts by count and by bytes`, async () => {
    const topic = newTopic()
    const before = bench.started().fake?.calls.length ?? 0
    const count = capabilities.maxRecords * 2 + 300
    const records = Array.from({ length: count }, (_, i) =>
      recordOf(i % 3, i % 97 === 0 ? `order ${i} ${'x'.repeat(60_000)}` : `order ${i}`),
    )
    const outcomes = await connect().produce(topic, records, soon(20_000))
    expect(outcomes.filter(({ written }) => !written)).toEqual([])
    expect(outcomes.map((one) => ('offset' in one ? one.offset : -1))).toEqual(records.map((_, i) => Math.floor(i / 3)))
    for (const partition of [0, 1, 2]) {
      const numbers = records.map((_, i) => i).filter((i) => i % 3 === partition)
      const values = await valuesIn(bench, topic, partition, numbers.length)
      expect(values.map((value) => Number(value?.split(' ')[1]))).toEqual(numbers)
    }
    const bodies =
      bench
        .started()
        .fake?.calls.slice(before)
        .map(({ body }) => body) ?? []
    expect(bodies.every((body) => Buffer.byteLength(body) <= capabilities.maxBytes)).toBe(true)
  })

  test(`${name} says that what is too large will never be taken, and writes the others`, async () => {
    const topic = newTopic()
    const outcomes = await connect().produce(
      topic,
      [recordOf(0, 'before'), recordOf(0, 'x'.repeat(1_400_000)), recordOf(0, 'after'), recordOf(1, 'beside')],
      soon(),
    )
    expect(outcomes.map(({ written }) => written)).toEqual([true, false, true, true])
    expect(outcomes[1]).toMatchObject({ written: false, retry: 'no' })
    expect(await valuesIn(bench, topic, 0, 2)).toEqual(['before', 'after'])
  })

  test(`${name} refuses to produce to a topic that is not there, soon and in words`, async () => {
    const error = await errorOfCall(connect().produce('no-such-topic', [recordOf(0, 'lost?')], soon(3_000)))
    expect(error.code).toBe('kafka_refused')
    expect(error.message).toContain('no-such-topic')
  })

  test.runIf(subject.hasLogin !== false)(
    `${name} lets no credential through that is wrong, and tells no secret`,
    async () => {
      const wrong = connect({ password: 'a-wrong-password-42' })
      const topic = newTopic()
      const calls: readonly (() => Promise<unknown>)[] = [
        () => wrong.produce(topic, [recordOf(0, 'stolen')], soon()),
        ...(capabilities.partitionCount ? [() => wrong.partitions(topic, soon())] : []),
        ...(capabilities.consume
          ? [() => wrong.fetch([{ topic, partition: 0, offset: 0 }], { maxBytes: 1_000, waitMs: 10, signal: soon() })]
          : []),
      ]
      for (const call of calls) {
        const error = await errorOfCall(call())
        expect(error.code).toBe('kafka_refused')
        expect(JSON.stringify([error.message, error.details])).not.toMatch(/a-wrong-password-42|YS13cm9uZy1/)
      }
    },
  )

  test(`${name} tells the number of partitions, and that a topic is not there`, async () => {
    expect(await connect().partitions(newTopic(), soon())).toBe(3)
    const error = await errorOfCall(connect().partitions('no-such-topic', soon()))
    expect(error.code).toBe('kafka_refused')
  })

  test(`${name} writes nothing to a partition that is not there, and the others`, async () => {
    const topic = newTopic()
    const connection = connect()
    const alone = await errorOfCall(connection.produce(topic, [recordOf(7, 'nowhere')], soon(5_000)))
    expect(alone.code).toBe('kafka_refused')
    const outcomes = await connection.produce(topic, [recordOf(0, 'here'), recordOf(7, 'nowhere')], soon(5_000))
    // It may be added: that is no verdict on the record.
    expect(outcomes).toMatchObject([{ written: true }, { written: false, retry: 'yes' }])
    expect(await valuesIn(bench, topic, 0, 1)).toEqual(['here'])
  })

  test.runIf(capabilities.consume)(`${name} gives back what it wrote`, async () => {
    const topic = newTopic()
    const connection = connect()
    await connection.produce(topic, [recordOf(2, 'Order Completed', { key: Uint8Array.of(1, 0, 200) })], soon())
    const [message] = await readAll(connection, [{ topic, partition: 2, offset: 'earliest' }], { count: 1 })
    expect(message).toMatchObject({ topic, partition: 2, offset: 0 })
    expect([...(message?.key ?? [])]).toEqual([1, 0, 200])
    expect(textOf(message?.value ?? null)).toBe('Order Completed')
  })
}
