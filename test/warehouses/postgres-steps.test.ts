import connect, { type Sql } from 'postgres'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { Columns, Engine, Load } from '../../src/core/warehouse.ts'
import { doWhole } from '../../src/warehouses/postgres/steps.ts'
import { postgres } from '../../src/warehouses/postgres.ts'
import { loadOf } from '../support/load-of.ts'
import { startLongWay } from '../support/long-way.ts'
import { hasPgBouncer, startPgBouncer } from '../support/real-pgbouncer.ts'
import { type RealPostgres, startPostgres } from '../support/real-postgres.ts'
import { until } from '../support/until.ts'

// What the engine sends behind one another: a load must not wait for the way to the server once for each table.

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

let server: RealPostgres
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server?.stop())

const columns: Columns = { id: 'string', product: 'string', price: 'float', received_at: 'datetime' }
const order = (id: string) => ({
  id,
  product: `Espresso cup ${id}`,
  price: 39.95,
  received_at: '2026-11-29T08:15:00.000Z',
})
const usersOf: Columns = { id: 'string', city: 'string', received_at: 'datetime' }

/** Makes the tables of loads. */
async function makeTables(engine: Engine, loads: readonly Load[]): Promise<void> {
  for (const { table } of loads) await engine.widen(table, table === 'users' ? usersOf : columns)
}

/** That each table of loads has `rows` rows, all of them once, and `users` the one. */
async function expectRows(sql: Sql, loads: readonly Load[], rows: number): Promise<void> {
  for (const { table } of loads) {
    const n = table === 'users' ? 1 : rows
    expect(
      await sql.unsafe(`SELECT count(*)::int AS n, count(DISTINCT id)::int AS ids FROM sluiceway.${table}`),
    ).toEqual([{ n, ids: n }])
  }
}

/** Loads of many tables: `rows` in each, and one of users. */
const loadsOf = (tables: number, rows: number) => [
  ...Array.from({ length: tables }, (_, table) =>
    loadOf({
      id: 'slice',
      table: `table_${table}`,
      columns,
      merge: 'replace',
      rows: Array.from({ length: rows }, (__, n) => order(`${n}`)),
    }),
  ),
  loadOf({ id: 'slice', table: 'users', columns: usersOf, merge: 'coalesce', rows: [{ id: 'ada', city: 'London' }] }),
]

test.each([
  { what: '50 tables with few rows', tables: 50, rows: 3, most: 9, again: 6, keyless: false },
  {
    what: '9 tables of RudderStack, which have no key',
    tables: 9,
    rows: 2_000,
    most: 9 + 10,
    again: 9 + 10,
    keyless: true,
  },
  { what: '9 tables with many rows', tables: 9, rows: 2_000, most: 12, again: 9 + 20, keyless: false },
])('a load of $what goes to the server and back few times', async ({ tables, rows, most, again, keyless }) => {
  const way = await startLongWay(server.url, 5)
  const engine = postgres({ url: way.url }).open({}, 'sluiceway')
  const sql = connect(server.url, { max: 1, onnotice: () => {} })
  try {
    const loads = loadsOf(tables, rows)
    await sql`DROP SCHEMA IF EXISTS sluiceway CASCADE`
    const making = way.turns()
    const names = loads.map(({ table }) => table)
    await engine.foresee?.(names)
    for (const table of names) {
      expect(await engine.columns(table)).toBe(null)
      await engine.widen(table, table === 'users' ? usersOf : columns)
    }
    expect(way.turns() - making).toBeLessThanOrEqual(names.length + 10)
    expect(await engine.columns('table_1')).toEqual(columns)
    if (keyless)
      for (const { table } of loads) await sql.unsafe(`ALTER TABLE sluiceway.${table} DROP CONSTRAINT ${table}_pkey`)
    const before = way.turns()
    await engine.loadTogether?.(loads)
    expect(way.turns() - before).toBeLessThanOrEqual(most)
    await expectRows(sql, loads, rows)
    const repeat = way.turns()
    await engine.loadTogether?.(loads)
    expect(way.turns() - repeat).toBeLessThanOrEqual(again)
    await expectRows(sql, loads, rows)
  } finally {
    await engine.close()
    await sql.end()
    await way.stop()
  }
})

