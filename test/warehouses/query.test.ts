import connect, { type Sql } from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Engine } from '../../src/core/warehouse.ts'
import { postgres } from '../../src/warehouses/postgres.ts'
import { readOnlySelect } from '../../src/warehouses/d1/read-only.ts'
import { loadOf } from '../support/load-of.ts'
import { startPostgres } from '../support/real-postgres.ts'
import { startD1, type RealWarehouse } from '../support/real-warehouses.ts'

const columns = { id: 'string', total: 'float', gift: 'boolean', cart: 'json', received_at: 'datetime' } as const
const rows = [
  { id: 'order-1', total: 129.9, gift: true, cart: '{"sku":"S-1"}', received_at: '2026-11-22T10:00:00.000Z' },
  { id: 'order-2', total: 10, gift: null, cart: null, received_at: '2026-11-22T11:00:00.000Z' },
]

async function fill(engine: Engine): Promise<void> {
  await engine.widen('orders', columns)
  await engine.load(loadOf({ id: 'load-1', table: 'orders', columns, rows, merge: 'replace' }))
}

/** Texts that would write if anything let them; `orders` must be as it was behind each. */
const writes = [
  'DELETE FROM orders',
  'DROP TABLE orders',
  "UPDATE orders SET id = 'x'",
  "INSERT INTO orders (id) VALUES ('x')",
  'SELECT 1; DELETE FROM orders',
  'SELECT 1; COMMIT; DELETE FROM orders; BEGIN',
  'COMMIT; DELETE FROM orders',
  'SELECT 1) AS a; DELETE FROM orders; SELECT * FROM (SELECT 1',
  'SELECT 1); DELETE FROM orders; --',
  'SELECT 1) LIMIT 1; DELETE FROM orders; /*',
  "SELECT 1 -- '\n); DELETE FROM orders; --'",
  "SELECT 1 /* ' */); DELETE FROM orders; --'",
  'SELECT 1 /*); DELETE FROM orders; --*/ ); DELETE FROM orders; --',
  'WITH gone AS (DELETE FROM orders RETURNING id) SELECT * FROM gone',
  "WITH a AS (SELECT 1) INSERT INTO orders (id) SELECT 'x'",
  'WITH a AS (SELECT 1) DELETE FROM orders',
  'EXPLAIN ANALYZE DELETE FROM orders',
  'EXPLAIN DELETE FROM orders',
  'VALUES (1); DELETE FROM orders',
  'PRAGMA writable_schema = 1',
  "ATTACH 'other.db' AS other",
  'VACUUM',
  'BEGIN',
  'CREATE TABLE mine AS SELECT * FROM orders',
  'SELECT * INTO mine FROM orders',
  "SELECT $x('), 1); DELETE FROM orders; --')",
  'SELECT [); DELETE FROM orders; --]',
  'SELECT `); DELETE FROM orders; --`',
  'SELECT "); DELETE FROM orders; --" "',
  "SELECT ''')'); DELETE FROM orders; --'",
  'SELECT 1\0); DELETE FROM orders; --',
  'SELECT * FROM pragma_optimize',
  "SELECT * FROM 'PRAGMA_optimize'(0x10002)",
]

