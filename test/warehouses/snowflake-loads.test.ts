import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import { StagedLoads } from '../loading/staged-loads.ts'
import { type SnowflakeWarehouse, startSnowflakeWarehouse } from '../support/real-snowflake.ts'

let warehouse: SnowflakeWarehouse
beforeAll(async () => {
  warehouse = await startSnowflakeWarehouse()
}, 60_000)
afterAll(() => warehouse?.stop())
beforeEach(() => warehouse.clear())

let number = 0
const track = (event: string, properties: object, more: Partial<Event> = {}): Event =>
  ({ type: 'track', messageId: `m-${++number}`, userId: 'ada', event, properties, ...more }) as Event
const identify = (traits: object, receivedAt: string): Event =>
  ({ type: 'identify', messageId: `m-${++number}`, userId: 'ada', anonymousId: 'a-1', traits, receivedAt }) as Event

/** All columns of the schema, as `TABLE.COLUMN type`. */
const columns = async (): Promise<string[]> => {
  const found = await warehouse.query(
    `SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE FROM ${warehouse.schema.split('.')[0]}.INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = '${warehouse.namespace}'`,
  )
  return found.map((row) => `${String(row['TABLE_NAME'])}.${String(row['COLUMN_NAME'])} ${String(row['DATA_TYPE'])}`)
}

test('events become tables in Snowflake whose names are all in upper case, and columns of ours have their own types', async () => {
  const loads = new StagedLoads(warehouse)
  // An id that looks like a time, and one that is a number, are texts.
  const odd = { userId: '2026-11-22', anonymousId: 1815 } as unknown as Partial<Event>
  const report = await loads.send(
    track('Order Completed', { orderId: 'order-1', total: 39.95 }, odd),
    identify({ plan: 'pro' }, '2026-11-22T10:00:00.000Z'),
  )
  expect([report.error, loads.letters]).toEqual([undefined, []])
  const all = await columns()
  expect(all.filter((column) => /[a-z]/.test(column))).toEqual([])
  expect(all).toEqual(
    expect.arrayContaining([
      'ORDER_COMPLETED.ID TEXT',
      'ORDER_COMPLETED.USER_ID TEXT',
      'ORDER_COMPLETED.ANONYMOUS_ID TEXT',
      'ORDER_COMPLETED.TOTAL FLOAT',
      'ORDER_COMPLETED.RECEIVED_AT TIMESTAMP_TZ',
      'ORDER_COMPLETED.UUID_TS TIMESTAMP_TZ',
      'USERS.PLAN TEXT',
    ]),
  )
  expect(await warehouse.rows('ORDER_COMPLETED', 'ID')).toMatchObject([
    { USER_ID: '2026-11-22', ANONYMOUS_ID: '1815', ORDER_ID: 'order-1', TOTAL: 39.95, EVENT: 'order_completed' },
  ])
})

test('a fraction that a column of integers in Snowflake does not take is in RUDDER_DISCARDS, once and whole', async () => {
  const loads = new StagedLoads(warehouse)
  await loads.send(track('Ordinary', { n: 10 }))
  const fraction = track('Ordinary', { n: 39.95 }, { messageId: 'fraction' })
  const report = await loads.send(fraction, track('Ordinary', { n: 11 }))
  expect([report.error, report.discards]).toEqual([undefined, 1])
  expect((await warehouse.rows('ORDINARY', 'N')).map(({ N }) => N)).toEqual([10, 11, null])
  const [discard, ...others] = await warehouse.rows('RUDDER_DISCARDS')
  expect(others).toEqual([])
  expect(discard).toMatchObject({
    TABLE_NAME: 'ORDINARY',
    ROW_ID: 'fraction',
    COLUMN_NAME: 'N',
    COLUMN_VALUE: '39.95',
    REASON: 'the column is int, the value is float',
  })
})

test('a user in Snowflake is folded of all identifies, and what a wide row has no column for is in one of JSON', async () => {
  const loads = new StagedLoads(warehouse, { maxColumns: 50 })
  const answers = (from: number) => Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`answer_${i}`, from + i]))
  await loads.send(identify({ plan: 'pro', ...answers(0) }, '2026-11-22T10:00:00.000Z'))
  await loads.send(identify({ city: 'London', ...answers(1_000) }, '2026-11-20T10:00:00.000Z'))
  const [ada, ...others] = await warehouse.rows('USERS', 'ID')
  expect(others).toEqual([])
  expect(ada).toMatchObject({ ID: 'ada', PLAN: 'pro', ANSWER_0: 0, RECEIVED_AT: '2026-11-22T10:00:00.000Z' })
  expect({ ...ada, ...(JSON.parse(String(ada?.['_SLUICEWAY_MORE'])) as object) }).toMatchObject({ ANSWER_59: 59 })
  expect((await columns()).filter((column) => column.includes('_SLUICEWAY_MORE'))).toContain(
    'USERS._SLUICEWAY_MORE VARIANT',
  )
})
