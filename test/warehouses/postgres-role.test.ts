// The roles of docs/warehouse-postgres.md, on a real PostgreSQL on which nobody has a right that was not given.
import connect, { type Sql } from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Columns } from '../../src/core/warehouse.ts'
import { postgres } from '../../src/warehouses/postgres.ts'
import { loadOf } from '../support/load-of.ts'
import { blocks } from '../support/documents.ts'
import { type RealPostgres, startPostgres } from '../support/real-postgres.ts'

/** The scripts of the document, and the schema that Sluiceway then uses. */
const scripts = [
  ['postgres-role.sql', 'web'],
  ['postgres-role-one-schema.sql', 'sluiceway'],
] as const
const statementsOf = (script: string): readonly string[] =>
  (blocks.find(({ path }) => path === script)?.text ?? '')
    .replaceAll(/^--.*$/gm, '')
    .split(';')
    .map((one) => one.trim())
const passwords: Readonly<Record<string, string>> = { sluiceway: 'a-password-of-yours', reader: 'another-password' }

interface Database {
  /** Connection string of a role. */
  readonly urlOf: (role: string) => string
  readonly asRole: (role: string) => Sql
  readonly stop: () => Promise<void>
}

/** Starts a server with the database of the document, and runs what it says there without what `left` matches. */
async function start(script: string, left?: RegExp): Promise<Database> {
  const server: RealPostgres = await startPostgres()
  const admin = connect(server.url, { max: 1, onnotice: () => {} })
  await admin.unsafe('CREATE DATABASE analytics')
  await admin.end()
  const urlOf = (role: string) => {
    const url = new URL(server.url)
    url.pathname = '/analytics'
    if (role !== 'postgres') Object.assign(url, { username: role, password: passwords[role] })
    return url.href
  }
  const open: Sql[] = []
  const asRole = (role: string) => {
    const sql = connect(urlOf(role), { max: 1, prepare: false, onnotice: () => {} })
    open.push(sql)
    return sql
  }
  const owner = asRole('postgres')
  await owner.unsafe('REVOKE ALL ON DATABASE analytics FROM PUBLIC; REVOKE ALL ON SCHEMA public FROM PUBLIC')
  for (const statement of statementsOf(script)) if (left?.test(statement) !== true) await owner.unsafe(statement)
  return {
    urlOf,
    asRole,
    stop: async () => {
      await Promise.all(open.map((sql) => sql.end({ timeout: 5 })))
      await server.stop()
    },
  }
}

/** All that an engine does: a probe, and loads of each kind, from a new table to a wider one. */
async function loadOrders(url: string, schema: string): Promise<void> {
  const engine = postgres({ url }).open({}, schema)
  try {
    await engine.probe()
    for (const columns of [{ id: 'string' }, { id: 'string', total: 'float' }] as const) {
      await engine.widen('order_completed', columns)
      const rows = [{ id: 'order-1843', total: 129.9 }]
      for (const merge of ['replace', 'coalesce'] as const)
        await engine.load(loadOf({ id: 'load-1', table: 'order_completed', columns, rows, merge }))
    }
    const discards: Columns = { row_id: 'string', reason: 'string' }
    await engine.widen('rudder_discards', discards)
    const rows = [{ row_id: 'order-1843', reason: 'wrong type' }]
    for (const _ of [1, 2])
      await engine.load(loadOf({ id: 'load-2', table: 'rudder_discards', columns: discards, rows, merge: 'append' }))
    expect(await engine.columns('order_completed')).toEqual({ id: 'string', total: 'float' })
  } finally {
    await engine.close()
  }
}

describe.each(scripts)('the SQL of the document, %s', (script, schema) => {
  let database: Database
  beforeAll(async () => {
    database = await start(script)
    await loadOrders(database.urlOf('sluiceway'), schema)
  }, 60_000)
  afterAll(() => database?.stop())

  test('the role of the document owns what it creates, and may create nothing beside its schemas', async () => {
    const sql = database.asRole('sluiceway')
    await expect(sql`CREATE TABLE public.elsewhere (id text)`).rejects.toThrow(/permission denied|no schema/)
    if (schema === 'sluiceway') await expect(sql`CREATE SCHEMA elsewhere`).rejects.toThrow('permission denied')
    await expect(sql`CREATE ROLE grace`).rejects.toThrow('permission denied')
  })

  test('the reader of the document reads tables that came later, and changes none', async () => {
    const sql = database.asRole('reader')
    expect([...(await sql`SELECT id, total FROM ${sql(schema)}.order_completed`)]).toEqual([
      { id: 'order-1843', total: '129.9' },
    ])
    await expect(sql`DELETE FROM ${sql(schema)}.order_completed`).rejects.toThrow('permission denied')
    await expect(sql`CREATE TABLE ${sql(schema)}.mine (id text)`).rejects.toThrow('permission denied')
  })
})

test.each([
  ['to connect, to make schemas and temporary tables', 'postgres-role.sql', 'web', /^GRANT CONNECT, TEMPORARY/],
  ['to connect and to make temporary tables', 'postgres-role-one-schema.sql', 'sluiceway', /^GRANT CONNECT, TEMPORARY/],
  ['to create in the schema', 'postgres-role-one-schema.sql', 'sluiceway', /^GRANT USAGE, CREATE/],
])(
  'the right %s of %s is needed: without it nothing is loaded',
  async (_, script, schema, left) => {
    const database = await start(script, left)
    try {
      await expect(loadOrders(database.urlOf('sluiceway'), schema)).rejects.toThrow('permission denied')
    } finally {
      await database.stop()
    }
  },
  60_000,
)
