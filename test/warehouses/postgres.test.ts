import connect from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { postgres } from '../../src/warehouses/postgres.ts'
import { engineSuite } from './engine-suite.ts'
import { postgresInTest } from './postgres-in-test.ts'
import { loadOf } from '../support/load-of.ts'
import { type RealPostgres, startPostgres } from '../support/real-postgres.ts'

engineSuite('postgres', () => postgresInTest())

describe('postgres()', () => {
  test('postgres() says what is wrong with a URL without repeating it', () => {
    const { problems, redacted } = postgres({ url: 'mysql://ada:secret@host/db', schema: 'My Schema' })
    expect(problems).toEqual([
      '"url" must look like postgres://user:password@host:5432/database',
      '"schema" must have at most 63 of a-z, 0-9 and "_", and be no schema of the system',
    ])
    expect(JSON.stringify(redacted)).not.toContain('secret')
  })

  test.each(['us%er:secret@host/db', 'ada:sec%ret@host/db', 'ada:sec%E9ret@host/db', 'ada:secret@host/d%b'])(
    'postgres() says which sign of a URL stands for nothing, without repeating the URL: %j',
    (rest) => {
      expect(postgres({ url: `postgres://${rest}` }).problems).toEqual([
        '"url" has a "%" that stands for nothing: write %25 for each "%" in user, password and database',
      ])
    },
  )

  test('postgres() takes a URL whose password has signs that are written with "%"', () => {
    expect(postgres({ url: 'postgres://ada:100%25%23%C3%A9@host/db' }).problems).toEqual([])
  })

  test('postgres() says warehouse_failed, without the password, when nobody answers', async () => {
    const engine = postgres({ url: 'postgres://ada:secret@127.0.0.1:1/db' }).open({}, 'sluiceway')
    const thrown = await engine.columns('tracks').catch((error: unknown) => error)
    expect(thrown).toMatchObject({ code: 'warehouse_failed' })
    expect(String(thrown)).not.toContain('secret')
    await engine.close()
  })
})

describe('a PostgreSQL server in trouble', () => {
  let server: RealPostgres
  beforeAll(async () => {
    server = await startPostgres()
  }, 60_000)
  afterAll(() => server.stop())

  const columns = { id: 'string', total: 'int' } as const
  const rows = (total: unknown) => Array.from({ length: 20_000 }, (_, i) => ({ id: `order-${i}`, total, note: 'x' }))

  test('a PostgreSQL server in trouble that refuses a value of a large load fails the load, and takes the next one', async () => {
    const engine = postgres({ url: server.url }).open({}, 'sluiceway')
    await engine.widen('orders', columns)
    const load = { table: 'orders', columns, merge: 'replace' } as const
    const broken = [{ id: 'order-x', total: 'much' }, ...rows(1)]
    await expect(engine.load(loadOf({ ...load, id: 'load-1', rows: broken }))).rejects.toMatchObject({
      code: 'warehouse_failed',
      details: { state: '22P02', scope: 'rows' },
    })
    await engine.load(loadOf({ ...load, id: 'load-2', rows: rows(2) }))
    const sql = connect(server.url, { max: 1 })
    expect(await sql`SELECT count(*)::int AS n, min(total)::int AS low FROM sluiceway.orders`).toEqual([
      { n: 20_000, low: 2 },
    ])
    await sql.end()
    await engine.close()
  })

  test('a PostgreSQL server takes the loads of many tables at once, all of them or none, and repeats no row', async () => {
    const engine = postgres({ url: server.url }).open({}, 'sluiceway')
    const sql = connect(server.url, { max: 1 })
    const tables = ['one', 'two', 'three', 'four']
    const usersOf = { id: 'string', city: 'string', received_at: 'datetime' } as const
    const loads = (id: string, total: unknown) => [
      ...tables.map((table) =>
        loadOf({
          id,
          table,
          columns,
          merge: 'replace',
          rows: table === 'three' ? [{ id, total }] : [{ id, total: 1 }],
        }),
      ),
      loadOf({ id, table: 'users', columns: usersOf, merge: 'coalesce', rows: [{ id: 'ada', city: `London ${id}` }] }),
    ]
    const idsOf = async (table: string) =>
      (await sql.unsafe(`SELECT id FROM sluiceway."${table}" ORDER BY id`)).map(({ id }) => String(id))
    for (const table of tables) await engine.widen(table, columns)
    await engine.widen('users', usersOf)

    await engine.loadTogether?.(loads('a', 1))
    const transactions = [...tables, 'users'].map((table) => sql.unsafe(`SELECT xmin::text FROM sluiceway."${table}"`))
    expect(new Set((await Promise.all(transactions)).flat().map(({ xmin }) => String(xmin))).size).toBe(1)
    for (const table of tables) expect(await idsOf(table)).toEqual(['a'])

    for (const _ of [1, 2]) await engine.loadTogether?.([...loads('a', 2), ...loads('b', 2)].slice(4))
    for (const table of tables) expect(await idsOf(table)).toEqual(['a', 'b'])
    expect(await sql`SELECT id, city FROM sluiceway.users`).toEqual([{ id: 'ada', city: 'London b' }])

    await expect(engine.loadTogether?.(loads('c', 'much'))).rejects.toMatchObject({ details: { scope: 'rows' } })
    expect(await idsOf('three')).toEqual(['a', 'b'])
    await engine.loadTogether?.(loads('d', 4))
    for (const table of tables) expect(await idsOf(table)).toContain('d')
    await sql.end()
    await engine.close()
  })

  test('a PostgreSQL server in trouble that ends the connection in the middle of the load fails the load and keeps nothing of it', async () => {
    const engine = postgres({ url: server.url }).open({}, 'sluiceway')
    await engine.widen('cut', columns)
    const sql = connect(server.url, { max: 1 })
    const cut = async () => {
      for (;;) {
        const ended = await sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE query LIKE '%sluiceway_stage%' AND pid <> pg_backend_pid()`
        if (ended.length > 0) return
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
    }
    const many = Array.from({ length: 10 }, (_, n) => rows(n).map((row) => ({ ...row, id: `${n}-${row.id}` }))).flat()
    const outcome = engine
      .load(loadOf({ id: 'load-1', table: 'cut', columns, rows: many, merge: 'replace' }))
      .catch(String)
    await cut()
    expect(await outcome).toMatch(/PostgreSQL: /)
    expect(await sql`SELECT count(*)::int AS n FROM sluiceway.cut`).toEqual([{ n: 0 }])
    await engine.close()
    const again = postgres({ url: server.url }).open({}, 'sluiceway')
    await again.load(loadOf({ id: 'load-1', table: 'cut', columns, rows: rows(1), merge: 'replace' }))
    expect(await sql`SELECT count(*)::int AS n FROM sluiceway.cut`).toEqual([{ n: 20_000 }])
    await sql.end()
    await again.close()
  })
})