test.each(['on', 'off'])(
  'texts stay what they are in a server with standard_conforming_strings = %s',
  async (setting) => {
    const sql = connect(server.url, { max: 1 })
    await sql.unsafe(`ALTER DATABASE postgres SET standard_conforming_strings = ${setting}`)
    const engine = postgres({ url: server.url }).open({}, `strings_${setting}`)
    const texts = [
      String.raw`C:\temp\new`,
      String.raw`\'); DROP TABLE notes; --`,
      "it's O'Brien's",
      "''",
      String.raw`\\N`,
      String.raw`\N`,
      'first\tline\nsecond\r\u000b\b\f',
      'Grüße 🙂 € $1 :name ?',
      '',
      ' ',
      'NULL',
      'x'.repeat(20_000),
    ]
    const notes: Columns = { id: 'string', text: 'text', more: 'json', received_at: 'datetime' }
    try {
      await engine.widen('notes', notes)
      const rows = texts.map((text, n) => ({ id: `${n} ${text.slice(0, 9)}`, text, more: JSON.stringify({ text }) }))
      for (const _ of [1, 2])
        await engine.load(loadOf({ id: 'one', table: 'notes', columns: notes, merge: 'replace', rows }))
      const found = await sql.unsafe(`SELECT id, text, more ->> 'text' AS more FROM strings_${setting}.notes`)
      expect(new Map(found.map(({ id, text, more }) => [id, [text, more]]))).toEqual(
        new Map(rows.map(({ id, text }) => [id, [text, text]])),
      )
      expect(found.length).toBe(texts.length)
    } finally {
      await sql.unsafe('ALTER DATABASE postgres RESET standard_conforming_strings')
      await engine.close()
      await sql.end()
    }
  },
)

test('U+0000 is left out of texts and JSON, whether rows are few or many', async () => {
  const engine = postgres({ url: server.url }).open({}, 'sluiceway')
  const sql = connect(server.url, { max: 1 })
  const notes: Columns = { id: 'string', text: 'text', more: 'json' }
  try {
    await engine.widen('zeros', notes)
    const row = (id: string) => ({ id, text: 'a\0b', more: String.raw`{"text":"a\u0000b"}` })
    for (const rows of [[row('few')], Array.from({ length: 400 }, (_, n) => row(`many ${n}`))])
      await engine.load(loadOf({ id: 'one', table: 'zeros', columns: notes, merge: 'replace', rows }))
    expect(
      await sql`SELECT DISTINCT text, more ->> 'text' AS more, count(*)::int AS n FROM sluiceway.zeros GROUP BY 1, 2`,
    ).toEqual([{ text: 'ab', more: 'ab', n: 401 }])
  } finally {
    await engine.close()
    await sql.end()
  }
})

test('the engines of a run share three connections to a server that is far away, until the last one is closed', async () => {
  const way = await startLongWay(server.url, 5)
  const warehouse = postgres({ url: way.url })
  const run = {}
  const engines = ['shop', 'blog', 'app', 'help'].map((schema) => warehouse.open(run, schema))
  const other = warehouse.open({}, 'shop')
  const sql = connect(server.url, { max: 1 })
  const connections = async () =>
    (
      await sql`SELECT count(*)::int AS n FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`
    )[0]?.['n']
  const loads = loadsOf(9, 2_000)
  try {
    await until('connections of earlier tests are closed', async () => (await connections()) === 0)
    for (const engine of engines) await makeTables(engine, loads)
    await Promise.all(engines.map(async (engine) => engine.loadTogether?.(loads)))
    expect(await connections()).toBe(3)
    for (const engine of engines.slice(1)) await engine.close()
    await other.close()
    expect(await engines[0]?.columns('table_0')).toMatchObject(columns)
    await engines[0]?.close()
    await until('its connections are closed', async () => (await connections()) === 0)
    const again = warehouse.open(run, 'blog')
    expect(await again.columns('table_8')).toMatchObject(columns)
    await again.close()
    for (const schema of ['shop', 'blog', 'app', 'help'])
      expect(await sql.unsafe(`SELECT count(*)::int AS n FROM ${schema}.table_8`)).toEqual([{ n: 2_000 }])
  } finally {
    await sql.end()
    await way.stop()
  }
})

