import connect, { type Sql } from 'postgres'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import { SluicewayError } from '../../src/core/errors.ts'
import type { Engine } from '../../src/core/warehouse.ts'
import { EnginePool } from '../../src/loading/engine-pool.ts'
import { KnownSchema } from '../../src/loading/known-schema.ts'
import { postgres } from '../../src/warehouses/postgres.ts'
import { startD1 } from '../support/real-warehouses.ts'
import { startPostgres } from '../support/real-postgres.ts'
import { Sqlite } from '../support/sqlite.ts'
import { plainOrder } from '../support/sample-events.ts'
import { StagedLoads } from './staged-loads.ts'

const order = (id: string, total: unknown): Event => plainOrder(id, { properties: { total } })

describe('the loader of a PostgreSQL with a schema for each source', () => {
  let server: Awaited<ReturnType<typeof startPostgres>>
  let sql: Sql
  let loads: StagedLoads
  beforeAll(async () => {
    server = await startPostgres()
    sql = connect(server.url, { max: 1, prepare: false, onnotice: () => {} })
  }, 60_000)
  afterAll(async () => {
    await sql?.end()
    await server?.stop()
  })
  beforeEach(() => {
    loads = new StagedLoads({ use: postgres({ url: server.url }), bindings: {} })
  })
  afterEach(async () => {
    for (const { name } of await sql<{ name: string }[]>`SELECT nspname AS name FROM pg_namespace
      WHERE nspname !~ '^pg_' AND nspname NOT IN ('public', 'information_schema')`)
      await sql.unsafe(`DROP SCHEMA "${name}" CASCADE`)
  })
  const idsIn = async (table: string) =>
    (await sql.unsafe<{ id: string }[]>(`SELECT id FROM ${table} ORDER BY id`)).map(({ id }) => id)

  test('the rows of a source are in its schema, and so is what was discarded of them', async () => {
    await loads.stage([order('web-1', 10), order('web-2', 'much')], 'web')
    await loads.stage([order('app-1', 'little'), order('app-2', 20)], 'ios-app')
    expect(await loads.load()).toMatchObject({ discards: 1, done: true })
    expect(await idsIn('web.order_completed')).toEqual(['web-1', 'web-2'])
    expect(await idsIn('ios_app.order_completed')).toEqual(['app-1', 'app-2'])
    expect(await idsIn('web.tracks')).toEqual(['web-1', 'web-2'])
    // The first value of a column decides on its type, in each schema by itself.
    expect([...(await sql`SELECT row_id, column_value FROM web.rudder_discards`)]).toEqual([
      { row_id: 'web-2', column_value: 'much' },
    ])
    expect([...(await sql`SELECT total FROM ios_app.order_completed ORDER BY id`)]).toEqual([
      { total: 'little' },
      { total: '20' },
    ])
  })

  test('discards are there once, when the second of two schemas fails in the middle and all is repeated', async () => {
    await loads.stage([order('web-0', 1)], 'web')
    await loads.stage([order('app-0', 1)], 'ios-app')
    await loads.load()
    await loads.stage([order('web-1', 'much')], 'web')
    await loads.stage([order('app-1', 'little')], 'ios-app')
    let appended = 0
    loads.wrap = (engine) => ({
      ...bound(engine),
      load: async (load) => {
        if (load.merge === 'append' && ++appended === 2)
          throw new SluicewayError('warehouse_failed', 'the connection was lost')
        await engine.load(load)
      },
    })
    expect(await loads.load()).toMatchObject({ error: expect.stringContaining('the connection was lost') })
    loads.wrap = (engine) => engine
    expect(await loads.load()).toMatchObject({ discards: 2, done: true })
    for (const [schema, id] of [
      ['web', 'web-1'],
      ['ios_app', 'app-1'],
    ] as const)
      expect([...(await sql.unsafe(`SELECT row_id FROM ${schema}.rudder_discards`))]).toEqual([{ row_id: id }])
  })

  test('a schema that may not be made keeps the others from nothing and buries nothing', async () => {
    await sql.unsafe(`DROP ROLE IF EXISTS narrow; CREATE ROLE narrow LOGIN PASSWORD 'pw';
      GRANT CONNECT, TEMPORARY ON DATABASE postgres TO narrow; CREATE SCHEMA web AUTHORIZATION narrow`)
    const url = new URL(server.url)
    url.username = 'narrow'
    url.password = 'pw'
    const narrow = new StagedLoads({ use: postgres({ url: url.href }), bindings: {} })
    await narrow.stage([order('web-1', 1), order('web-2', 2)], 'web')
    await narrow.stage([order('app-1', 1), order('app-2', 2)], 'ios-app')
    expect(await narrow.load()).toMatchObject({
      error: expect.stringMatching(/The schema "ios_app" is not there, and "narrow" may not create it: GRANT CREATE/),
    })
    expect(await idsIn('web.order_completed')).toEqual(['web-1', 'web-2'])
    expect(narrow.letters).toEqual([])
    await sql.unsafe('CREATE SCHEMA ios_app AUTHORIZATION narrow')
    expect(await narrow.load()).toMatchObject({ done: true })
    expect(await idsIn('ios_app.order_completed')).toEqual(['app-1', 'app-2'])
  })

  test('twelve sources are loaded with few connections at once', async () => {
    let [now, most] = [0, 0]
    loads.wrap = (engine) => {
      most = Math.max(most, ++now)
      return { ...bound(engine), close: () => (now--, engine.close()) }
    }
    for (let i = 0; i < 12; i++) await loads.stage([order(`o-${i}`, i)], `shop-${i}`)
    expect(await loads.load()).toMatchObject({ done: true })
    for (let i = 0; i < 12; i++) expect(await idsIn(`shop_${i}.tracks`)).toEqual([`o-${i}`])
    expect([most, now]).toEqual([3, 0])
  })
})

