import { expect, test } from 'vitest'
import type { Bench } from './front-suite.ts'
import { errorOfCall, readAll, recordOf, soon, textOf } from './front-subject.ts'

const readCall = /GET .*\/records$/

/** What a front must do when reads fail or the front has lost what it knew; each failure is switched on in the fake. */
export function consumeTroubles({ subject, started, connect, topic: newTopic }: Bench): void {
  const { name } = subject
  const hasInstances = subject.hasInstances !== false
  const fake = () => {
    const found = started().fake
    if (found === undefined) throw new Error('this case needs a fake')
    return found
  }
  const options = () => ({ maxBytes: 1_000_000, waitMs: 50, signal: soon() })
  const fill = async (topic: string, count: number) =>
    connect().produce(
      topic,
      Array.from({ length: count }, (_, i) => recordOf(0, `order ${i}`)),
      soon(),
    )
  const values = (messages: readonly { readonly value: Uint8Array | null }[]) =>
    messages.map(({ value }) => textOf(value))
  const orders = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `order ${from + i}`)

  test.runIf(hasInstances)(`${name} goes on where it was after the front has lost its instance`, async () => {
    const topic = newTopic()
    await fill(topic, 4)
    const connection = connect()
    const place = { topic, partition: 0 }
    expect(values((await connection.fetch([{ ...place, offset: 0 }], options())).messages)).toEqual(orders(0, 4))
    fake().consumers?.loseAll()
    await fill(topic, 2)
    expect(values((await connection.fetch([{ ...place, offset: 4 }], options())).messages)).toEqual(orders(0, 2))
  })

  test.runIf(hasInstances)(`${name} goes on where it was after its instance has ended for being idle`, async () => {
    const topic = newTopic()
    await fill(topic, 3)
    const connection = connect()
    const { consumers } = fake()
    if (consumers === undefined) throw new Error('this case needs consumers')
    const before = consumers.idleMs
    consumers.idleMs = 30
    await connection.fetch([{ topic, partition: 0, offset: 0 }], options())
    await new Promise((resolve) => setTimeout(resolve, 120))
    consumers.idleMs = before
    expect(values((await connection.fetch([{ topic, partition: 0, offset: 1 }], options())).messages)).toEqual(
      orders(1, 3),
    )
  })

  test.each(['error', 'cut', 'garbage', 'silence', 'endless'] as const)(
    `${name} skips nothing after a read whose answer was lost (%s), though the front has moved on`,
    async (mishap) => {
      const topic = newTopic()
      await fill(topic, 6)
      const connection = connect()
      const place = { topic, partition: 0 }
      // The instance is there already when it happens.
      expect((await connection.fetch([{ ...place, offset: 6 }], options())).messages).toEqual([])
      fake().upset(readCall, { mishap })
      const begun = Date.now()
      const error = await errorOfCall(
        connection.fetch([{ ...place, offset: 2 }], { ...options(), signal: AbortSignal.timeout(500) }),
      )
      expect(error.code).toBe('kafka_unavailable')
      expect(Date.now() - begun).toBeLessThan(3_000)
      expect(values(await readAll(connection, [{ ...place, offset: 2 }], { count: 4 }))).toEqual(orders(2, 6))
    },
  )

  test(`${name} does not take silence for the end: what is there comes after empty reads`, async () => {
    const topic = newTopic()
    await fill(topic, 3)
    const connection = connect()
    fake().emptyPolls = 3
    expect(values(await readAll(connection, [{ topic, partition: 0, offset: 'earliest' }], { count: 3 }))).toEqual(
      orders(0, 3),
    )
  })

  test(`${name} begins again at the oldest record, and says so, where a position is beyond the end`, async () => {
    const topic = newTopic()
    await fill(topic, 3)
    const { messages, moved } = await connect().fetch([{ topic, partition: 0, offset: 900 }], options())
    expect([values(messages), moved]).toEqual([orders(0, 3), [{ topic, partition: 0, offset: 0 }]])
  })

  test(`${name} goes on at the oldest record, and says so, where older ones are gone`, async () => {
    const topic = newTopic()
    await fill(topic, 8)
    fake().kafka.trim(topic, 0, 5)
    for (const offset of [2, 'earliest'] as const) {
      const { messages, moved } = await connect().fetch([{ topic, partition: 0, offset }], options())
      expect([values(messages), moved]).toEqual([orders(5, 8), [{ topic, partition: 0, offset: 5 }]])
    }
  })

  test.runIf(hasInstances)(`${name} takes over an instance of its name that was left behind`, async () => {
    const topic = newTopic()
    await fill(topic, 2)
    const client = `left-${crypto.randomUUID()}`
    const first = connect({ client })
    await first.fetch([{ topic, partition: 0, offset: 0 }], options())
    const second = connect({ client })
    expect(values((await second.fetch([{ topic, partition: 0, offset: 0 }], options())).messages)).toEqual(orders(0, 2))
  })

  test.runIf(hasInstances)(`${name} leaves no instance behind when it is closed, in either group`, async () => {
    const topic = newTopic()
    await fill(topic, 1)
    const connection = connect()
    const before = fake().consumers?.size
    await connection.fetch([{ topic, partition: 0, offset: 0 }], options())
    await connection.commit('sluiceway', [{ topic, partition: 0, offset: 1 }])
    await connection.fetch([{ topic, partition: 0, offset: 1 }], options())
    expect(fake().consumers?.size).toBe((before ?? 0) + 1)
    await connection.close()
    expect(fake().consumers?.size).toBe(before)
    await connection.close()
  })

  test(`${name} closes without an error when the front does not answer any more`, async () => {
    const topic = newTopic()
    await fill(topic, 1)
    const connection = connect()
    await connection.fetch([{ topic, partition: 0, offset: 0 }], options())
    fake().upset(/DELETE/, { answer: { status: 500 } })
    await expect(connection.close()).resolves.toBeUndefined()
  })

  test(`${name} sends back the cookie that binds it to one process of the front`, async () => {
    const topic = newTopic()
    await fill(topic, 1)
    const connection = connect()
    fake().setCookie = 'affinity=proxy-2; Path=/; HttpOnly'
    const before = fake().calls.length
    await connection.fetch([{ topic, partition: 0, offset: 0 }], options())
    await connection.fetch([{ topic, partition: 0, offset: 1 }], options())
    const cookies = fake()
      .calls.slice(before)
      .map(({ headers }) => headers.cookie)
    expect(cookies.length).toBeGreaterThan(1)
    expect(cookies).toEqual([undefined, ...cookies.slice(1).map(() => 'affinity=proxy-2')])
  })

  test(`${name} asks for what may go away again, and tells how long a front asks to wait`, async () => {
    const topic = newTopic()
    await fill(topic, 2)
    const connection = connect()
    await connection.fetch([{ topic, partition: 0, offset: 0 }], options())
    fake().upset(readCall, { answer: { status: 429, headers: { 'retry-after': '3' }, body: {} } })
    const error = await errorOfCall(connection.fetch([{ topic, partition: 0, offset: 0 }], options()))
    expect(error).toMatchObject({ code: 'kafka_unavailable', details: { afterSeconds: 3 } })
    expect(values((await connection.fetch([{ topic, partition: 0, offset: 0 }], options())).messages)).toEqual(
      orders(0, 2),
    )
  })
}
