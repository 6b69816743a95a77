import RudderAnalytics from '@rudderstack/rudder-sdk-node'
import { Analytics as SegmentAnalytics } from '@segment/analytics-node'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import { type RealPostgres, startPostgres } from '../support/real-postgres.ts'
import { Server } from '../support/server.ts'
import { Sink, sinkSecret } from '../support/sink.ts'
import { d1Tables, postgresTables, type Tables } from '../support/tables.ts'
import { until } from '../support/until.ts'

const orders = 25
/** An event of each other type: identify, group, page, screen, alias. */
const expected = orders + 5

const orderedAt = new Date('2026-11-22T10:15:30.123Z')
/** What must arrive as it was said: text beyond ASCII, a null, a list of objects. */
const said = {
  coupon: null,
  note: 'Grüße — “Zoë” 王 🦋\n\t\\ </script>',
  products: [{ sku: '45790-32', name: 'Monopoly: 3rd Edition', price: 19, sizes: [1, 2.5] }],
}

const order = (userId: string, number: number) => ({
  order_id: `${userId}-${number}`,
  number,
  total: 129.9,
  currency: 'EUR',
  ...said,
})

/** What both SDKs have in common. */
interface Calls {
  readonly identify: (message: { userId: string; traits: Record<string, string> }) => unknown
  readonly group: (message: { userId: string; groupId: string; traits: Record<string, string> }) => unknown
  readonly page: (message: { userId: string; name: string; properties: Record<string, string> }) => unknown
  readonly screen: (message: { userId: string; name: string; properties: Record<string, string> }) => unknown
  readonly track: (message: {
    userId: string
    event: string
    properties: ReturnType<typeof order>
    timestamp: Date
  }) => unknown
  readonly alias: (message: { userId: string; previousId: string }) => unknown
}

function visit(sdk: Calls, userId: string): void {
  sdk.identify({ userId, traits: { name: 'Ada Lovelace', email: 'ada@example.com' } })
  sdk.group({ userId, groupId: 'analytical-society', traits: { name: 'Analytical Society' } })
  sdk.page({ userId, name: 'Home', properties: { path: '/' } })
  sdk.screen({ userId, name: 'Checkout', properties: { step: 'payment' } })
  for (let number = 1; number <= orders; number++)
    sdk.track({
      userId,
      event: 'Order Completed',
      properties: order(userId, number),
      timestamp: orderedAt,
    })
  sdk.alias({ userId, previousId: `${userId}-before` })
}

const sdks = [
  {
    name: '@rudderstack/rudder-sdk-node',
    library: 'analytics-node',
    userId: 'ada-rudder',
    send: async (url: string, writeKey: string) => {
      const sdk = new RudderAnalytics(writeKey, { dataPlaneUrl: url, flushAt: 10 })
      visit(sdk, 'ada-rudder')
      await sdk.flush()
    },
  },
  {
    name: '@segment/analytics-node',
    library: '@segment/analytics-node',
    userId: 'ada-segment',
    send: async (url: string, writeKey: string) => {
      const sdk = new SegmentAnalytics({ writeKey, host: url, flushAt: 10 })
      visit(sdk, 'ada-segment')
      await sdk.closeAndFlush()
    },
  },
]

const worlds = (['log', 'queues'] as const).flatMap((stream) =>
  (['d1', 'postgres'] as const).map((warehouse) => ({ stream, warehouse })),
)

