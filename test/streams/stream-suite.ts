import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pack, type Packed } from '../../src/core/envelope.ts'
import { StreamHarness } from './stream-harness.ts'
import { until } from '../support/until.ts'
import { headerOf, packedOrder } from '../support/sample-events.ts'

interface Subject {
  /** A file of src/streams that exports a driver of the same name. */
  readonly driver: string
  /** What it is called in titles; the driver when left out. */
  readonly name?: string
  /** Module that exports the driver, and what it is given; its file in src/streams, with its defaults, when left out. */
  readonly module?: string
  readonly options?: () => Promise<object>
  /** Called once the driver runs. */
  readonly started?: (harness: StreamHarness) => void
  /** Breaks the backend, and mends it, where no binding is the backend. */
  readonly setBroken?: (isBroken: boolean) => void
  /** What one append takes; see `Stream.limits`. */
  readonly limits: { readonly events: number; readonly bytes: number }
  /** Cases that this driver cannot pass here, each with its reason. */
  readonly exceptions?: { readonly killed?: string }
}

const ids = (count: number, name: string) => Array.from({ length: count }, (_, i) => `${name} ${i}`)

const small = (id: string): Packed => pack(headerOf(id), '{}')

/** An append of exactly `bytes` code units, in events of at most 32,000. */
function ofBytes(bytes: number, name: string): Packed[] {
  const batch: Packed[] = []
  for (let left = bytes; left > 0;) {
    const size = left > 64_000 ? 32_000 : left > 32_000 ? left >> 1 : left
    const id = `${name} ${batch.length}`
    const bare = packedOrder(id, { properties: { note: '' } }).text.length
    batch.push(packedOrder(id, { properties: { note: 'x'.repeat(size - bare) } }))
    left -= size
  }
  return batch
}

