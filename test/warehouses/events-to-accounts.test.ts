import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import { StagedLoads } from '../loading/staged-loads.ts'
import { type RealDatabricks, startDatabricksWarehouse } from '../support/real-databricks.ts'
import { type RealRedshift, startRedshiftWarehouse } from '../support/real-redshift.ts'

let number = 0
const track = (event: string, properties: object, more: Partial<Event> = {}): Event =>
  ({ type: 'track', messageId: `m-${++number}`, userId: 'ada', event, properties, ...more }) as Event
const identify = (traits: object, receivedAt: string): Event =>
  ({ type: 'identify', messageId: `m-${++number}`, userId: 'ada', anonymousId: 'a-1', traits, receivedAt }) as Event

describe.each([
  ['redshift', startRedshiftWarehouse, 'group'],
  ['databricks', startDatabricksWarehouse, 'event_date'],
] as const)('events in %s', (engine, start, reserved) => {
  let warehouse: RealRedshift | RealDatabricks
  beforeAll(async () => {
    warehouse = await start()
  }, 60_000)
  afterAll(() => warehouse?.stop())
  beforeEach(() => warehouse.clear())

  test(`events in ${engine} become RudderStack's tables, each once however often it comes`, async () => {
    const loads = new StagedLoads(warehouse)
    const order = track('Order Completed', { orderId: 'order-1', total: 39.95, gift: true, lines: [{ sku: 'S-1' }] })
    for (const receivedAt of ['2026-11-22T10:00:00.000Z', '2026-11-29T10:00:00.000Z']) {
      const report = await loads.send({ ...order, receivedAt }, identify({ plan: 'pro' }, receivedAt))
      expect([report.error, loads.letters]).toEqual([undefined, []])
    }
    expect((await warehouse.tables()).filter((table) => !table.startsWith('_')).toSorted()).toEqual([
      'identifies',
      'order_completed',
      'tracks',
      'users',
    ])
    expect(await warehouse.rows('order_completed')).toMatchObject([
      {
        order_id: 'order-1',
        total: 39.95,
        gift: true,
        lines: '[{"sku":"S-1"}]',
        event: 'order_completed',
        received_at: '2026-11-29T10:00:00.000Z',
      },
    ])
    expect(await warehouse.count('identifies')).toBe(2)
    expect(await warehouse.rows('users')).toMatchObject([{ id: 'ada', plan: 'pro' }])
  })

  test(`a value that ${engine} has no column for is in rudder_discards, once and whole`, async () => {
    const loads = new StagedLoads(warehouse)
    await loads.send(track('Ordinary', { n: 10 }))
    const report = await loads.send(track('Ordinary', { n: 39.95 }, { messageId: 'fraction' }))
    expect([report.error, report.discards]).toEqual([undefined, 1])
    expect((await warehouse.rows('ordinary')).map(({ n }) => n).toSorted()).toEqual([10, null])
    expect(await warehouse.rows('rudder_discards', 'row_id')).toMatchObject([
      { table_name: 'ordinary', row_id: 'fraction', column_name: 'n', column_value: '39.95' },
    ])
  })

  test(`a word that ${engine} keeps is a name with "_" in front, and a long text is kept whole`, async () => {
    const loads = new StagedLoads(warehouse)
    const note = 'Ada Lovelace '.repeat(100).trim()
    await loads.send(track('Noted', { note: 'short', [reserved]: 'x' }))
    const report = await loads.send(track('Noted', { note, [reserved]: 'y' }))
    expect([report.error, report.discards, loads.letters]).toEqual([undefined, 0, []])
    expect((await warehouse.rows('noted')).map((row) => [row['note'], row[`_${reserved}`]]).toSorted()).toEqual([
      [note, 'y'],
      ['short', 'x'],
    ])
  })

  test(`a user in ${engine} is folded of all identifies, with what a wide row has no column for`, async () => {
    const loads = new StagedLoads(warehouse, { maxColumns: 50 })
    const answers = (from: number) =>
      Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`answer_${i}`, from + i]))
    await loads.send(identify({ plan: 'pro', ...answers(0) }, '2026-11-22T10:00:00.000Z'))
    await loads.send(identify({ city: 'London', ...answers(1_000) }, '2026-11-20T10:00:00.000Z'))
    expect(await warehouse.rows('users')).toMatchObject([
      { id: 'ada', plan: 'pro', city: 'London', answer_0: 0, answer_59: 59, received_at: '2026-11-22T10:00:00.000Z' },
    ])
  })

  test(`a row that ${engine} refuses is a dead letter, and the others are loaded`, async () => {
    const loads = new StagedLoads(warehouse)
    // Redshift has no room for it; Databricks takes texts of any length.
    const long = track('Noted', { note: 'x'.repeat(70_000) }, { messageId: 'long' })
    const report = await loads.send(track('Noted', { note: 'a' }), long, track('Noted', { note: 'b' }))
    expect(report.error).toBeUndefined()
    const isRefused = engine === 'redshift'
    expect(loads.letters.map(({ reason }) => reason)).toEqual(
      isRefused ? [expect.stringMatching(/the text in "note" has more than the 65535 bytes/)] : [],
    )
    expect((await warehouse.rows('noted')).map(({ note }) => String(note).length).toSorted()).toEqual(
      isRefused ? [1, 1] : [1, 1, 70_000],
    )
  })
})