/** An engine as a plain object, so that parts of it can be replaced. */
const bound = (engine: Engine): Engine => ({
  provider: engine.provider,
  kept: engine.kept,
  rowColumns: engine.rowColumns,
  columns: (table) => engine.columns(table),
  widen: (table, added) => engine.widen(table, added),
  load: (load) => engine.load(load),
  probe: () => engine.probe(),
  close: () => engine.close(),
})

test('the tables of D1 are those of all sources, which context_source_id tells apart', async () => {
  const warehouse = await startD1()
  const loads = new StagedLoads(warehouse)
  await loads.stage([order('web-1', 10)], 'web')
  await loads.stage([order('app-1', 20)], 'ios-app')
  await loads.load()
  expect(await warehouse.query('SELECT id, context_source_id FROM order_completed ORDER BY id')).toEqual([
    { id: 'app-1', context_source_id: 'ios-app' },
    { id: 'web-1', context_source_id: 'web' },
  ])
  await warehouse.stop()
})

describe('what a loader knows of tables', () => {
  const engine = { columns: async () => null, widen: async () => {} } as unknown as Engine

  test('what was known of another engine is not told of one that has no namespaces, or others', async () => {
    const sqlite = new Sqlite()
    const schema = new KnownSchema(sqlite.open())
    await schema.of('').evolve('tracks', { wanted: { id: 'string' }, engine })
    await schema.of('web').evolve('users', { wanted: { id: 'string' }, engine })
    expect(Object.keys(schema.all(''))).toEqual(['tracks'])
    expect(Object.keys(schema.all('web'))).toEqual(['web.users'])
    expect(Object.keys(schema.all())).toEqual(['web.users'])
  })

  test('what an earlier version knew stays right: it is that of a warehouse without namespaces', async () => {
    const sqlite = new Sqlite()
    const before = sqlite.open()
    before.run('CREATE TABLE tables (name TEXT PRIMARY KEY, columns TEXT) WITHOUT ROWID')
    before.run(`INSERT INTO tables VALUES ('tracks', '{"id":"string"}')`)
    const schema = new KnownSchema(sqlite.open())
    expect(schema.of('').knows('tracks')).toBe(true)
    expect(schema.of('web').knows('tracks')).toBe(false)
    expect(schema.all()).toEqual({ tracks: { id: 'string' } })
  })

  test('tables of the same name in two schemas are two tables, also after a restart', async () => {
    const sqlite = new Sqlite()
    const schema = new KnownSchema(sqlite.open())
    await schema.of('web').evolve('tracks', { wanted: { id: 'string', plan: 'string' }, engine })
    await schema.of('ios_app').evolve('tracks', { wanted: { id: 'string' }, engine })
    const again = new KnownSchema(sqlite.open())
    expect(again.all()).toEqual({
      'ios_app.tracks': { id: 'string' },
      'web.tracks': { id: 'string', plan: 'string' },
    })
    again.of('web').forget('tracks')
    expect(Object.keys(new KnownSchema(sqlite.open()).all())).toEqual(['ios_app.tracks'])
  })
})

test('an engine that was closed for others is opened again for its namespace', async () => {
  const opened: string[] = []
  const pool = new EnginePool(
    {
      namespaceOf: (source: string) => source,
      open: (_: unknown, namespace: string) => {
        opened.push(namespace)
        return { rowsWritten: 1, close: async () => {} }
      },
    } as never,
    {},
  )
  for (const namespace of ['a', 'b', 'c', 'a', 'd', 'a', 'b']) await pool.of(namespace)
  await pool.close()
  expect(opened).toEqual(['a', 'b', 'c', 'd', 'b'])
  expect(pool.rowsWritten).toBe(5)
})
