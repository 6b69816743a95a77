import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Example, examples, expectUnchanged, isFor } from '../spec/examples.ts'
import { basic, Server } from '../support/server.ts'
import { Sink, sinkSecret } from '../support/sink.ts'
import { d1Tables, type Row } from '../support/tables.ts'
import { until } from '../support/until.ts'

const batchEvents = 50
const ip = '198.51.100.7'

/** An example as it was sent once. */
interface Sent {
  readonly example: Example
  readonly how: 'alone' | 'in a batch'
  readonly messageId: string
}

// Those that name their messageId keep it where they are sent alone.
const alone: readonly Sent[] = examples.map((example, i) => ({
  example,
  how: 'alone',
  messageId: String(example.event['messageId'] ?? `alone-${i}`),
}))
const inBatches: readonly Sent[] = examples.map((example, i) => ({
  example,
  how: 'in a batch',
  messageId: `batch-${i}`,
}))
const all = [...alone, ...inBatches]

const idsOf = (sent: readonly Sent[]): string[] => sent.map(({ messageId }) => messageId).toSorted()

/** The tables that have a row of an example, by the names that warehouses give them. */
function tablesOf({ call, event }: Example): string[] {
  if (call === 'alias') return ['aliases']
  if (call === 'identify') return ['identifies']
  if (call !== 'track') return [`${call}s`]
  const { event: name } = event
  return ['tracks', ...(typeof name === 'string' ? [name.toLowerCase().replaceAll(' ', '_')] : [])]
}

describe('the examples of the event specification, sent to the real server alone and in batches,', () => {
  let sinks: Readonly<Record<'Sink' | 'CRM', Sink>>
  let server: Server
  let startedAt: number

  beforeAll(async () => {
    sinks = { Sink: await Sink.open(), CRM: await Sink.open() }
    server = await Server.start({
      config: 'spec.config.ts',
      vars: { SINK: sinks.Sink.url, CRM: sinks.CRM.url, WEBHOOK_SECRET: sinkSecret },
    })
    startedAt = Date.now()
  })

  afterAll(async () => {
    await server?.stop()
    await sinks?.Sink.close()
    await sinks?.CRM.close()
  })

  async function accepts(path: string, body: unknown, count: number): Promise<void> {
    const response = await server.post(path, body, {
      headers: { authorization: basic(server.writeKey), 'content-type': 'application/json', 'x-forwarded-for': ip },
    })
    expect([path, response.status, await response.json()]).toEqual([path, 200, { success: true, accepted: count }])
  }

  test('the examples of the event specification are accepted by the real server, alone and in batches', async () => {
    for (const { example, messageId } of alone) await accepts(`/v1/${example.call}`, { ...example.event, messageId }, 1)
    for (let from = 0; from < inBatches.length; from += batchEvents) {
      const batch = inBatches
        .slice(from, from + batchEvents)
        .map(({ example, messageId }) => ({ type: example.call, ...example.event, messageId }))
      await accepts('/v1/batch', { batch }, batch.length)
    }
  })

  test.each(['Sink', 'CRM'] as const)(
    'the examples of the event specification are at the destination %s once, as they were sent, unless their integrations leave it out',
    async (displayName) => {
      const sink = sinks[displayName]
      const expected = all.filter(({ example }) => isFor(example, displayName))
      expect(expected.length).toBeLessThan(all.length)
      await until('all of them arrived', () => sink.deliveries.size >= expected.length, { seconds: 60 })
      // Whatever would come twice, or should not come, has come by now.
      await sleep(1_500)
      expect(sink.delivered.map(({ messageId }) => messageId).toSorted()).toEqual(idsOf(expected))
      const arrived = new Map(sink.delivered.map((event) => [event.messageId, event]))
      for (const { example, how, messageId } of expected)
        expectUnchanged(
          arrived.get(messageId) ?? {},
          { ...example, title: `${example.title}, ${how}` },
          { ip, notBefore: startedAt, messageId },
        )
      expect(sink.received.every(({ verified }) => verified)).toBe(true)
    },
  )

  test('the examples of the event specification have a row in each of their tables', async () => {
    const tables = d1Tables(server.state)
    const expected = new Map<string, Sent[]>()
    for (const sent of all)
      for (const table of tablesOf(sent.example)) expected.set(table, [...(expected.get(table) ?? []), sent])
    const ids = async (table: string) => (await tables.rows(table)).map(({ id }) => String(id)).toSorted()
    for (const [table, sent] of expected) {
      await until(`${table} has all rows`, async () => (await ids(table)).length >= sent.length, { seconds: 60 })
      expect(await ids(table), table).toEqual(idsOf(sent))
    }
    expect((await tables.names()).toSorted()).toEqual([...expected.keys(), 'users', 'rudder_discards'].toSorted())
  })

  // The documents give these two both as numbers and as text; what comes first decides the type of the column.
  test('the examples of the event specification lose no value to another type of column, but for two that the documents contradict each other about', async () => {
    const discards = async (why: RegExp) =>
      (await d1Tables(server.state).rows('rudder_discards'))
        .filter((row) => why.test(String(row['reason'])))
        .map((row) => [row['table_name'], row['column_name'], row['column_value']].join(' '))
        .toSorted()
    const ofType = /^the column is \w+, the value is/
    await until('they are noted', async () => (await discards(ofType)).length >= 4)
    expect(await discards(ofType)).toEqual([
      'groups employees 16',
      'groups employees 16',
      'product_reviewed rating 5',
      'product_reviewed rating 5',
    ])
    // The columns of these hold what the event says of itself.
    expect(new Set(await discards(/^the column is filled/))).toEqual(
      new Set([
        'groups id society-1812',
        'identifies id ada-1815',
        ...['completed', 'playing', 'started'].map((state) => `video_content_${state} channel society live`),
      ]),
    )
  })

  test('the examples of the event specification have their values in the columns', async () => {
    const tables = d1Tables(server.state)
    const rowOf = async (table: string, title: string): Promise<Row | undefined> => {
      const sent = inBatches.find(({ example }) => example.title === title)
      return (await tables.rows(table)).find(({ id }) => id === sent?.messageId)
    }
    expect(await rowOf('order_completed', 'Order Completed')).toMatchObject({
      checkout_id: 'checkout-18',
      order_id: 'order-1842',
      affiliation: 'Difference Engine Shop',
      subtotal: 19,
      total: 24.5,
      revenue: 20.5,
      currency: 'GBP',
      anonymous_id: 'anon-ada',
      event_text: 'Order Completed',
    })
    expect(JSON.parse(String((await rowOf('order_completed', 'Order Completed'))?.['products']))).toMatchObject([
      { sku: 'W-10-32', price: 12.5 },
      { sku: 'A-3-32', price: 4 },
    ])
    expect(await rowOf('identifies', 'identify in full')).toMatchObject({
      user_id: 'ada-1815',
      name: 'Ada Lovelace',
      address_city: 'London',
      timestamp: '2024-12-10T09:30:00.098Z',
    })
    expect(await rowOf('groups', 'group in full')).toMatchObject({
      group_id: 'society-1812',
      total_billed: 1812,
    })
    expect(await rowOf('application_updated', 'Application Updated')).toMatchObject({
      previous_version: '2.4.1',
      version: '2.5.0',
    })
    expect((await tables.rows('users')).map(({ id }) => id).toSorted()).toEqual([
      'ada-1815',
      'charles-1791',
      'grace-1906',
    ])
  })

  test('the examples of the event specification leave no dead letter', async () => {
    expect(await server.deadLetters()).toEqual([])
  })
})
