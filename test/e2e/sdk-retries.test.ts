import RudderAnalytics from '@rudderstack/rudder-sdk-node'
import { Analytics as SegmentAnalytics } from '@segment/analytics-node'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Server } from '../support/server.ts'
import { Sink, sinkSecret } from '../support/sink.ts'
import { type Mishap, openUnsteadyProxy, type UnsteadyProxy } from './unsteady-proxy.ts'
import { until } from '../support/until.ts'

const orders = 32
const flushAt = 8

const limited: Mishap = { status: 429, retryAfter: 1 }
const unavailable: Mishap = { status: 503 }
const before: Mishap = 'cut before the server has it'
const after: Mishap = 'cut after the server took it'

/** Three mishaps in turn for each batch, as RudderStack's SDK gives up after four attempts. */
const mishaps: readonly (readonly Mishap[])[] = [
  [limited, after, unavailable],
  [after, unavailable, after],
  [unavailable, limited, before],
  [before, after, limited],
]
const mishapsOf = (batch: number): readonly Mishap[] => mishaps[batch % mishaps.length] ?? []

const order = (userId: string, number: number) => ({
  userId,
  event: 'Order Completed',
  properties: { order_id: `${userId}-${number}`, number, customer: 'Ada Lovelace' },
})

const sdks = [
  {
    name: '@rudderstack/rudder-sdk-node',
    userId: 'ada-rudder',
    gzip: true,
    send: async (url: string, writeKey: string) => {
      const sdk = new RudderAnalytics(writeKey, { dataPlaneUrl: url, flushAt, logLevel: 'none' })
      for (let number = 1; number <= orders; number++) sdk.track(order('ada-rudder', number))
      await sdk.flush()
    },
  },
  {
    name: '@segment/analytics-node',
    userId: 'ada-segment',
    gzip: false,
    send: async (url: string, writeKey: string) => {
      const sdk = new SegmentAnalytics({ writeKey, host: url, flushAt })
      for (let number = 1; number <= orders; number++) sdk.track(order('ada-segment', number))
      await sdk.closeAndFlush({ timeout: 60_000 })
    },
  },
]

describe.each(sdks)('$name, when answers are 429 and 503 and connections break,', ({ name, userId, gzip, send }) => {
  let sink: Sink
  let server: Server
  let proxy: UnsteadyProxy

  const numbers = () => sink.delivered.map(({ properties }) => Number(properties?.['number']))
  const all = Array.from({ length: orders }, (_, i) => i + 1)
  const met = (mishap: Mishap) => proxy.attempts.filter((attempt) => attempt.mishap === mishap)

  beforeAll(async () => {
    sink = await Sink.open()
    server = await Server.start({ vars: { WEBHOOK_URL: sink.url, WEBHOOK_SECRET: sinkSecret } })
    proxy = await openUnsteadyProxy(server.url, mishapsOf)
    await send(proxy.url, server.writeKey)
    await until('all of it is at the sink', () => new Set(numbers()).size >= orders, { seconds: 60 })
    // Whatever would come twice has come by now.
    await sleep(1_500)
  })

  afterAll(async () => {
    await proxy?.close()
    await server?.stop()
    await sink?.close()
  })

  test(`${name} loses nothing and doubles nothing when answers are 429 and 503 and connections break`, async () => {
    expect(numbers().toSorted((a, b) => a - b)).toEqual(all)
    expect(new Set(sink.delivered.map(({ messageId }) => messageId)).size).toBe(orders)
    for (const { userId: of, properties } of sink.delivered)
      expect([of, properties]).toEqual([userId, order(userId, Number(properties?.['number'])).properties])
    expect(await server.deadLetters()).toEqual([])
  })

  test(`${name} met each of the mishaps, and the server took some batches several times`, () => {
    for (const mishap of [limited, unavailable, before, after])
      expect(met(mishap).length, JSON.stringify(mishap)).toBeGreaterThanOrEqual(1)
    const accepted = proxy.attempts.filter(({ status }) => status === 200)
    expect(proxy.attempts.every(({ status }) => status === undefined || status === 200)).toBe(true)
    expect(accepted.length).toBe(met(after).length + proxy.attempts.filter(({ mishap }) => mishap === undefined).length)
    const ids = accepted.flatMap((attempt) => attempt.ids)
    expect(ids.length).toBeGreaterThan(new Set(ids).size)
    expect(new Set(ids).size).toBe(orders)
  })

  test(`${name} sends in batches, compressed or not as it does by itself, and the same batch again`, () => {
    for (const attempt of proxy.attempts) expect(attempt.gzip).toBe(gzip)
    expect(proxy.attempts.some(({ ids }) => ids.length >= flushAt)).toBe(true)
    const batches = new Set(proxy.attempts.map(({ ids }) => ids.join()))
    expect([...batches].join().split(',').length).toBe(orders)
    for (const batch of batches) {
      const attempts = proxy.attempts.filter(({ ids }) => ids.join() === batch)
      expect(attempts.at(-1)?.status).toBe(200)
    }
  })

  test(`${name} waits as long as Retry-After says`, () => {
    for (const attempt of met(limited)) {
      const next = proxy.attempts.find(({ at, ids }) => at > attempt.at && ids.join() === attempt.ids.join())
      expect((next?.at ?? 0) - attempt.at).toBeGreaterThanOrEqual(950)
    }
  })
})
