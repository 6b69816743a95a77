// What docs/leaving-rudderstack.md and docs/warehouse-postgres.md say, on a PostgreSQL with tables as RudderStack makes them.
import connect, { type Sql } from 'postgres'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import { postgres } from '../../src/warehouses/postgres.ts'
import { StagedLoads } from '../loading/staged-loads.ts'
import { blocks } from '../support/documents.ts'
import { type RealPostgres, startPostgres } from '../support/real-postgres.ts'
import { plainOrder } from '../support/sample-events.ts'

const scriptOf = (path: string): string => blocks.find((block) => block.path === path)?.text ?? ''
const receivedAt = '2026-11-28T10:00:00.000Z'
const order = (id: string, total: number): Event => plainOrder(id, { receivedAt, properties: { total } })

/** Tables without keys, which belong to RudderStack's role. */
const rudderTables = `
  CREATE SCHEMA my_website AUTHORIZATION rudder;
  SET ROLE rudder;
  CREATE TABLE my_website.tracks (id text, anonymous_id text, user_id text, received_at timestamptz, event text,
    event_text text, context_source_id text, uuid_ts timestamptz);
  CREATE TABLE my_website.order_completed (id text, user_id text, received_at timestamptz, event text, total bigint,
    uuid_ts timestamptz);
  CREATE TABLE my_website.users (id text, received_at timestamptz, plan text, uuid_ts timestamptz);
  INSERT INTO my_website.tracks (id, received_at, event) VALUES
    ('order-1', '2026-11-28T09:59:59.998Z', 'order_completed'), ('order-2', '2026-11-28T09:59:59.998Z', 'order_completed');
  INSERT INTO my_website.order_completed (id, received_at, total) VALUES
    ('order-1', '2026-11-28T09:59:59.998Z', 10), ('order-2', '2026-11-28T09:59:59.998Z', 20);
  INSERT INTO my_website.users (id, received_at, plan) VALUES ('ada', '2026-11-28T12:00:00Z', 'Pro');
  RESET ROLE;`

