import { expect, test } from 'vitest'
import type { FakeFront } from './fake-front.ts'
import type { Bench } from './front-suite.ts'
import { errorOfCall, recordOf, soon } from './front-subject.ts'

const produceCall = /POST .*(\/topics\/[^/]+(\/records)?|\/produce)$/

/** What a front must do when records or calls fail; each failure is switched on in the fake. */
export function produceTroubles({ subject, started, connect, topic: newTopic }: Bench): void {
  const { name } = subject
  const { capabilities } = subject.front('http://127.0.0.1')
  const fake = (): FakeFront => {
    const found = started().fake
    if (found === undefined) throw new Error('this case needs a fake')
    return found
  }
  const codes = subject.codes ?? { passing: 50003 }

  test(`${name} judges each partition by itself: some records failed, and others are written`, async () => {
    const topic = newTopic()
    fake().troubleOf = (_record, partition) =>
      partition === 1 ? { code: codes.passing, message: 'the leader is away' } : undefined
    const records = [recordOf(0, 'first'), recordOf(1, 'second'), recordOf(2, 'third')]
    const outcomes = await connect().produce(topic, records, soon())
    expect(outcomes.map(({ written }) => written)).toEqual([true, false, true])
    expect(outcomes[1]).toMatchObject({ written: false, reason: expect.stringContaining(String(codes.passing)) })
    expect(outcomes[1]).not.toMatchObject({ retry: 'no' })
    expect([0, 1, 2].map((partition) => fake().kafka.values(topic, partition))).toEqual([['first'], [], ['third']])
  })

  test(`${name} calls a failed record that was written all the same unknown: sent again, it is there twice and never lost`, async () => {
    const topic = newTopic()
    let isUpset = true
    fake().troubleOf = () =>
      isUpset ? { code: codes.passing, message: 'Expiring 1 record(s)', written: true } : undefined
    const connection = connect()
    const outcomes = await connection.produce(topic, [recordOf(0, 'Order Completed')], soon())
    expect(outcomes).toMatchObject([{ written: false, retry: 'unknown' }])
    isUpset = false
    expect(await connection.produce(topic, [recordOf(0, 'Order Completed')], soon())).toMatchObject([{ written: true }])
    expect(fake().kafka.values(topic)).toEqual(['Order Completed', 'Order Completed'])
  })

  test(`${name} ends at its deadline when an answer never comes, though it was written`, async () => {
    const topic = newTopic()
    const connection = connect()
    fake().upset(produceCall, { mishap: 'silence' })
    const begun = Date.now()
    const error = await errorOfCall(connection.produce(topic, [recordOf(0, 'Ada Lovelace')], soon(400)))
    expect(error.code).toBe('kafka_unavailable')
    expect(Date.now() - begun).toBeLessThan(2_500)
    await connection.produce(topic, [recordOf(0, 'Ada Lovelace')], soon())
    expect(fake().kafka.values(topic)).toEqual(['Ada Lovelace', 'Ada Lovelace'])
  })

  test(`${name} ends at its deadline when an answer has no end`, async () => {
    const topic = newTopic()
    fake().upset(produceCall, { mishap: 'endless' })
    const begun = Date.now()
    const call = connect().produce(topic, [recordOf(0, 'Grace Hopper')], soon(500))
    // A front that reports as it goes may have said already that it is written.
    await call.catch((error: unknown) => expect(error).toMatchObject({ code: 'kafka_unavailable' }))
    expect(Date.now() - begun).toBeLessThan(2_500)
    expect(fake().kafka.values(topic)).toEqual(['Grace Hopper'])
  })

  test(`${name} loses nothing when an answer breaks off`, async () => {
    const topic = newTopic()
    const connection = connect()
    fake().upset(produceCall, { mishap: 'cut' })
    const records = [recordOf(0, 'one'), recordOf(0, 'two'), recordOf(0, 'three')]
    const outcomes = await connection.produce(topic, records, soon()).catch((error: unknown) => {
      expect(error).toMatchObject({ code: 'kafka_unavailable' })
      return records.map(() => ({ written: false, retry: 'unknown' }) as const)
    })
    expect(outcomes.some((one) => !one.written && one.retry === 'unknown')).toBe(true)
    const left = records.filter((_, i) => outcomes[i]?.written !== true)
    await connection.produce(topic, left, soon())
    expect(new Set(fake().kafka.values(topic))).toEqual(new Set(['one', 'two', 'three']))
  })

  test(`${name} goes on after the connection was closed behind an answer`, async () => {
    const topic = newTopic()
    const connection = connect()
    for (const value of ['one', 'two', 'three']) {
      fake().upset(produceCall, { mishap: 'close' })
      expect(await connection.produce(topic, [recordOf(0, value)], soon())).toMatchObject([{ written: true }])
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    expect(fake().kafka.values(topic)).toEqual(['one', 'two', 'three'])
  })

  test(`${name} lets no record overtake one of its partition that failed`, async () => {
    const topic = newTopic()
    fake().troubleOf = ({ value }) =>
      value?.toString() === 'order 10' ? { code: codes.passing, message: 'the leader is away' } : undefined
    const count = capabilities.maxRecords + 200
    const records = Array.from({ length: count }, (_, i) => recordOf(i % 2, `order ${i}`))
    const outcomes = await connect().produce(topic, records, soon())
    expect(outcomes[10]).toMatchObject({ written: false })
    const later = outcomes.filter((_, i) => i >= capabilities.maxRecords && i % 2 === 0)
    expect(new Set(later.map((one) => (one.written ? 'written' : one.retry)))).toEqual(new Set(['yes']))
    expect(outcomes.filter((one, i) => i % 2 === 1 && !one.written)).toEqual([])
  })

  test.each([429, 503])(`${name} tells how long a front asks to wait with status %i`, async (status) => {
    const topic = newTopic()
    const connection = connect()
    const headers = status === 429 ? { 'x-ratelimit-reset': '7' } : { 'retry-after': '7' }
    fake().upset(produceCall, { answer: { status, headers, body: { error_code: status, message: 'too busy' } } })
    const error = await errorOfCall(connection.produce(topic, [recordOf(0, 'patient')], soon()))
    expect(error).toMatchObject({ code: 'kafka_unavailable', details: { afterSeconds: 7 } })
    expect(fake().kafka.values(topic)).toEqual([])
  })

  test(`${name} halves a call whose body is too large, until it fits`, async () => {
    const topic = newTopic()
    fake().maxBodyBytes = 3_000
    const records = Array.from({ length: 40 }, (_, i) => recordOf(0, `order ${i} ${i === 9 ? 'x'.repeat(9_000) : ''}`))
    const outcomes = await connect().produce(topic, records, soon())
    expect(outcomes.map((one) => (one.written ? 'written' : one.retry))).toEqual(
      records.map((_, i) => (i === 9 ? 'no' : 'written')),
    )
    expect(
      fake()
        .kafka.values(topic)
        .map((value) => value?.trim()),
    ).toEqual(records.map((_, i) => `order ${i}`).filter((_, i) => i !== 9))
  })

  test(`${name} finds the record because of which a whole call is refused, and writes the others`, async () => {
    const topic = newTopic()
    const poison = Buffer.from('poison!').toString('base64')
    fake().refusesBody = (body) => body.includes(poison)
    const records = Array.from({ length: 30 }, (_, i) => recordOf(i % 3, i === 17 ? 'poison!' : `order ${i}`))
    const outcomes = await connect().produce(topic, records, soon())
    expect(outcomes.map((one) => (one.written ? 'written' : one.retry))).toEqual(
      records.map((_, i) => (i === 17 ? 'no' : 'written')),
    )
  })

  test(`${name} blames no record when the front refuses every call`, async () => {
    const topic = newTopic()
    const connection = connect()
    await connection.produce(topic, [recordOf(0, 'all is well')], soon())
    const before = fake().calls.length
    fake().refusesBody = (body) => body !== ''
    const records = Array.from({ length: 400 }, (_, i) => recordOf(0, `order ${i}`))
    const error = await errorOfCall(connection.produce(topic, records, soon()))
    expect(error.code).toBe('kafka_refused')
    expect(fake().calls.length - before).toBeLessThan(20)
  })
}