describe('SQL for reading in a D1', () => {
  let warehouse: RealWarehouse
  let engine: Engine
  beforeAll(async () => {
    warehouse = await startD1()
    engine = warehouse.use.open(warehouse.bindings, '')
    await fill(engine)
  }, 60_000)
  afterAll(() => warehouse?.stop())
  const query = (sql: string) => engine.query?.(sql)

  test('SQL for reading in a D1 gives columns and rows', async () => {
    expect(await query('SELECT id, total, gift, cart FROM orders ORDER BY id; -- all of them')).toEqual({
      columns: ['id', 'total', 'gift', 'cart'],
      rows: [
        ['order-1', 129.9, 1, '{"sku":"S-1"}'],
        ['order-2', 10, null, null],
      ],
      truncated: false,
    })
    expect(await query('SELECT * FROM orders')).toMatchObject({ columns: expect.arrayContaining(['id', 'total']) })
    expect(await query('WITH a AS (SELECT total FROM orders) SELECT count(*) AS n FROM a WHERE total > 1')).toEqual({
      columns: ['n'],
      rows: [[2]],
      truncated: false,
    })
    expect(await query("SELECT id, 'a;b) --' AS note FROM orders WHERE 1 = 0")).toEqual({
      columns: ['id', 'note'],
      rows: [],
      truncated: false,
    })
    expect((await query('EXPLAIN QUERY PLAN SELECT * FROM orders'))?.rows.flat().join(' ')).toMatch(/SCAN/)
    expect(await query("SELECT 9007199254740993 AS large, x'00ff' AS blob, 1 AS n, 2 AS n")).toEqual({
      columns: ['large', 'blob', 'n', 'n:1'],
      rows: [['9007199254740993', 'blob of 2 bytes', 1, 2]],
      truncated: false,
    })
  })

  test('SQL for reading in a D1 gives a bounded part of what is large, and says so', async () => {
    const series = (n: number) => `WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < ${n})`
    const many = await query(`${series(1_500)} SELECT n FROM s`)
    expect([many?.rows.length, many?.rows[0], many?.truncated]).toEqual([1_000, [1], true])
    const long = await query("SELECT replace(hex(zeroblob(10000)), '0', 'x') AS text")
    expect([String(long?.rows[0]?.[0]).length, long?.truncated]).toEqual([10_000, true])
    const wide = await query(`${series(900)} SELECT n, replace(hex(zeroblob(4500)), '0', 'x') FROM s`)
    expect([wide?.rows.length, wide?.truncated]).toEqual([111, true])
    const whole = await query(`${series(1_000)} SELECT n FROM s`)
    expect([whole?.rows.length, whole?.truncated]).toEqual([1_000, false])
  })

  test.each(writes)('SQL for reading in a D1 writes nothing: %j', async (sql) => {
    await query(sql)?.catch((thrown: unknown) => expect(thrown).toMatchObject({ code: 'bad_request' }))
    expect(await warehouse.ids('orders')).toEqual(['order-1', 'order-2'])
    expect(await warehouse.tables()).not.toContain('mine')
    expect((await query("SELECT name FROM sqlite_schema WHERE name LIKE 'sqlite_stat_'"))?.rows).toEqual([])
  })

  test.each([
    ['DELETE FROM orders', 'It must be a SELECT, WITH, VALUES or EXPLAIN of one.'],
    ['SELECT 1; DELETE FROM orders', 'There may be one statement only.'],
    ['SELECT 1) LIMIT 1', 'The parentheses do not match.'],
    ['SELECT (1', 'The parentheses do not match.'],
    ["SELECT 'a", 'A quote does not end.'],
    ['SELECT 1 /* a', 'A comment does not end.'],
    ['SELECT ?1', 'There may be no "?" outside of quotes.'],
    ["SELECT $x('')", 'There may be no "$" outside of quotes.'],
    ['SELECT * FROM `pragma_optimize`', 'There may be no pragma_optimize, which writes.'],
  ])('SQL for reading in a D1 is refused with the reason: %j', (sql, reason) => {
    expect(() => readOnlySelect(sql)).toThrow(`The query is refused: ${reason}`)
  })

  test.each([
    ['SELECT no_such_column FROM orders', /no such column/],
    ['SELECT * FROM no_such_table', /no such table/],
    ['SELECT FROM', /syntax error/],
    ['SELECT load_extension(1)', /load_extension|not authorized|no such function/],
  ])('SQL for reading in a D1 tells what D1 says: %j', async (sql, words) => {
    await expect(query(sql)).rejects.toMatchObject({ code: 'bad_request', message: expect.stringMatching(words) })
  })
})