describe('a company that leaves RudderStack', () => {
  let server: RealPostgres
  let sql: Sql
  let url: URL
  beforeAll(async () => {
    server = await startPostgres()
    sql = connect(server.url, { max: 1, onnotice: () => {} })
    await sql.unsafe(`CREATE ROLE rudder; CREATE ROLE sluiceway LOGIN PASSWORD 'pw';
      GRANT CONNECT, TEMPORARY, CREATE ON DATABASE postgres TO sluiceway`)
    url = new URL(server.url)
    Object.assign(url, { username: 'sluiceway', password: 'pw' })
  }, 60_000)
  beforeEach(async () => {
    await sql.unsafe('DROP SCHEMA IF EXISTS my_website, my_website_new, web CASCADE')
    await sql.unsafe(rudderTables)
  })
  afterAll(async () => {
    await sql?.end()
    await server?.stop()
  })
  const loadsInto = (schema: string) =>
    new StagedLoads({ use: postgres({ url: url.href, schemas: { shop: schema } }), bindings: {} })

  test('a company that leaves RudderStack is told what is missing until its tables are handed over, and loses nothing', async () => {
    const loads = loadsInto('my_website')
    await loads.stage([order('order-2', 20), order('order-3', 39.95), order('order-4', 5)])
    expect(await loads.load()).toMatchObject({ error: expect.stringMatching(/permission denied|must be owner/) })
    expect(loads.letters).toEqual([])
    await sql.unsafe(scriptOf('leaving-owner.sql'))
    expect(await loads.load()).toMatchObject({ done: true, discards: 0 })
    expect([...(await sql`SELECT id, total FROM my_website.order_completed ORDER BY id`)]).toEqual([
      { id: 'order-1', total: '10' },
      { id: 'order-2', total: '20' },
      { id: 'order-3', total: '39.95' },
      { id: 'order-4', total: '5' },
    ])
    await loads.send({
      type: 'identify',
      messageId: 'late',
      userId: 'ada',
      traits: { plan: 'Free', city: 'London' },
      receivedAt: '2026-11-28T11:00:00.000Z',
    })
    expect([...(await sql`SELECT id, plan, city FROM my_website.users`)]).toEqual([
      { id: 'ada', plan: 'Pro', city: 'London' },
    ])
    expect([...(await sql.unsafe(scriptOf('leaving-check.sql')))]).toMatchObject([{ rows: '4', ids: '4' }])
  })

  test('a company that leaves RudderStack compares events and columns of both with the SQL of the document', async () => {
    const loads = loadsInto('my_website_new')
    await loads.send(order('order-1', 10.5), order('order-3', 1))
    const results = (await sql.unsafe(scriptOf('leaving-compare.sql'))) as unknown as Record<string, unknown>[][]
    expect([...(results[0] ?? [])]).toEqual([{ event: 'order_completed', rudderstack: '2', sluiceway: '2' }])
    const columns = results[1] ?? []
    expect(
      columns.find(({ table_name, column_name }) => table_name === 'order_completed' && column_name === 'total'),
    ).toEqual({ table_name: 'order_completed', column_name: 'total', rudderstack: 'bigint', sluiceway: 'numeric' })
    expect(columns.filter(({ table_name }) => String(table_name).startsWith('_'))).toEqual([])
  })

  test('a company that leaves RudderStack goes on with users whose ids are numbers there, and with all that is digits', async () => {
    await sql.unsafe(`${scriptOf('leaving-owner.sql')};
      ALTER TABLE my_website.tracks ALTER user_id TYPE bigint USING NULL, ALTER anonymous_id TYPE bigint USING NULL;
      ALTER TABLE my_website.order_completed ALTER user_id TYPE bigint USING NULL;
      ALTER TABLE my_website.users ALTER id TYPE bigint USING 1815`)
    const loads = loadsInto('my_website')
    const identify = (messageId: string, userId: string, traits: object, at = '2026-11-28T13:00:00.000Z'): Event => ({
      type: 'identify',
      messageId,
      userId,
      traits: { ...traits },
      receivedAt: at,
    })
    // The edge makes a text of each id.
    const orders = ['1815', '9007199254740993', '-7', '007', '9223372036854775808', 'ada'].map((userId, n) => ({
      ...order(`number-${n}`, n),
      userId,
      anonymousId: '42',
    }))
    await loads.send(...orders, identify('one', '1815', { plan: 'Free' }), identify('two', '1852', { plan: 'Pro' }))
    await loads.send(identify('late', '1815', { plan: 'Late', city: 'London' }, '2026-11-28T11:00:00.000Z'))
    const found = await sql`SELECT user_id, anonymous_id FROM my_website.tracks WHERE id LIKE 'number-%' ORDER BY id`
    expect(found.map(({ user_id: user, anonymous_id: visitor }) => [user, visitor])).toEqual([
      ['1815', '42'],
      ['9007199254740993', '42'],
      ['-7', '42'],
      [null, '42'],
      [null, '42'],
      [null, '42'],
    ])
    expect([...(await sql`SELECT id, plan, city FROM my_website.users ORDER BY id`)]).toEqual([
      { id: '1815', plan: 'Free', city: 'London' },
      { id: '1852', plan: 'Pro', city: null },
    ])
    expect(loads.letters).toEqual([])
    const discards = await sql`SELECT DISTINCT column_name, column_value FROM my_website.rudder_discards ORDER BY 2`
    expect(discards.map((row) => Object.values(row))).toEqual([
      ['user_id', '007'],
      ['user_id', '9223372036854775808'],
      ['user_id', 'ada'],
    ])
  })

  test('a table that is divided by received_at, as a hypertable is, gets each event once', async () => {
    await sql.unsafe(`CREATE SCHEMA web AUTHORIZATION sluiceway; SET ROLE sluiceway;
      CREATE TABLE web.tracks (id text, received_at timestamptz, event text, PRIMARY KEY (id, received_at))
        PARTITION BY RANGE (received_at);
      CREATE TABLE web.tracks_27 PARTITION OF web.tracks FOR VALUES FROM ('2026-11-27') TO ('2026-11-28');
      CREATE TABLE web.tracks_28 PARTITION OF web.tracks FOR VALUES FROM ('2026-11-28') TO ('2026-11-29');
      RESET ROLE`)
    const loads = loadsInto('web')
    await loads.send({ ...order('order-1', 1), receivedAt: '2026-11-27T10:00:00.000Z' }, order('order-2', 2))
    await loads.send(order('order-1', 1), order('order-3', 3))
    expect(loads.letters).toEqual([])
    expect([...(await sql`SELECT id, tableoid::regclass::text AS part FROM web.tracks ORDER BY id`)]).toEqual([
      { id: 'order-1', part: 'web.tracks_28' },
      { id: 'order-2', part: 'web.tracks_28' },
      { id: 'order-3', part: 'web.tracks_28' },
    ])
  })
})
