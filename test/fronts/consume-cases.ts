import { expect, test } from 'vitest'
import type { Bench } from './front-suite.ts'
import { errorOfCall, readAll, recordOf, soon, textOf } from './front-subject.ts'

const texts = (messages: readonly { readonly value: Uint8Array | null }[]) => messages.map(({ value }) => textOf(value))

/** What every front that consumes must do. */
export function consumeCases({ subject, started, connect, topic: newTopic }: Bench): void {
  const { name } = subject
  const { capabilities } = subject.front('http://127.0.0.1')
  const options = { maxBytes: 1_000_000, waitMs: 100, signal: soon(60_000) }

  test(`${name} reads from an offset, and from where it is told the oldest record is`, async () => {
    const topic = newTopic()
    const connection = connect()
    await connection.produce(
      topic,
      ['one', 'two', 'three'].map((value) => recordOf(0, value)),
      soon(),
    )
    const all = await connection.fetch([{ topic, partition: 0, offset: 'earliest' }], options)
    expect([texts(all.messages), all.moved]).toEqual([['one', 'two', 'three'], [{ topic, partition: 0, offset: 0 }]])
    const some = await connection.fetch([{ topic, partition: 0, offset: 1 }], options)
    expect([texts(some.messages), some.moved]).toEqual([['two', 'three'], []])
    const none = await connection.fetch([{ topic, partition: 0, offset: 3 }], options)
    expect(none).toEqual({ messages: [], moved: [] })
  })

  test.runIf(capabilities.latest)(
    `${name} reads from the end what is written after it was asked where that is`,
    async () => {
      const topic = newTopic()
      const connection = connect()
      await connection.produce(topic, [recordOf(0, 'long ago'), recordOf(0, 'yesterday')], soon())
      const first = await connection.fetch([{ topic, partition: 0, offset: 'latest' }], options)
      expect(first).toEqual({ messages: [], moved: [{ topic, partition: 0, offset: 2 }] })
      await connection.produce(topic, [recordOf(0, 'today')], soon())
      expect(texts((await connection.fetch(first.moved, options)).messages)).toEqual(['today'])
    },
  )

  test(`${name} says where partitions end, if it can`, async () => {
    const topic = newTopic()
    const connection = connect()
    await connection.produce(topic, [recordOf(0, 'one'), recordOf(0, 'two'), recordOf(2, 'three')], soon())
    const places = [0, 1, 2].map((partition) => ({ topic, partition }))
    const found = await connection.ends(places, soon())
    expect(found).toEqual(capabilities.latest ? places.map((place, i) => ({ ...place, offset: [2, 0, 1][i] })) : [])
  })

  test.runIf(!capabilities.latest)(`${name} refuses to look for the end of a partition, in words`, async () => {
    const error = await errorOfCall(connect().fetch([{ topic: newTopic(), partition: 0, offset: 'latest' }], options))
    expect(error).toMatchObject({ code: 'kafka_refused', message: expect.stringContaining('earliest') })
  })

  test(`${name} reads several partitions in the order of each`, async () => {
    const topic = newTopic()
    const connection = connect()
    const records = Array.from({ length: 150 }, (_, i) => recordOf(i % 3, `order ${i}`))
    await connection.produce(topic, records, soon())
    const from = [0, 1, 2].map((partition) => ({ topic, partition, offset: 'earliest' as const }))
    const got = await readAll(connection, from, { count: 150 })
    for (const { partition } of from)
      expect(texts(got.filter((one) => one.partition === partition))).toEqual(
        records.filter((one) => one.partition === partition).map(({ value }) => textOf(value)),
      )
  })

  test(`${name} waits for what is written while it waits`, async () => {
    const topic = newTopic()
    const connection = connect()
    const begun = Date.now()
    const reading = readAll(connection, [{ topic, partition: 0, offset: 'earliest' }], { count: 1, tries: 60 })
    await new Promise((resolve) => setTimeout(resolve, 250))
    await connect().produce(topic, [recordOf(0, 'just now')], soon())
    expect(texts(await reading)).toEqual(['just now'])
    expect(Date.now() - begun).toBeLessThan(8_000)
  })

  test(`${name} lets two readers read the same records, and neither disturbs the other`, async () => {
    const topic = newTopic()
    const [stock, email] = [connect(), connect()]
    await stock.produce(
      topic,
      Array.from({ length: 20 }, (_, i) => recordOf(0, `order ${i}`)),
      soon(),
    )
    const place = { topic, partition: 0 }
    const first = await stock.fetch([{ ...place, offset: 5 }], options)
    const second = await email.fetch([{ ...place, offset: 0 }], options)
    await stock.commit('shop', [{ ...place, offset: 20 }])
    await email.commit('shop', [{ ...place, offset: 20 }])
    await stock.produce(topic, [recordOf(0, 'order 20')], soon())
    expect(texts(first.messages)).toHaveLength(15)
    expect(texts(second.messages)).toHaveLength(20)
    for (const reader of [stock, email])
      expect(texts((await reader.fetch([{ ...place, offset: 20 }], options)).messages)).toEqual(['order 20'])
  })

  test(`${name} tells the group of the commit the next offset, whatever the front calls it`, async () => {
    const topic = newTopic()
    const connection = connect()
    await connection.produce(topic, [recordOf(1, 'one'), recordOf(1, 'two'), recordOf(1, 'three')], soon())
    await connection.fetch([{ topic, partition: 1, offset: 0 }], options)
    await connection.commit('sluiceway', [{ topic, partition: 1, offset: 2 }])
    const { fake } = started()
    if (fake !== undefined)
      expect(fake.kafka.committed.get('sluiceway')?.get(`${topic}-1`)).toBe(subject.commits === false ? undefined : 2)
    // The commit moves nothing.
    const { messages } = await connection.fetch([{ topic, partition: 1, offset: 3 }], options)
    expect(texts(messages)).toEqual([])
    expect(texts((await connection.fetch([{ topic, partition: 1, offset: 1 }], options)).messages)).toEqual([
      'two',
      'three',
    ])
  })

  test(`${name} commits without having read, and more partitions than it has read`, async () => {
    const topic = newTopic()
    const connection = connect()
    await connection.produce(
      topic,
      [0, 1, 2].map((partition) => recordOf(partition, 'one')),
      soon(),
    )
    await connection.commit('lag', [{ topic, partition: 0, offset: 1 }])
    await connection.commit(
      'lag',
      [0, 1, 2].map((partition) => ({ topic, partition, offset: 1 })),
    )
    const { fake } = started()
    if (fake !== undefined && subject.commits !== false)
      expect([0, 1, 2].map((partition) => fake.kafka.committed.get('lag')?.get(`${topic}-${partition}`))).toEqual([
        1, 1, 1,
      ])
  })

  test(`${name} refuses to read a topic that is not there`, async () => {
    const error = await errorOfCall(connect().fetch([{ topic: 'no-such-topic', partition: 0, offset: 0 }], options))
    expect(error.code).toBe('kafka_refused')
  })

  test(`${name} reads nothing when no position is named`, async () => {
    expect(await connect().fetch([], options)).toEqual({ messages: [], moved: [] })
  })

  test(`${name} reads a large partition in pieces, and skips nothing`, async () => {
    const topic = newTopic()
    const connection = connect()
    const records = Array.from({ length: 60 }, (_, i) => recordOf(0, `order ${i} ${'x'.repeat(90_000)}`))
    await connection.produce(topic, records, soon(20_000))
    const got = await readAll(connection, [{ topic, partition: 0, offset: 'earliest' }], { count: 60, tries: 70 })
    expect(got.map(({ offset }) => offset)).toEqual(records.map((_, i) => i))
    expect(got.map(({ value }) => textOf(value)?.split(' ')[1])).toEqual(records.map((_, i) => `${i}`))
  })
}
