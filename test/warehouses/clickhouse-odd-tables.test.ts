// Tables that a person made in ClickHouse: what refuses a row stops no other.
import { zstdDecompressSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import { StagedLoads } from '../loading/staged-loads.ts'
import { type RealClickHouseWarehouse, startClickHouseWarehouse } from '../support/real-clickhouse.ts'

const seen = (messageId: string, properties: Record<string, unknown> = {}): Event => ({
  type: 'track',
  messageId,
  userId: 'ada',
  event: 'Seen',
  properties,
})

describe('a table that a person made in ClickHouse', () => {
  let warehouse: RealClickHouseWarehouse
  let loads: StagedLoads
  beforeAll(async () => {
    warehouse = await startClickHouseWarehouse()
  }, 60_000)
  afterAll(() => warehouse?.stop())
  beforeEach(async () => {
    await warehouse.clear()
    await warehouse.query(`CREATE DATABASE ${warehouse.schema.slice(0, -1)}`)
    loads = new StagedLoads(warehouse)
  })

  afterEach(() => {
    vi.restoreAllMocks()
  })

  /** Has the server refuse statements that begin so for want of a right: the one of the tests knows no users but its own. */
  const deny = (statement: RegExp) => {
    const real = globalThis.fetch
    const denied = 'Code: 497. DB::Exception: sluiceway: Not enough privileges. (ACCESS_DENIED)'
    vi.spyOn(globalThis, 'fetch').mockImplementation(async (url, init) => {
      const { body } = init ?? {}
      // The first frame is the statement.
      const text = typeof body === 'string' ? body : zstdDecompressSync((body ?? []) as Uint8Array).toString()
      if (!statement.test(text)) return real(url, init)
      return new Response(denied, { status: 403, headers: { 'x-clickhouse-exception-code': '497' } })
    })
  }

  const make = (columns: string, more = '') =>
    warehouse.query(`CREATE TABLE ${warehouse.schema}seen (id String, received_at DateTime64(3), ${columns})
      ENGINE = ReplacingMergeTree ORDER BY (received_at, id) ${more}`)

  test.each([
    ['UUID', 'Nullable(UUID)', 'no uuid'],
    ['IPv4', 'Nullable(IPv4)', 'no address'],
    ['Map', 'Map(String, String)', 'no map'],
    ['Array', 'Array(String)', 'no list'],
    ['Enum', `Nullable(Enum8('gold' = 1))`, 'tin'],
    ['FixedString', 'Nullable(FixedString(3))', 'too long'],
    ['Decimal', 'Nullable(Decimal(5, 2))', 12_345_678],
    ['Tuple', 'Tuple(a Int64, b String)', 'no tuple'],
    ['JSON', 'Nullable(JSON)', 'no json'],
  ])(
    'a column of type %s refuses a value: its event is a dead letter, and all others are loaded',
    async (_, type, value) => {
      await make(`odd ${type}`)
      const report = await loads.send(seen('good-1'), seen('bad', { odd: value }), seen('good-2'))
      expect(report).toMatchObject({ done: true })
      expect(report.error).toBeUndefined()
      expect(loads.letters.map(({ messageId }) => messageId)).toEqual(['bad'])
      expect((await warehouse.ids('seen')).toSorted()).toEqual(['good-1', 'good-2'])
      expect((await warehouse.ids('tracks')).toSorted()).toEqual(['bad', 'good-1', 'good-2'])
    },
  )

  test('a materialized view that throws for a value makes a dead letter of its event alone', async () => {
    await make('total Nullable(Int64)')
    await warehouse.query(`CREATE MATERIALIZED VIEW ${warehouse.schema}watch ENGINE = MergeTree ORDER BY id
      AS SELECT id, throwIf(total = 13) AS unlucky FROM ${warehouse.schema}seen`)
    const report = await loads.send(
      seen('good-1', { total: 1 }),
      seen('bad', { total: 13 }),
      seen('good-2', { total: 2 }),
    )
    expect(report.error).toBeUndefined()
    expect(loads.letters.map(({ messageId }) => messageId)).toEqual(['bad'])
    expect((await warehouse.ids('tracks')).toSorted()).toEqual(['bad', 'good-1', 'good-2'])
  })

  test('a table with too many parts stops no other: its rows wait, and are loaded once parts are merged', async () => {
    await make('n Nullable(Int64)', 'SETTINGS parts_to_delay_insert = 1, parts_to_throw_insert = 1')
    await loads.send(seen('first'))
    await warehouse.query(`SYSTEM STOP MERGES ${warehouse.schema}seen`)
    await loads.send(seen('second'))
    const report = await loads.send(seen('third'))
    expect(report.error).toBeUndefined()
    expect((await warehouse.ids('tracks')).toSorted()).toEqual(['first', 'second', 'third'])
    expect(loads.held.list()).toMatchObject([{ reason: expect.stringContaining('Parts are made faster') }])
    await warehouse.query(`SYSTEM START MERGES ${warehouse.schema}seen`)
    await warehouse.query(`OPTIMIZE TABLE ${warehouse.schema}seen FINAL`)
    await warehouse.query(`ALTER TABLE ${warehouse.schema}seen MODIFY SETTING parts_to_throw_insert = 100`)
    loads.aheadMs = 120_000
    await loads.load()
    expect((await warehouse.ids('seen')).toSorted()).toEqual(['first', 'second', 'third'])
    expect(loads.letters).toEqual([])
  })

  test.each([
    ['to fill one table', /^INSERT INTO "[^"]*"\."seen"/],
    ['to make tables', /^(?:CREATE|DROP) TABLE/],
  ])('a user without the right %s has its rows wait, and all others are loaded', async (_, statement) => {
    const other = (messageId: string): Event => ({ ...seen(messageId), event: 'Other' })
    await loads.send(other('other-1'))
    deny(statement)
    expect((await loads.send(seen('seen-1'), other('other-2'))).error).toBeUndefined()
    expect((await warehouse.ids('other')).toSorted()).toEqual(['other-1', 'other-2'])
    expect((await warehouse.ids('tracks')).toSorted()).toEqual(['other-1', 'other-2', 'seen-1'])
    expect(loads.held.list()).toMatchObject([
      { events: 1, reason: expect.stringMatching(/Give ".*" the rights of docs/) },
    ])
    loads.aheadMs = 120_000
    expect((await loads.send(other('other-3'))).error).toBeUndefined()
    vi.restoreAllMocks()
    loads.aheadMs = 600_000
    expect((await loads.load()).error).toBeUndefined()
    expect(await warehouse.ids('seen')).toEqual(['seen-1'])
    expect(loads.letters).toEqual([])
  })

  test('a user without any right is told so at once, and nothing is buried', async () => {
    deny(/^(?:CREATE|INSERT|ALTER)/)
    expect((await loads.send(seen('seen-1'), seen('seen-2'))).error).toMatch(/Give ".*" the rights of docs/)
    vi.restoreAllMocks()
    expect((await loads.load()).error).toBeUndefined()
    expect((await warehouse.ids('seen')).toSorted()).toEqual(['seen-1', 'seen-2'])
    expect(loads.letters).toEqual([])
  })
})
