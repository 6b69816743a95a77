import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Columns, Engine } from '../../src/core/warehouse.ts'
import { clickhouse } from '../../src/warehouses/clickhouse.ts'
import { blocks } from '../support/documents.ts'
import { type RealClickHouseWarehouse, startClickHouseWarehouse } from '../support/real-clickhouse.ts'
import { loadOf } from '../support/load-of.ts'
import { engineSuite } from './engine-suite.ts'

engineSuite(
  'clickhouse',
  async () => {
    const warehouse = await startClickHouseWarehouse()
    return { ...warehouse, engine: warehouse.use.open({}, warehouse.namespace) }
  },
  { gathers: true },
)

describe('clickhouse()', () => {
  test('clickhouse() says what is wrong without repeating a secret', () => {
    const { problems, redacted } = clickhouse({
      url: 'http://127.0.0.1:8123',
      password: 'secret',
      database: 'my-db',
      partition: 'year' as never,
    })
    expect(problems).toEqual([
      '"url" must begin with https: (unless "allowPrivate" is true, for tests)',
      '"database" must have at most 127 letters, digits and "_", and be no database of the system',
      '"partition" must be one of day, week, month',
    ])
    expect(JSON.stringify(redacted)).not.toContain('secret')
  })
})

describe('a real ClickHouse', () => {
  let warehouse: RealClickHouseWarehouse
  let engine: Engine
  beforeAll(async () => {
    warehouse = await startClickHouseWarehouse()
    engine = warehouse.use.open({}, warehouse.namespace)
  }, 60_000)
  afterAll(() => warehouse?.stop())

  const columns: Columns = { id: 'string', event: 'string', total: 'float', received_at: 'datetime' }
  const order = (id: string, received_at: string, total = 10) => ({ id, event: 'order_completed', total, received_at })
  const stored = async (table: string) => (await warehouse.query(`SELECT * FROM ${warehouse.schema}${table}`)).length

  test('a real ClickHouse has a row once without FINAL, too: after a repeat, and after the event came again on another day', async () => {
    await engine.widen('orders', columns)
    const load = { table: 'orders', columns, merge: 'replace' } as const
    const rows = ['a', 'b', 'c'].map((id) => order(id, '2026-11-22T10:00:00.000Z'))
    for (const _ of [1, 2]) await engine.load(loadOf({ ...load, id: 'load-1', rows }))
    expect(await stored('orders')).toBe(3)
    const again = [order('a', '2026-11-29T10:00:00.000Z', 20), order('b', '2026-11-22T10:00:00.001Z', 30)]
    for (const _ of [1, 2]) await engine.load(loadOf({ ...load, id: 'load-2', rows: again }))
    expect(await warehouse.query(`SELECT id, total FROM ${warehouse.schema}orders ORDER BY id`)).toEqual([
      { id: 'a', total: 20 },
      { id: 'b', total: 30 },
      { id: 'c', total: 10 },
    ])
  })

  test('a real ClickHouse looks for the event that comes again no further back than replaceWithinDays', async () => {
    const near = clickhouse({ ...accessOf(warehouse), replaceWithinDays: 7 }).open({}, warehouse.namespace)
    await near.widen('near', columns)
    const load = { table: 'near', columns, merge: 'replace' } as const
    await near.load(
      loadOf({
        ...load,
        id: '1',
        rows: [order('a', '2026-11-01T10:00:00.000Z'), order('b', '2026-11-20T10:00:00.000Z')],
      }),
    )
    await near.load(
      loadOf({
        ...load,
        id: '2',
        rows: [order('a', '2026-11-22T10:00:00.000Z'), order('b', '2026-11-22T10:00:00.000Z')],
      }),
    )
    expect(
      await warehouse.query(`SELECT id, count() AS n FROM ${warehouse.schema}near GROUP BY id ORDER BY id`),
    ).toEqual([
      { id: 'a', n: '2' },
      { id: 'b', n: '1' },
    ])
  })

  test('a real ClickHouse has the tables of RudderStack: engines, order, partitions and types', async () => {
    await engine.widen('users', { id: 'string', received_at: 'datetime', visits: 'int', plan: 'string' })
    await engine.widen('rudder_discards', { table_name: 'string', received_at: 'datetime' })
    const tables = await warehouse.query(
      `SELECT name, engine, sorting_key, partition_key FROM system.tables WHERE database = '${warehouse.database}' AND name IN ('orders', 'users', 'rudder_discards') ORDER BY name`,
    )
    expect(tables).toEqual([
      {
        name: 'orders',
        engine: 'ReplacingMergeTree',
        sorting_key: 'received_at, id',
        partition_key: 'toDate(received_at)',
      },
      { name: 'rudder_discards', engine: 'MergeTree', sorting_key: 'received_at', partition_key: '' },
      { name: 'users', engine: 'AggregatingMergeTree', sorting_key: 'id', partition_key: '' },
    ])
    const types = await warehouse.query(
      `SELECT table, name, type FROM system.columns WHERE database = '${warehouse.database}' AND table IN ('orders', 'users') ORDER BY table, position`,
    )
    expect(types.map((row) => `${String(row['table'])}.${String(row['name'])} ${String(row['type'])}`)).toEqual([
      'orders.id String',
      'orders.event LowCardinality(Nullable(String))',
      'orders.total Nullable(Float64)',
      `orders.received_at DateTime64(3, 'UTC')`,
      'users.id String',
      `users.received_at SimpleAggregateFunction(max, DateTime64(3, 'UTC'))`,
      'users.visits SimpleAggregateFunction(anyLast, Nullable(Int64))',
      'users.plan SimpleAggregateFunction(anyLast, Nullable(String))',
    ])
  })

  test('a real ClickHouse goes on with the tables that RudderStack made', async () => {
    const time = `"received_at" DateTime`
    const day = 'PARTITION BY toDate("received_at")'
    await warehouse.query(
      `CREATE TABLE ${warehouse.schema}tracks ("id" String, ${time}, "event" LowCardinality(String), "total" Nullable(Int64), "gift" Nullable(UInt8)) ENGINE = ReplacingMergeTree() ORDER BY ("received_at", "id") ${day}`,
    )
    await warehouse.query(`DROP TABLE ${warehouse.schema}users`)
    await warehouse.query(
      `CREATE TABLE ${warehouse.schema}users ("id" String, ${time}, "plan" SimpleAggregateFunction(anyLast, Nullable(String)), "city" SimpleAggregateFunction(anyLast, Nullable(String))) ENGINE = AggregatingMergeTree() ORDER BY ("id") ${day}`,
    )
    const fresh = warehouse.use.open({}, warehouse.namespace)
    expect(await fresh.columns('tracks')).toEqual({
      id: 'string',
      received_at: 'datetime',
      event: 'string',
      total: 'int',
      gift: 'boolean',
    })
    const tracks: Columns = { id: 'string', received_at: 'datetime', event: 'string', gift: 'boolean' }
    await fresh.widen('tracks', { coupon: 'string' })
    for (const id of ['1', '2'])
      await fresh.load(
        loadOf({
          id,
          table: 'tracks',
          columns: { ...tracks, coupon: 'string' },
          rows: [{ id: 'a', received_at: '2026-11-22T10:00:00.123Z', event: null, gift: true, coupon: 'SPRING' }],
          merge: 'replace',
        }),
      )
    expect(await warehouse.rows('tracks')).toEqual([
      { id: 'a', received_at: '2026-11-22T10:00:00.000Z', event: '', total: null, gift: true, coupon: 'SPRING' },
    ])
    const users: Columns = { id: 'string', received_at: 'datetime', plan: 'string', city: 'string' }
    const user = { table: 'users', columns: users, merge: 'coalesce' } as const
    await fresh.load(
      loadOf({ ...user, id: '1', rows: [{ id: 'ada', received_at: '2026-11-22T10:00:00.000Z', plan: 'pro' }] }),
    )
    const late = { id: 'ada', received_at: '2026-11-20T10:00:00.000Z', plan: 'free', city: 'London' }
    await fresh.load(loadOf({ ...user, id: '2', rows: [late] }))
    expect(await warehouse.rows('users')).toEqual([
      { id: 'ada', received_at: '2026-11-22T10:00:00.000Z', plan: 'pro', city: 'London' },
    ])
  })

  test('a real ClickHouse keeps discards of RudderStack and of a repeated load once', async () => {
    const discards: Columns = { table_name: 'string', row_id: 'string', received_at: 'datetime' }
    await warehouse.query(`DROP TABLE IF EXISTS ${warehouse.schema}rudder_discards`)
    await warehouse.query(
      `CREATE TABLE ${warehouse.schema}rudder_discards ("table_name" Nullable(String), "row_id" Nullable(String), "received_at" DateTime) ENGINE = MergeTree ORDER BY "received_at"`,
    )
    const rows = ['a', 'b'].map((row_id) => ({ table_name: 'orders', row_id, received_at: '2026-11-22T10:00:00.000Z' }))
    for (const id of ['1', '1', '2'])
      await warehouse.use
        .open({}, warehouse.namespace)
        .load(loadOf({ id, table: 'rudder_discards', columns: discards, rows, merge: 'append' }))
    expect(await stored('rudder_discards')).toBe(4)
  })

  test('a real ClickHouse loads many tables at once, and says what fails in one of them', async () => {
    const loads = ['one', 'two', 'three', 'four', 'five', 'six'].map(
      (table) =>
        ({ id: '1', table, columns, rows: [order('a', '2026-11-22T10:00:00.000Z')], merge: 'replace' }) as const,
    )
    for (const { table } of loads) await engine.widen(table, columns)
    for (const _ of [1, 2]) await engine.loadTogether?.(loads.map(loadOf))
    for (const { table } of loads) expect(await stored(table)).toBe(1)
    await warehouse.query(`DROP TABLE ${warehouse.schema}four`)
    await expect(engine.loadTogether?.(loads.map(loadOf))).rejects.toMatchObject({
      details: { scope: 'table', code: 60 },
    })
  })

  test.each<[string, Partial<Parameters<typeof clickhouse>[0]>, RegExp, object]>([
    [
      'with a wrong password',
      { password: 'difference engine' },
      /\(516\)\. Check `user` and `password`\.$/,
      { lasting: true, code: 516 },
    ],
    ['that does not answer', { url: 'http://127.0.0.1:1' }, /No answer from 127\.0\.0\.1:1: check `url`/, {}],
  ])('a ClickHouse %s says what to do, and whether time mends it', async (_, change, words, details) => {
    const other = clickhouse({ ...accessOf(warehouse), ...change }).open({}, warehouse.namespace)
    const thrown = await other.columns('orders').catch((error: unknown) => error)
    expect(thrown).toMatchObject({ code: 'warehouse_failed', details: { scope: 'warehouse', ...details } })
    expect(String(thrown)).toMatch(words)
    expect(String(thrown)).not.toMatch(/difference engine|loopback-only/)
  })

  test.each([
    ['a text in a column of numbers', { total: 'much' }],
    ['no id', { id: null }],
    ['a time that is none', { received_at: 'yesterday' }],
  ])('a row with %s fails the load with the scope rows, and nothing of it is there', async (_, wrong) => {
    await engine.widen('refused', columns)
    const rows = [order('a', '2026-11-22T10:00:00.000Z'), { ...order('b', '2026-11-22T10:00:00.000Z'), ...wrong }]
    await expect(
      engine.load(loadOf({ id: '1', table: 'refused', columns, rows, merge: 'replace' })),
    ).rejects.toMatchObject({
      details: { scope: 'rows' },
    })
    expect(await stored('refused')).toBe(0)
  })

  test('a probe of a real ClickHouse leaves nothing behind', async () => {
    await engine.probe()
    expect(await warehouse.tables()).not.toContain('_sluiceway_probe')
  })

  test('the SQL of the document is what ClickHouse reads', async () => {
    const script = blocks.find(({ path }) => path === 'clickhouse-user.sql')?.text ?? ''
    const statements = script
      .replaceAll(/^--.*$/gm, '')
      .split(';')
      .map((one) => one.trim())
      .filter(Boolean)
    expect(statements.length).toBeGreaterThan(4)
    for (const sql of statements) {
      const quoted = sql.replaceAll(/['\\]/g, String.raw`\$&`)
      await expect(warehouse.query(`SELECT formatQuery('${quoted}') AS sql`)).resolves.toHaveLength(1)
    }
  })
})

const accessOf = ({ url, user, password, database }: RealClickHouseWarehouse) => ({
  url,
  user,
  password,
  database,
  allowPrivate: true,
})
