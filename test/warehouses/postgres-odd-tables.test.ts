// Tables that a person made or changed in PostgreSQL: what refuses rows stops no other, and nothing is lost or doubled.
import connect, { type Sql } from 'postgres'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import type { Engine } from '../../src/core/warehouse.ts'
import { postgres } from '../../src/warehouses/postgres.ts'
import { StagedLoads } from '../loading/staged-loads.ts'
import { type RealPostgres, startPostgres } from '../support/real-postgres.ts'

const seen = (messageId: string, properties: Record<string, unknown> = {}, event = 'Seen'): Event => ({
  type: 'track',
  messageId,
  userId: 'ada',
  event,
  properties,
})
const many = (count: number, properties: (n: number) => Record<string, unknown> = () => ({})): readonly Event[] =>
  Array.from({ length: count }, (_, n) => seen(`seen-${n}`, properties(n)))

/** Columns of each table of events that Sluiceway and RudderStack have. */
const columns = `id text, anonymous_id text, user_id text, received_at timestamptz, event text, event_text text,
  context_source_id text, context_source_type text, context_destination_id text, context_destination_type text,
  uuid_ts timestamptz`

describe('a table that a person made in PostgreSQL', () => {
  let server: RealPostgres
  let sql: Sql
  let url: URL
  let loads: StagedLoads
  /** Calls that change something. */
  let calls: number
  beforeAll(async () => {
    server = await startPostgres()
    sql = connect(server.url, { max: 1, onnotice: () => {} })
    await sql.unsafe(`CREATE ROLE sluiceway LOGIN PASSWORD 'pw';
      GRANT CONNECT, TEMPORARY, CREATE ON DATABASE postgres TO sluiceway`)
    url = new URL(server.url)
    Object.assign(url, { username: 'sluiceway', password: 'pw' })
  }, 60_000)
  beforeEach(async () => {
    await sql.unsafe(`RESET ROLE; ALTER ROLE sluiceway RESET ALL; DROP SCHEMA IF EXISTS web CASCADE;
      CREATE SCHEMA web AUTHORIZATION sluiceway; SET ROLE sluiceway`)
    loads = new StagedLoads({ use: postgres({ url: url.href, schema: 'web' }), bindings: {} })
    calls = 0
    loads.wrap = (engine: Engine) =>
      new Proxy(engine, {
        get: (target, name) => {
          if (name === 'load' || name === 'widen' || name === 'probe') calls++
          const value: unknown = Reflect.get(target, name, target)
          return typeof value === 'function' ? value.bind(target) : value
        },
      })
  })
  afterAll(async () => {
    await sql?.end()
    await server?.stop()
  })

  const count = async (table: string) => Number((await sql.unsafe(`SELECT count(*) AS n FROM web.${table}`))[0]?.['n'])
  const buried = () => loads.letters.map(({ messageId }) => messageId)

  test('a column NOT NULL that no event has makes thousands of rows wait, by a few loads, and buries none of them', async () => {
    await sql.unsafe(`CREATE TABLE web.seen (${columns}, shop_number integer NOT NULL)`)
    const report = await loads.send(...many(2_000), seen('other', {}, 'Other'))
    expect(report.error).toBeUndefined()
    expect(await count('tracks')).toBe(2_001)
    expect(await count('seen')).toBe(0)
    expect(calls).toBeLessThan(50)
    expect(buried()).toEqual([])
    expect(loads.held.list()).toMatchObject([
      { table: 'web.seen', events: 2_000, reason: expect.stringContaining('shop_number') },
    ])
    await sql.unsafe('ALTER TABLE web.seen ALTER COLUMN shop_number SET DEFAULT 1')
    loads.aheadMs = 120_000
    expect((await loads.load()).error).toBeUndefined()
    expect(await count('seen')).toBe(2_000)
    expect(loads.held.list()).toEqual([])
  }, 60_000)

  test('a constraint that most of many rows break has them as dead letters one by one, and takes the others', async () => {
    await sql.unsafe(`CREATE TABLE web.seen (${columns}, n bigint CHECK (n % 4 = 0))`)
    const report = await loads.send(...many(200, (n) => ({ n })))
    expect(report.error).toBeUndefined()
    expect(await count('seen')).toBe(50)
    expect(await count('tracks')).toBe(200)
    expect(new Set(buried()).size).toBe(150)
    expect(loads.held.list()).toEqual([])
  }, 60_000)

  /** Loads while somebody has locked the table `seen`. */
  const sendWhileLocked = async (...events: readonly Event[]) => {
    await sql.unsafe('RESET ROLE')
    const other = connect(server.url, { max: 1 })
    try {
      const held = await other.reserve()
      await held.unsafe('BEGIN; LOCK TABLE web.seen')
      expect((await loads.send(...events)).error).toBeUndefined()
      await held.unsafe('ROLLBACK')
      held.release()
    } finally {
      await other.end()
    }
    expect(loads.held.list()).toMatchObject([
      { table: 'web.seen', events: events.length, reason: expect.stringContaining('Somebody has locked the table') },
    ])
    loads.aheadMs = 120_000
    expect((await loads.load()).error).toBeUndefined()
    expect(loads.letters).toEqual([])
    return [...(await sql`SELECT id, total FROM web.seen ORDER BY id`)]
  }

  test('a lock on a table has its rows wait, its fractions and new columns, too, and all other tables are loaded', async () => {
    await loads.send(seen('seen-1', { total: 1 }))
    await sql.unsafe(`RESET ROLE; ALTER ROLE sluiceway SET lock_timeout = '200ms'`)
    const found = await sendWhileLocked(seen('seen-2', { total: 2.5 }), seen('seen-3', { total: 3, more: true }))
    expect(found).toEqual([
      { id: 'seen-1', total: '1' },
      { id: 'seen-2', total: '2.5' },
      { id: 'seen-3', total: '3' },
    ])
    expect(await count('tracks')).toBe(3)
    expect((await sql`SELECT to_regclass('web.rudder_discards') AS discards`)[0]).toEqual({ discards: null })
  })

  test('a lock on a table is waited for some seconds where neither the role nor the server says how long', async () => {
    await loads.send(seen('seen-1', { total: 1 }))
    const found = await sendWhileLocked(seen('seen-2', { total: 2 }))
    expect(found).toEqual([
      { id: 'seen-1', total: '1' },
      { id: 'seen-2', total: '2' },
    ])
  }, 60_000)

  test('a table whose dropped columns leave no room takes its rows, and what has no column is in rudder_discards', async () => {
    const dropped = Array.from({ length: 1_589 }, (_, n) => `c${n}`)
    await sql.unsafe(`CREATE TABLE web.seen (${columns}, ${dropped.map((name) => `${name} int`).join(', ')})`)
    await sql.unsafe(`ALTER TABLE web.seen ${dropped.map((name) => `DROP COLUMN ${name}`).join(', ')}`)
    expect((await loads.send(seen('seen-1', { color: 'red' }), seen('seen-2'))).error).toBeUndefined()
    expect(await count('seen')).toBe(2)
    expect(loads.letters).toEqual([])
    expect([...(await sql`SELECT table_name, row_id, column_name, column_value FROM web.rudder_discards`)]).toEqual([
      { table_name: 'seen', row_id: 'seen-1', column_name: 'color', column_value: 'red' },
    ])
  })

  test('a table whose dropped columns leave room for one more has what has no column in _sluiceway_more', async () => {
    const dropped = Array.from({ length: 1_588 }, (_, n) => `c${n}`)
    await sql.unsafe(`CREATE TABLE web.seen (${columns}, ${dropped.map((name) => `${name} int`).join(', ')})`)
    await sql.unsafe(`ALTER TABLE web.seen ${dropped.map((name) => `DROP COLUMN ${name}`).join(', ')}`)
    await loads.send(seen('seen-1', { color: 'red', size: 'XL' }))
    expect([...(await sql`SELECT id, _sluiceway_more AS more FROM web.seen`)]).toEqual([
      { id: 'seen-1', more: { color: 'red', size: 'XL' } },
    ])
    expect(loads.letters).toEqual([])
  })

  test('a role without temporary tables, or kept out by a policy, is told so, and a statement that takes too long, too', async () => {
    await sql.unsafe(`CREATE TABLE web.seen (${columns}); ALTER TABLE web.seen ENABLE ROW LEVEL SECURITY;
      ALTER TABLE web.seen FORCE ROW LEVEL SECURITY; RESET ROLE; REVOKE TEMPORARY ON DATABASE postgres FROM PUBLIC, sluiceway`)
    const identify: Event = { type: 'identify', messageId: 'known', userId: 'ada', traits: { plan: 'gold' } }
    expect((await loads.send(seen('seen-1'), identify, seen('other', {}, 'Other'))).error).toBeUndefined()
    expect(loads.held.list().map(({ table, reason }) => [table, reason])).toEqual([
      ['web.seen', expect.stringContaining('A policy keeps rows of events out')],
      ['web.users', expect.stringContaining('GRANT TEMPORARY ON DATABASE "postgres" TO "sluiceway"')],
    ])
    await sql.unsafe(`GRANT TEMPORARY ON DATABASE postgres TO sluiceway; ALTER ROLE sluiceway BYPASSRLS`)
    loads.aheadMs = 120_000
    expect((await loads.load()).error).toBeUndefined()
    expect([await count('seen'), await count('users')]).toEqual([1, 1])

    await sql.unsafe(`CREATE FUNCTION web.sleep() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN PERFORM pg_sleep(1); RETURN NEW; END $$;
      CREATE TRIGGER sleep BEFORE INSERT ON web.other FOR EACH ROW EXECUTE FUNCTION web.sleep();
      ALTER ROLE sluiceway SET statement_timeout = '200ms'`)
    expect((await loads.send(seen('other-2', {}, 'Other'))).error).toMatch(
      /\(57014\)\. .*ALTER ROLE "sluiceway" SET statement_timeout = '2min'/,
    )
    await sql.unsafe('ALTER ROLE sluiceway RESET ALL; ALTER ROLE sluiceway NOBYPASSRLS')
    expect((await loads.load()).error).toBeUndefined()
    expect(await count('other')).toBe(2)
    expect(loads.letters).toEqual([])
  })

  test('a role that may make no tables fills those that are there, and the rows of new ones wait', async () => {
    await loads.send(seen('seen-1'))
    await sql.unsafe(`RESET ROLE; ALTER SCHEMA web OWNER TO postgres; REVOKE ALL ON SCHEMA web FROM sluiceway;
      GRANT USAGE ON SCHEMA web TO sluiceway`)
    expect((await loads.send(seen('other', {}, 'Other'), seen('seen-2'))).error).toBeUndefined()
    loads.aheadMs = 120_000
    expect((await loads.send(seen('seen-3'))).error).toBeUndefined()
    expect([await count('seen'), await count('tracks')]).toEqual([3, 4])
    expect(loads.held.list()).toMatchObject([
      { table: 'web.other', events: 1, reason: expect.stringContaining('GRANT USAGE, CREATE ON SCHEMA "web"') },
    ])
    await sql.unsafe('GRANT CREATE ON SCHEMA web TO sluiceway')
    loads.aheadMs = 600_000
    expect((await loads.load()).error).toBeUndefined()
    expect(await count('other')).toBe(1)
    expect(loads.letters).toEqual([])
  })

  test('a table whose rows a trigger puts into tables that inherit from it has each event once', async () => {
    await sql.unsafe(`CREATE TABLE web.seen (${columns}, PRIMARY KEY (id)); CREATE TABLE web.seen_11 () INHERITS (web.seen);
      CREATE FUNCTION web.part() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN INSERT INTO web.seen_11 VALUES (NEW.*); RETURN NULL; END $$;
      CREATE TRIGGER part BEFORE INSERT ON web.seen FOR EACH ROW EXECUTE FUNCTION web.part()`)
    const alone = new StagedLoads(
      { use: postgres({ url: url.href, schema: 'web' }), bindings: {} },
      { skipTracksTable: true },
    )
    for (const events of [many(500), many(500), many(3)]) expect((await alone.send(...events)).error).toBeUndefined()
    expect([...(await sql`SELECT count(*)::int AS n, count(DISTINCT id)::int AS ids FROM web.seen`)]).toEqual([
      { n: 500, ids: 500 },
    ])
  })

  test('a damaged table has its rows wait, and all other tables are loaded', async () => {
    await loads.send(seen('seen-1'))
    await sql.unsafe(`RESET ROLE; CREATE FUNCTION web.damaged() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'could not read block 5 in file "base/5/16391"' USING ERRCODE = 'XX001'; END $$;
      CREATE TRIGGER damaged BEFORE INSERT ON web.seen FOR EACH ROW EXECUTE FUNCTION web.damaged()`)
    expect((await loads.send(seen('seen-2'))).error).toBeUndefined()
    expect(await count('tracks')).toBe(2)
    expect(loads.held.list()).toMatchObject([{ table: 'web.seen', events: 1 }])
    expect(loads.letters).toEqual([])
  })

  test('a table of discards that is a view makes dead letters of their events by a few loads', async () => {
    await loads.send(seen('first', { total: 1 }))
    await sql.unsafe('CREATE VIEW web.rudder_discards AS SELECT 1 AS one')
    const texts = many(400, (n) => ({ total: `${n} Euros` }))
    expect((await loads.send(...texts, seen('last', { total: 2 }))).error).toBeUndefined()
    expect(await count('seen')).toBe(402)
    expect(new Set(buried()).size).toBe(400)
    expect(calls).toBeLessThan(50)
  })

  test('a lock on the table of discards makes no dead letters: the load is repeated, and each discard is there once', async () => {
    await loads.send(seen('first', { total: 1 }), seen('second', { total: 'two' }))
    await sql.unsafe(`RESET ROLE; ALTER ROLE sluiceway SET lock_timeout = '200ms'`)
    const other = connect(server.url, { max: 1 })
    try {
      const held = await other.reserve()
      await held.unsafe('BEGIN; LOCK TABLE web.rudder_discards')
      const texts = many(100, (n) => ({ total: `${n} Euros` }))
      expect((await loads.send(...texts)).error).toMatch(/Somebody has locked the table/)
      await held.unsafe('ROLLBACK')
      held.release()
    } finally {
      await other.end()
    }
    expect((await loads.load()).error).toBeUndefined()
    expect([await count('seen'), await count('rudder_discards')]).toEqual([102, 101])
    expect(loads.letters).toEqual([])
  })

  test('a partition that nobody made has the rows for it wait, and the others are loaded', async () => {
    await sql.unsafe(`CREATE TABLE web.seen (${columns}) PARTITION BY RANGE (received_at);
      CREATE TABLE web.seen_11 PARTITION OF web.seen FOR VALUES FROM ('2026-11-01') TO ('2026-12-01')`)
    const december: Event = { ...seen('december'), receivedAt: '2026-12-01T10:00:00.000Z' }
    expect((await loads.send(seen('november'), december)).error).toBeUndefined()
    expect([await count('seen'), await count('tracks')]).toEqual([1, 2])
    expect(loads.held.list()).toMatchObject([{ table: 'web.seen', events: 1, blocked: false }])
    await sql.unsafe(`CREATE TABLE web.seen_12 PARTITION OF web.seen FOR VALUES FROM ('2026-12-01') TO ('2027-01-01')`)
    loads.aheadMs = 120_000
    expect((await loads.load()).error).toBeUndefined()
    expect(await count('seen')).toBe(2)
    expect(loads.letters).toEqual([])
  })

  test('a column whose type a person changes twice within an hour buries no event', async () => {
    await loads.send(seen('seen-1', { code: 'A', n: 1 }), seen('seen-2', { n: 'two' }))
    for (const [id, type] of [
      ['seen-3', 'numeric'],
      ['seen-4', 'boolean'],
    ] as const) {
      await sql.unsafe(`ALTER TABLE web.seen ALTER COLUMN code TYPE ${type} USING NULL`)
      await loads.send(seen(id, { code: 'B' }), seen(`${id}-other`, { code: 'C' }), seen(`${id}-more`))
    }
    expect(buried()).toEqual([])
    expect(await count('seen')).toBe(8)
    expect([
      ...(await sql`SELECT row_id, column_value FROM web.rudder_discards WHERE column_name = 'code' ORDER BY 1`),
    ]).toEqual([
      { row_id: 'seen-3', column_value: 'B' },
      { row_id: 'seen-3-other', column_value: 'C' },
      { row_id: 'seen-4', column_value: 'B' },
      { row_id: 'seen-4-other', column_value: 'C' },
    ])
  })

  test('many rows of which no value fits harm no later row, and are dead letters in the end', async () => {
    await sql.unsafe(`CREATE TABLE web.seen (${columns}, n bigint CHECK (n < 1000))`)
    await loads.send(...many(150, (n) => ({ n: n + 5_000 })))
    expect(loads.held.list()).toMatchObject([{ table: 'web.seen', events: 150, blocked: false }])
    await loads.send(seen('good', { n: 1 }), seen('bad', { n: 2_000 }))
    expect([...(await sql`SELECT id FROM web.seen`)]).toEqual([{ id: 'good' }])
    expect(buried()).toEqual(['bad'])
    for (let i = 0; i < 5; i++) {
      loads.aheadMs += 3_600_000
      expect((await loads.load()).error).toBeUndefined()
    }
    expect(loads.held.list()).toEqual([])
    expect(new Set(buried()).size).toBe(151)
    expect([await count('seen'), await count('tracks')]).toEqual([1, 152])
  })
})