test('what one connection has loaded stays when another refuses a row, and comes once', async () => {
  const way = await startLongWay(server.url, 5)
  const engine = postgres({ url: way.url }).open({}, 'sluiceway')
  const sql = connect(server.url, { max: 1, onnotice: () => {} })
  try {
    await sql`DROP SCHEMA IF EXISTS sluiceway CASCADE`
    const loads = loadsOf(9, 2_000)
    await makeTables(engine, loads)
    const bad = loadOf({
      id: 'slice',
      table: 'table_4',
      columns,
      merge: 'replace',
      rows: Array.from({ length: 2_000 }, (_, n) =>
        n === 1_999 ? { ...order(`${n}`), price: 'cheap' } : order(`${n}`),
      ),
    })
    const withBad = loads.map((load) => (load.table === 'table_4' ? bad : load))
    await expect(engine.loadTogether?.(withBad)).rejects.toMatchObject({ details: { scope: 'rows' } })
    expect(await sql`SELECT count(*)::int AS n FROM sluiceway.table_4`).toEqual([{ n: 0 }])
    // As the loader does, which looks for the row.
    for (const load of loads) await engine.load(load)
    await expectRows(sql, loads, 2_000)
  } finally {
    await engine.close()
    await sql.end()
    await way.stop()
  }
})

test.each([100, 450, 700])(
  'a connection that breaks after %d ms fails the work, and nothing of it fails where nobody is told',
  async (ms) => {
    const far = await startLongWay(server.url, 150)
    const untold: unknown[] = []
    const note = (thrown: unknown) => void untold.push(thrown)
    for (const event of ['unhandledRejection', 'uncaughtException']) process.on(event, note)
    const sql = connect(far.url, { max: 1, prepare: false, fetch_types: false, onnotice: () => {} })
    const piece = new TextEncoder().encode('ada\n')
    const steps = [{ statement: 'SELECT 1' }, { statement: 'COPY pg_temp.broken FROM STDIN', pieces: [piece] }]
    try {
      await sql`SELECT 1`
      const work = doWhole(sql, [{ statement: 'CREATE TEMPORARY TABLE broken (id text)' }, ...steps])
      // The way and back takes 300 ms: to begin, and then for what follows.
      setTimeout(() => void far.stop(), ms)
      await expect(work).rejects.toThrow()
      await new Promise((resolve) => setTimeout(resolve, 300))
      expect(untold).toEqual([])
    } finally {
      for (const event of ['unhandledRejection', 'uncaughtException']) process.off(event, note)
      await sql.end({ timeout: 1 })
      await far.stop()
    }
  },
)

test('a server that gives but one connection gets all rows over that', async () => {
  const sql = connect(server.url, { max: 1, onnotice: () => {} })
  await sql`DROP SCHEMA IF EXISTS sluiceway CASCADE`
  await sql`CREATE ROLE narrow LOGIN PASSWORD 'loopback-only' CONNECTION LIMIT 1`
  await sql`GRANT CREATE ON DATABASE postgres TO narrow`
  const url = new URL(server.url)
  url.username = 'narrow'
  const way = await startLongWay(url.href, 5)
  const engine = postgres({ url: way.url }).open({}, 'sluiceway')
  try {
    const loads = loadsOf(9, 2_000)
    await makeTables(engine, loads)
    for (const _ of [1, 2]) await engine.loadTogether?.(loads)
    await expectRows(sql, loads, 2_000)
  } finally {
    await engine.close()
    await sql.end()
    await way.stop()
  }
})