describe('SQL for reading in a PostgreSQL', () => {
  let server: Awaited<ReturnType<typeof startPostgres>>
  let sql: Sql
  let engine: Engine
  beforeAll(async () => {
    server = await startPostgres()
    sql = connect(server.url, { max: 1, onnotice: () => {} })
    engine = postgres({ url: server.url }).open({}, 'web')
    await fill(engine)
    await sql.unsafe('CREATE FUNCTION web.wipe() RETURNS int LANGUAGE sql AS $$ DELETE FROM web.orders RETURNING 1 $$')
    await sql.unsafe('CREATE FUNCTION web."Wipe all"() RETURNS int LANGUAGE sql AS $$ SELECT web.wipe() $$')
    await sql.unsafe(`CREATE FUNCTION web.loosen() RETURNS int LANGUAGE plpgsql AS $$
      BEGIN SET LOCAL transaction_read_only = off; DELETE FROM web.orders; RETURN 1; END $$`)
    await sql.unsafe('CREATE FUNCTION web.wiped(web.orders) RETURNS int LANGUAGE sql AS $$ SELECT web.wipe() $$')
    await sql.unsafe('CREATE FUNCTION web.gift(int) RETURNS int LANGUAGE sql AS $$ SELECT web.wipe() $$')
    await sql.unsafe('CREATE FUNCTION web.system() RETURNS int LANGUAGE sql AS $$ SELECT web.wipe() $$')
    await sql.unsafe('CREATE EXTENSION tablefunc; CREATE EXTENSION xml2')
    await sql.unsafe(`CREATE FUNCTION web.pivot(text) RETURNS SETOF tablefunc_crosstab_2
      LANGUAGE c STABLE AS '$libdir/tablefunc', 'crosstab'`)
  }, 60_000)
  afterAll(async () => {
    await engine?.close()
    await sql?.end()
    await server?.stop()
  })
  const query = (text: string) => engine.query?.(text)

  test('SQL for reading in a PostgreSQL gives columns and rows', async () => {
    expect(await query('SELECT id, total, gift, cart, received_at FROM orders ORDER BY id;')).toEqual({
      columns: ['id', 'total', 'gift', 'cart', 'received_at'],
      rows: [
        ['order-1', 129.9, true, { sku: 'S-1' }, '2026-11-22T10:00:00Z'],
        ['order-2', 10, null, null, '2026-11-22T11:00:00Z'],
      ],
      truncated: false,
    })
    expect(await query('SELECT 9007199254740993 AS large, 1 AS n, 2 AS n, 0.10 AS price -- in all')).toEqual({
      columns: ['large', 'n', 'n', 'price'],
      rows: [['9007199254740993', 1, 2, '0.10']],
      truncated: false,
    })
    expect(await query('SELECT id FROM web.orders WHERE false')).toEqual({
      columns: ['id'],
      rows: [],
      truncated: false,
    })
    expect(await query('TABLE orders')).toMatchObject({ rows: { length: 2 } })
    for (const explain of ['EXPLAIN', 'explain analyze', 'EXPLAIN VERBOSE -- so\n', 'EXPLAIN (ANALYZE, COSTS off)'])
      expect((await query(`${explain} SELECT * FROM orders;`))?.rows.flat().join(' ')).toMatch(
        /Seq Scan on (web\.)?orders/,
      )
  })

  test('SQL for reading in a PostgreSQL gives a bounded part of what is large, and says so', async () => {
    const many = await query('SELECT n FROM generate_series(1, 1500) AS n')
    expect([many?.rows.length, many?.rows[0], many?.truncated]).toEqual([1_000, [1], true])
    const long = await query("SELECT repeat('x', 20000) AS text")
    expect([String(long?.rows[0]?.[0]).length, long?.truncated]).toEqual([10_000, true])
    const wide = await query("SELECT n, repeat('x', 9000) FROM generate_series(1, 900) AS n")
    expect([wide?.rows.length, wide?.truncated]).toEqual([111, true])
  })

  test.each([
    ...writes,
    'SELECT web.wipe()',
    'SELECT web.loosen()',
    "SELECT set_config('transaction_read_only', 'off', true), web.wipe()",
    'TABLE orders; DELETE FROM orders',
    'DO $$ BEGIN DELETE FROM web.orders; END $$',
    "COPY orders TO PROGRAM 'true'",
    'EXPLAIN ANALYZE SELECT web.wipe()',
    'EXPLAIN SELECT 1; DELETE FROM orders',
    'EXPLAIN ANALYZE CREATE TABLE web.mine AS SELECT 1',
    'EXPLAIN (ANALYZE, VERBOSE) CREATE TABLE web.mine AS SELECT 1',
    'EXPLAIN ANALYZE SELECT 1 AS one INTO web.mine',
    'EXPLAIN /* a */ (ANALYZE) /* b */ SELECT 1 AS one INTO web.mine',
    'EXPLAIN ANALYZE CREATE MATERIALIZED VIEW web.mine AS SELECT 1',
    'EXPLAIN ANALYZE WITH a AS (SELECT 1 AS one) SELECT * INTO web.mine FROM a',
    'EXPLAIN ANALYZE SELECT 1) AS a; CREATE TABLE web.mine AS SELECT * FROM (SELECT 1',
    'SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE',
    "SELECT nextval('web.counter')",
  ])('SQL for reading in a PostgreSQL writes nothing: %j', async (text) => {
    await query(text)?.catch((thrown: unknown) => expect(thrown).toMatchObject({ code: 'bad_request' }))
    expect([...(await sql`SELECT id FROM web.orders ORDER BY id`)]).toEqual([{ id: 'order-1' }, { id: 'order-2' }])
    expect([...(await sql`SELECT 1 FROM pg_class WHERE relname = 'mine'`)]).toEqual([])
  })

  test.each([
    ['SELECT pg_terminate_backend(pid) FROM pg_stat_activity', 'pg_terminate_backend'],
    ['SELECT pg_catalog.PG_Reload_Conf ()', 'pg_reload_conf'],
    ['SELECT "pg_switch_wal" ()', 'pg_switch_wal'],
    ["SELECT lo_export(1, '/tmp/orders')", 'lo_export'],
    ["SELECT pg_read_file('/etc/passwd')", 'pg_read_file'],
    ["SELECT set_config('search_path', 'pg_catalog', false)", 'set_config'],
    ['SELECT pg_advisory_lock(1)', 'pg_advisory_lock'],
    ["SELECT pg_notify('a', 'b')", 'pg_notify'],
    ['SELECT pg_stat_reset()', 'pg_stat_reset'],
    ["SELECT query_to_xml('SELECT pg_stat_' || 'reset()', true, true, '')", 'query_to_xml'],
    ['SELECT pg_stat_reset/* /* */ */()', 'pg_stat_reset'],
    ['SELECT pg_stat_reset -- \n()', 'pg_stat_reset'],
    [`SELECT '"', pg_stat_reset(), '"'`, 'pg_stat_reset'],
    ['EXPLAIN ANALYZE SELECT pg_stat_reset()', 'pg_stat_reset'],
    ['SELECT web.wipe()', 'wipe'],
    ['SELECT web."Wipe all"()', 'Wipe all'],
    ['SELECT TREAT(1 AS pg_advisory_lock)', 'pg_advisory_lock'],
    ["SELECT Treat ('/etc/passwd'::text AS pg_catalog.pg_read_file)", 'pg_read_file'],
    ['SELECT o.wiped FROM web.orders AS o', 'wiped'],
    ['SELECT (o) . Wiped FROM web.orders AS o', 'wiped'],
    ['SELECT web.system()', 'system'],
  ])('SQL for reading in a PostgreSQL calls nothing that may do more than read: %j', async (text, name) => {
    await expect(query(text)).rejects.toMatchObject({
      code: 'bad_request',
      message: `The query is refused: it may call no volatile function, as ${name} is.`,
    })
  })

  test.each([
    ["SELECT * FROM public.crosstab('SELECT 1, 2, pg_stat_'||'reset()') AS t(a int, b text)", 'crosstab'],
    ["SELECT * FROM public.crosstab2('SELECT ''a''::text, ''b''::text, pg_stat_'||'reset()::text')", 'crosstab2'],
    ["SELECT * FROM web.pivot('SELECT ''a''::text, ''b''::text, pg_stat_'||'reset()::text')", 'pivot'],
    ["SELECT * FROM public.connectby('orders', 'id', 'id', '1', 0) AS t(k text, p text, l int)", 'connectby'],
    ["SELECT * FROM public.xpath_table('id', 'cart', 'orders', '/x', 'true') AS t(a text, b text)", 'xpath_table'],
  ])('SQL for reading in a PostgreSQL calls nothing that runs a text as a statement: %j', async (text, name) => {
    await expect(query(text)).rejects.toMatchObject({
      code: 'bad_request',
      message: `The query is refused: it may call no function that runs a text as a statement, as ${name} does.`,
    })
  })

  test('SQL for reading in a PostgreSQL may name a column as a volatile function is named', async () => {
    expect((await query('SELECT o.gift, gift FROM orders AS o LIMIT 1'))?.rows).toEqual([[true, true]])
  })

  test('SQL for reading in a PostgreSQL gives as text what a number of JSON cannot hold', async () => {
    const asked = `SELECT 'NaN'::float8 AS a, 'Infinity'::numeric AS b, '-Infinity'::float4 AS c,
      '{"n":9007199254740993,"price":1.10,"some":[2,1.5]}'::jsonb AS d`
    expect((await query(asked))?.rows).toEqual([
      ['NaN', 'Infinity', '-Infinity', { n: '9007199254740993', price: '1.10', some: [2, 1.5] }],
    ])
  })

  test.each(['X', 'EXPLAIN'])(
    'SQL for reading in a PostgreSQL is refused at once behind many comments: %j',
    async (word) => {
      await expect(query(`${word}${'/**/'.repeat(3_000)} X`)).rejects.toMatchObject({ code: 'bad_request' })
      await expect(query(`${'/**/'.repeat(3_000)} ${word}`)).rejects.toMatchObject({ code: 'bad_request' })
    },
  )

  test('SQL for reading in a PostgreSQL spells no name by escapes', async () => {
    await expect(query('SELECT U&"\\0070g_stat_reset"()')).rejects.toMatchObject({ code: 'bad_request' })
  })

  test('SQL for reading in a PostgreSQL may use functions that read, and the chance', async () => {
    const found = await query('SELECT count(*), max(random()) < 1, coalesce(min(total), 0) FROM orders -- as now() is')
    expect(found?.rows).toEqual([[2, true, 10]])
  })

  test.each(['SELECT $1', 'EXPLAIN EXECUTE prepared'])(
    'SQL for reading in a PostgreSQL is at fault itself: %j',
    async (text) => {
      await expect(query(text)).rejects.toMatchObject({ code: 'bad_request' })
    },
  )

  test('SQL for reading in a PostgreSQL is stopped after ten seconds, by the server', async () => {
    const began = Date.now()
    await expect(query('SELECT pg_sleep(60)')).rejects.toMatchObject({
      code: 'warehouse_failed',
      message: expect.stringMatching(/statement timeout/),
    })
    expect(Date.now() - began).toBeLessThan(30_000)
  }, 60_000)

  test('SQL for reading in a PostgreSQL tells no password when nobody answers', async () => {
    const gone = postgres({ url: 'postgres://ada:analytical-engine@127.0.0.1:1/shop' }).open({}, 'web')
    const thrown: unknown = await gone.query?.('SELECT 1').catch((error: unknown) => error)
    expect(thrown).toMatchObject({ code: 'warehouse_failed' })
    expect(String(thrown)).not.toContain('analytical-engine')
    await gone.close()
  })
})