/** The contract of `Stream`: what every driver must do, between an append and the lanes. */
export function streamSuite({
  driver,
  name: label = driver,
  module,
  options,
  limits,
  exceptions = {},
  started,
  setBroken,
}: Subject): void {
  describe(`${label} as a stream`, () => {
    let harness: StreamHarness
    let position = 0
    beforeAll(async () => {
      harness = await StreamHarness.start({
        driver,
        ...(module === undefined ? {} : { module }),
        ...(options === undefined ? {} : { options: await options() }),
      })
      started?.(harness)
    })
    afterAll(() => harness.stop())

    /** Appends, waits until the events are at the lane, and returns only those. */
    const pass = async (batch: readonly Packed[]) => {
      await harness.append(batch)
      return arrived(batch.length)
    }
    const arrived = async (count: number) => {
      const got = (await harness.gotSo(position + count)).slice(position)
      position += got.length
      return got
    }

    test(`the stream ${label} delivers events unchanged`, async () => {
      const events = [
        { properties: { name: 'Žofie 👩‍🚀 \u2028 \u0000 "quoted" \\ \n', lone: '\ud800', empty: '' } },
        { properties: { nothing: null, deep: { list: [[], {}, [null, { a: [1.5, -0.1, 1e21] }]] } } },
        { 'an unknown field': true, context: { 'with.dots': 1, '': 'no name' } },
        { properties: JSON.parse('{"__proto__":{"polluted":true},"constructor":1}') as Record<string, unknown> },
      ].map((event, i) => packedOrder(`unchanged ${i}`, event))
      const got = await pass(events)
      expect(got.map(({ text }) => text)).toEqual(events.map(({ text }) => text.split('\n')[1]))
      expect(got.map(({ id, key }) => [id, key])).toEqual(events.map(({ id, key }) => [id, key]))
    })

    test(`the stream ${label} delivers to every lane of the routing, and only to those`, async () => {
      await pass([packedOrder('for all'), packedOrder('not for audit', {}, { to: ['webhook'] })])
      const audit = await harness.gotSo(1, 'audit:0')
      // The log shows a lane everything, and the lane picks what is routed to it.
      expect(audit.map(({ id }) => id)).toContain('for all')
    })

    test(`the stream ${label} keeps the order of a key`, async () => {
      for (let n = 0; n < 10; n++)
        await harness.append([
          packedOrder(`ada ${n}`, {}, { key: 'ada' }),
          packedOrder(`grace ${n}`, {}, { key: 'grace' }),
        ])
      const got = await arrived(20)
      for (const key of ['ada', 'grace'])
        expect(got.filter((one) => one.key === key).map(({ id }) => id)).toEqual(ids(10, key))
    })

    test(`the stream ${label} takes ${limits.events} events in one append`, async () => {
      const got = await pass(ids(limits.events, 'many').map(small))
      expect(new Set(got.map(({ id }) => id)).size).toBe(limits.events)
    })

    test(`the stream ${label} takes ${limits.bytes} bytes in one append`, async () => {
      const batch = ofBytes(limits.bytes, 'large')
      expect(batch.reduce((sum, { text }) => sum + text.length, 0)).toBe(limits.bytes)
      const got = await pass(batch)
      expect(got.map(({ text }) => text.length).reduce((sum, length) => sum + length)).toBeGreaterThan(700_000)
    })

    test(`the stream ${label} rejects what is above a limit, and takes nothing of it`, async () => {
      await expect(harness.append(ids(limits.events + 1, 'too many').map(small))).rejects.toMatchObject({
        code: 'stream_limit',
      })
      await expect(harness.append(ofBytes(limits.bytes + 1, 'too large'))).rejects.toMatchObject({
        code: 'stream_limit',
      })
      const got = await pass([packedOrder('after the refusals')])
      expect(got.map(({ id }) => id)).toEqual(['after the refusals'])
    })

    test(`the stream ${label} rejects with stream_unavailable while its backend is unavailable, and the same events pass once it is back`, async () => {
      const batch = [packedOrder('stubborn 0'), packedOrder('stubborn 1')]
      setBroken?.(true)
      await expect(harness.append(batch, { broken: true })).rejects.toMatchObject({ code: 'stream_unavailable' })
      setBroken?.(false)
      const got = await pass(batch)
      expect(got.map(({ id }) => id)).toEqual(['stubborn 0', 'stubborn 1'])
    })

    test(`the stream ${label} delivers all of many parallel appends`, async () => {
      await Promise.all(ids(40, 'parallel').map((name) => harness.append(ids(5, name).map((id) => packedOrder(id)))))
      const got = await arrived(200)
      const expected = ids(40, 'parallel').flatMap((name) => ids(5, name))
      expect(got.map(({ id }) => id).toSorted()).toEqual(expected.toSorted())
    })

    test(`the stream ${label} does not deliver again what a lane has taken`, async () => {
      await pass([packedOrder('once')])
      await new Promise((resolve) => setTimeout(resolve, 1500))
      const visits = await harness.visits()
      expect(visits.filter((visit) => visit.ids.includes('once'))).toHaveLength(1)
    })

    test(`the stream ${label} delivers again what a lane refuses for now, and not before its time`, async () => {
      await harness.script({ kind: 'not now', seconds: 2 })
      await pass([packedOrder('later')])
      const [refused, took] = (await harness.visits()).filter((visit) => visit.ids.includes('later'))
      expect([refused?.kind, took?.kind]).toEqual(['not now', 'done'])
      expect((took?.at ?? 0) - (refused?.at ?? 0)).toBeGreaterThanOrEqual(1900)
    })

    test(`the stream ${label} delivers again what breaks a lane`, async () => {
      await harness.script({ kind: 'throw' })
      const got = await pass([packedOrder('bumpy 0'), packedOrder('bumpy 1')])
      expect(got.map(({ id }) => id)).toEqual(['bumpy 0', 'bumpy 1'])
      expect((await harness.visits()).filter((visit) => visit.ids.includes('bumpy 0')).map(({ kind }) => kind)).toEqual(
        ['throw', 'done'],
      )
    })

    const { killed } = exceptions
    test.skipIf(killed !== undefined)(
      `the stream ${label} loses nothing that was acknowledged to a kill -9 in the middle${killed === undefined ? '' : ` (not here: ${killed})`}`,
      async () => {
        const acknowledged: string[] = []
        const traffic = { on: true }
        const clients = Array.from({ length: 8 }, async (_, client) => {
          for (let n = 0; traffic.on; n++) {
            const id = `client ${client} event ${n}`
            await harness.append([packedOrder(id, {}, { key: `client ${client}` })])
            acknowledged.push(id)
          }
        })
        await until('21 events are acknowledged', () => acknowledged.length > 20)
        const restarted = harness.restart()
        traffic.on = false
        await Promise.allSettled(clients)
        await restarted
        expect(acknowledged.length).toBeGreaterThan(20)
        await harness.append([packedOrder('after the kill')])
        const got = await (async () => {
          for (;;) {
            const all = await harness.gotSo(position + acknowledged.length)
            if (all.some(({ id }) => id === 'after the kill')) return all
          }
        })()
        const there = new Set(got.map(({ id }) => id))
        expect(acknowledged.filter((id) => !there.has(id))).toEqual([])
      },
    )
  })
}