test.each(['by itself', 'far away', ...(hasPgBouncer ? ['behind PgBouncer'] : [])])(
  'loads of all kinds leave in a server %s what a map of rows by id would hold',
  async (where) => {
    const sql = connect(server.url, { max: 1, onnotice: () => {} })
    await sql`DROP SCHEMA IF EXISTS sluiceway CASCADE`
    const pooler =
      where === 'behind PgBouncer'
        ? await startPgBouncer(server.url, 2)
        : where === 'far away'
          ? await startLongWay(server.url, 2)
          : undefined
    const engine = postgres({ url: pooler?.url ?? server.url }).open({}, 'sluiceway')
    let seed = 20_261_130
    const below = (most: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
      return (seed >>> 8) % most
    }
    const tables = ['pages', 'orders', 'searches', 'logins', 'carts', 'refunds', 'plans']
    // Two are as RudderStack makes them.
    const keyless = new Set(['logins', 'plans'])
    const model = new Map(tables.map((table) => [table, new Map<string, number>()]))
    const city = new Map<string, string>()
    let price = 0
    try {
      for (const table of tables) await engine.widen(table, columns)
      for (const table of keyless) await sql.unsafe(`ALTER TABLE sluiceway.${table} DROP CONSTRAINT ${table}_pkey`)
      await engine.widen('users', usersOf)
      for (let round = 0; round < 24; round++) {
        const loads = tables
          .filter(() => below(3) > 0)
          .map((table) => {
            const count = below(2) === 0 ? 1 + below(40) : 300 + below(900)
            // Some are there already, mostly none.
            const first = below(4) === 0 ? below(500) : round * 10_000
            const isBad = below(12) === 0
            const rows = Array.from({ length: count }, (_, n) => {
              const row = { ...order(`${first + n}`), price: ++price }
              return isBad && n === count >> 1 ? { ...row, price: 'cheap' } : row
            })
            return { table, isBad, load: loadOf({ id: `${round}`, table, columns, merge: 'replace', rows }), rows }
          })
        const user = loadOf({
          id: `${round}`,
          table: 'users',
          columns: usersOf,
          merge: 'coalesce',
          rows: [{ id: `user ${below(5)}`, city: `City ${round}` }],
        })
        const all = [...loads.map(({ load }) => load), user]
        const failed = await Promise.resolve(engine.loadTogether?.(all)).then(
          () => undefined,
          (thrown: unknown) => thrown,
        )
        const isBad = loads.some((one) => one.isBad)
        expect(failed === undefined).toBe(!isBad)
        // Then the loader tries each by itself.
        if (failed !== undefined)
          for (const one of loads) {
            const alone = engine.load(one.load)
            if (one.isBad) await expect(alone).rejects.toMatchObject({ details: { scope: 'rows' } })
            else await alone
          }
        if (failed !== undefined) await engine.load(user)
        for (const one of loads)
          if (!one.isBad) for (const row of one.rows) model.get(one.table)?.set(row.id, Number(row.price))
        city.set(String(user.rows[0]?.[0]), `City ${round}`)
      }
      for (const table of tables) {
        const found = await sql.unsafe(`SELECT id, price::float8 AS price FROM sluiceway.${table}`)
        expect(found.length).toBe(model.get(table)?.size)
        expect(new Map(found.map((row) => [String(row['id']), Number(row['price'])]))).toEqual(model.get(table))
      }
      const users = await sql`SELECT id, city FROM sluiceway.users`
      expect(new Map(users.map((row) => [String(row['id']), String(row['city'])]))).toEqual(city)
    } finally {
      await engine.close()
      await sql.end()
      await pooler?.stop()
    }
  },
)