describe.each(worlds)('by way of the stream $stream, with the warehouse $warehouse,', ({ stream, warehouse }) => {
  let sink: Sink
  let server: Server
  let database: RealPostgres | undefined
  let tables: Tables

  beforeAll(async () => {
    sink = await Sink.open()
    if (warehouse === 'postgres') database = await startPostgres()
    server = await Server.start({
      vars: {
        STREAM: stream,
        WEBHOOK_URL: sink.url,
        WEBHOOK_SECRET: sinkSecret,
        ...(database === undefined ? {} : { POSTGRES_URL: database.url }),
      },
    })
    tables = database === undefined ? d1Tables(server.state) : postgresTables(database.url, 'web')
    await Promise.all(sdks.map(({ send }) => send(server.url, server.writeKey)))
  })

  afterAll(async () => {
    await tables?.close()
    await server?.stop()
    await database?.stop()
    await sink?.close()
  })

  describe.each(sdks)('every call of $name', ({ name: sdkName, library, userId }) => {
    const atSink = () => sink.delivered.filter((event) => event.userId === userId)
    const ofType = (type: string): Event => {
      const found = atSink().filter((event) => event.type === type)
      expect(found.length, `${type} at the sink`).toBe(1)
      return found[0] as Event
    }
    const tracks = () => atSink().filter(({ type }) => type === 'track')
    const mine = async (table: string) => (await tables.rows(table)).filter((row) => row['user_id'] === userId)

    test(`every call of ${sdkName} is at the sink once, with what was said in it and who said it`, async () => {
      await until('all of it is at the sink', () => atSink().length >= expected, { seconds: 60 })
      // Whatever would come twice has come by now.
      await sleep(1_500)
      expect(atSink().length).toBe(expected)
      expect(new Set(atSink().map(({ messageId }) => messageId)).size).toBe(expected)

      expect(ofType('group').groupId).toBe('analytical-society')
      expect(ofType('page')).toMatchObject({ name: 'Home', properties: { path: '/' } })
      expect(ofType('screen')).toMatchObject({ name: 'Checkout', properties: { step: 'payment' } })
      expect(ofType('alias').previousId).toBe(`${userId}-before`)
      const { traits, context } = ofType('identify')
      expect((traits ?? context?.['traits']) as object).toMatchObject({ name: 'Ada Lovelace' })

      const numbers = tracks().map(({ properties }) => Number(properties?.['number']))
      expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: orders }, (_, i) => i + 1))
      for (const event of atSink()) {
        expect(event.context).toMatchObject({ library: { name: library, version: expect.any(String) } })
        for (const field of ['messageId', 'originalTimestamp', 'sentAt', 'timestamp', 'receivedAt'])
          expect(event[field], `${field} of ${event.type}`).toEqual(expect.any(String))
      }
      const first = tracks().find(({ properties }) => properties?.['number'] === 1)
      expect(first).toMatchObject({
        event: 'Order Completed',
        timestamp: orderedAt.toISOString(),
      })
      expect(first?.properties).toEqual(order(userId, 1))
      expect(sink.received.every(({ verified }) => verified)).toBe(true)
    })

    test(`every call of ${sdkName} is in the tables once, under the messageId that the sink got`, async () => {
      await until('all orders are in their table', async () => (await mine('order_completed')).length >= orders, {
        seconds: 90,
        everyMs: 250,
      })
      await until('the aliases are in their table', async () => (await mine('aliases')).length >= 1, { everyMs: 250 })
      const ids = (of: readonly Event[]) => of.map(({ messageId }) => messageId).toSorted()
      for (const [table, events] of [
        ['order_completed', tracks()],
        ['tracks', tracks()],
        ['identifies', [ofType('identify')]],
        ['groups', [ofType('group')]],
        ['pages', [ofType('page')]],
        ['screens', [ofType('screen')]],
        ['aliases', [ofType('alias')]],
      ] as const) {
        const rows = await mine(table)
        expect(rows.map(({ id }) => String(id)).toSorted(), table).toEqual(ids(events))
        for (const row of rows) expect(row['context_library_name'], table).toBe(library)
      }
      const users = (await tables.rows('users')).filter(({ id }) => id === userId)
      expect(users.length).toBe(1)
      expect(users[0]?.['name']).toBe('Ada Lovelace')

      const row = (await mine('order_completed')).find(({ number }) => Number(number) === 1)
      expect(row).toMatchObject({ order_id: `${userId}-1`, currency: 'EUR', event: 'order_completed' })
      // PostgreSQL gives a numeric as text, so that nothing of it is lost.
      expect(Number(row?.['total'])).toBe(129.9)
    })
  })
})
