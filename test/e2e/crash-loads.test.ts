// Loads that die: Sluiceway, or the database, is killed at any point of a load while events keep coming. CRASH_SYNCS says how many
// loads, 8 when left out.
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import connect from 'postgres'
import { afterEach, expect, test } from 'vitest'
import type { Random } from '../../scripts/bench/random.ts'
import type { LaneStatus, LoaderStatus } from '../../src/core/bindings.ts'
import type { Event } from '../../src/core/event.ts'
import { lake } from '../../src/warehouses/lake.ts'
import { startBigQueryWarehouse } from '../support/real-bigquery.ts'
import { startClickHouseWarehouse } from '../support/real-clickhouse.ts'
import { objectsIn, readLake, settingsOf } from '../support/real-lake.ts'
import { type RealPostgres, startPostgres } from '../support/real-postgres.ts'
import { startS3 } from '../support/s3-server.ts'
import { withSeed } from '../support/seed.ts'
import { Server } from '../support/server.ts'
import { d1Tables, postgresTables, type Row, type Tables } from '../support/tables.ts'
import { until, untilDone } from '../support/until.ts'

const syncs = Number(process.env['CRASH_SYNCS'] ?? 8)
const users = 8
/** Milliseconds between two events of a user. */
const restMs = 120

/** What the warehouse does with the event of a user, by its number. */
const kindOf = (
  number: number,
): 'identify' | 'refused by the table' | 'refused by the mapping' | 'discarded' | 'plain' => {
  if (number % 4 === 0) return 'identify'
  if (number % 11 === 0) return 'refused by the table'
  if (number % 13 === 0) return 'refused by the mapping'
  return number % 5 === 0 ? 'discarded' : 'plain'
}

function eventOf(user: number, number: number): Event {
  const common = { messageId: `user-${user}-${number}`, userId: `user-${user}` }
  const kind = kindOf(number)
  if (kind === 'identify')
    return { ...common, type: 'identify', traits: { visits: number, [`seen_${number % 3}`]: number } }
  // An id that no index takes.
  if (kind === 'refused by the mapping')
    return { ...common, userId: 'x'.repeat(900), type: 'identify', traits: { visits: number } }
  return {
    ...common,
    type: 'track',
    event: 'Order Completed',
    properties: {
      total: kind === 'discarded' ? `total ${number} of ${user}` : number,
      note: kind === 'refused by the table' ? 'refuse me' : 'paid',
    },
  }
}

const opened: { stop: () => Promise<void> }[] = []
afterEach(async () => {
  for (const one of opened.splice(0).toReversed()) await one.stop()
})

/** A table that was there before, with a rule that some rows break. */
const ruled = (id: string, total: string) => `(id ${id}, total ${total}, note TEXT CHECK (note <> 'refuse me'))`

async function startOnD1(): Promise<{ readonly server: Server; readonly tables: Tables }> {
  const server = await Server.start({ config: 'crash-loads.config.ts' })
  opened.push(server)
  const tables = d1Tables(server.state)
  await server.post('/v1/track', { type: 'track', messageId: 'opened', userId: 'ada', event: 'Opened' })
  await until('D1 is there', async () => (await tables.rows('opened')).length > 0)
  await server.halt()
  const file = globSync('storage/d1/**/*.sqlite', { cwd: server.state }).find((path) => !path.includes('metadata'))
  const database = new DatabaseSync(join(server.state, file ?? ''))
  database.exec(`CREATE TABLE order_completed ${ruled('TEXT NOT NULL PRIMARY KEY', 'INTEGER')} WITHOUT ROWID`)
  database.close()
  await server.restart()
  return { server, tables }
}

async function startOnPostgres(database: RealPostgres): Promise<{ readonly server: Server; readonly tables: Tables }> {
  opened.push(database)
  const sql = connect(database.url, { max: 1, onnotice: () => {} })
  await sql.unsafe(
    `CREATE SCHEMA sluiceway; CREATE TABLE sluiceway.order_completed ${ruled('text PRIMARY KEY', 'bigint')}`,
  )
  await sql.end()
  const server = await Server.start({ config: 'crash-loads.config.ts', vars: { POSTGRES_URL: database.url } })
  opened.push(server)
  const tables = postgresTables(database.url, 'sluiceway')
  opened.push({ stop: tables.close })
  return { server, tables }
}

/** Of a BigQuery whose jobs take a while; its tables have no rules. */
async function startOnBigQuery(): Promise<{ readonly server: Server; readonly tables: Tables }> {
  const warehouse = await startBigQueryWarehouse()
  opened.push(warehouse)
  const engine = warehouse.use.open({}, warehouse.namespace)
  await engine.widen('order_completed', { id: 'string', total: 'int', received_at: 'datetime' })
  warehouse.fake?.slowJobs(400)
  const server = await Server.start({
    config: 'crash-loads.config.ts',
    vars: { BIGQUERY: JSON.stringify(warehouse.settings) },
  })
  opened.push(server)
  return { server, tables: { names: warehouse.tables, rows: (table) => warehouse.rows(table), close: async () => {} } }
}

/** Of a lake, whose files and manifests are in a store of this process. */
async function startOnLake(): Promise<{ readonly server: Server; readonly tables: Tables }> {
  const store = await startS3('secret key of Ada')
  opened.push(store)
  const settings = { ...settingsOf(store), folder: '.' }
  await lake(settings).open({}, '').widen('order_completed', { id: 'string', total: 'int', received_at: 'datetime' })
  const reader = await readLake(objectsIn(store))
  const server = await Server.start({ config: 'crash-loads.config.ts', vars: { LAKE: JSON.stringify(settings) } })
  opened.push(server)
  const rows = (table: string) => reader.rows(table, table === 'rudder_discards' ? 'row_id' : 'id')
  return { server, tables: { names: reader.tables, rows, close: async () => reader.stop() } }
}

/** Of a ClickHouse, whose rows are seen as they lie there, without FINAL but those of users. */
async function startOnClickHouse(): Promise<{ readonly server: Server; readonly tables: Tables }> {
  const warehouse = await startClickHouseWarehouse()
  opened.push(warehouse)
  await warehouse.query(`CREATE DATABASE ${warehouse.database}`)
  await warehouse.query(`CREATE TABLE ${warehouse.schema}order_completed (id String, received_at DateTime64(3, 'UTC'), total Nullable(Int64),
    note Nullable(String), CONSTRAINT kind CHECK note IS NULL OR note != 'refuse me')
    ENGINE = ReplacingMergeTree PARTITION BY toDate(received_at) ORDER BY (received_at, id)`)
  const { url, user, password, database } = warehouse
  const vars = { CLICKHOUSE: JSON.stringify({ url, user, password, database, allowPrivate: true }) }
  const server = await Server.start({ config: 'crash-loads.config.ts', vars })
  opened.push(server)
  const rows = async (table: string) =>
    table === 'users' ? warehouse.rows(table) : warehouse.query(`SELECT * FROM ${warehouse.schema}${table}`)
  return { server, tables: { names: warehouse.tables, rows, close: async () => {} } }
}

const starts = {
  d1: startOnD1,
  postgres: async (database: RealPostgres | undefined) => startOnPostgres(database ?? (await startPostgres())),
  bigquery: startOnBigQuery,
  lake: startOnLake,
  clickhouse: startOnClickHouse,
}

/** Users who each send their numbered events one after the other, each until it is accepted. */
class Senders {
  /** The last number of each user that was accepted. */
  readonly sent = Array.from({ length: users }, () => 0)
  readonly #server: Server
  #stopped = false
  #running: Promise<unknown> = Promise.resolve()

  constructor(server: Server) {
    this.#server = server
  }

  start(): void {
    this.#running = Promise.all(this.sent.map((_, user) => this.#send(user)))
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
  }

  async #send(user: number): Promise<void> {
    while (!this.#stopped) {
      const number = (this.sent[user] ?? 0) + 1
      const event = eventOf(user, number)
      const path = event.type === 'track' ? '/v1/track' : '/v1/identify'
      const isTaken = () =>
        this.#server.post(path, event, { signal: AbortSignal.timeout(10_000) }).then(
          ({ ok }) => ok,
          () => false,
        )
      while (!(await isTaken())) await sleep(100)
      this.sent[user] = number
      await sleep(restMs)
    }
  }

  get events(): Event[] {
    return this.sent.flatMap((last, user) => Array.from({ length: last }, (_, i) => eventOf(user, i + 1)))
  }
}

/** How far lanes and loader are, and whether nothing is on its way any more. */
async function progressOf(server: Server): Promise<{ readonly isQuiet: boolean; readonly signs: unknown }> {
  const { lanes } = await server.admin<{ lanes: LaneStatus[] }>('/lanes')
  const depths = lanes.flatMap(({ kind, depth }) => (kind === 'warehouse' ? [depth] : []))
  const { stagedFiles = 0, stagedEvents, waitingTables = [], freshness } = (await loaderOf(server)) ?? {}
  const isQuiet = depths.every((depth) => depth === 0) && stagedFiles + waitingTables.length === 0
  return { isQuiet, signs: [depths, stagedFiles, stagedEvents, waitingTables.length, freshness] }
}

const loaderOf = async (server: Server) =>
  (await server.admin<{ warehouses: LoaderStatus[] }>('/warehouses')).warehouses[0]

const runs = [
  ['the process, with tables in D1', 'd1', 'process'],
  ['the process, with tables in PostgreSQL', 'postgres', 'process'],
  ['the database', 'postgres', 'database'],
  ['the process, with slices that BigQuery merges together', 'bigquery', 'process'],
  ['the process, with slices that are files of a lake together', 'lake', 'process'],
  ['the process, with slices that ClickHouse gets together', 'clickhouse', 'process'],
] as const

test.each(runs)(
  `kills at any point of ${syncs} loads lose nothing and double nothing, neither row nor discard nor dead letter: of %s`,
  // What hangs is found by what does not move any more; a busy machine may take as long as it needs.
  { timeout: 1_800_000 + syncs * 60_000 },
  (_, engine, victim) => withSeed((random) => crash(engine, victim, random)),
)

async function crash(engine: keyof typeof starts, victim: 'process' | 'database', random: Random): Promise<void> {
  const database = engine === 'postgres' ? await startPostgres() : undefined
  const { server, tables } = await starts[engine](database)
  const hasRules = engine !== 'bigquery' && engine !== 'lake'
  const senders = new Senders(server)
  senders.start()
  const answers: Record<string, number> = {}
  const load = async () => {
    const answer = await server.admin('/warehouses/tables/load', { method: 'POST' }).then(
      () => 'went well',
      (error: unknown) => (/ answered 502/.test(String(error)) ? 'told a failure' : 'broke off'),
    )
    answers[answer] = (answers[answer] ?? 0) + 1
    return answer
  }
  for (let sync = 1; sync <= syncs; sync++) {
    await untilDone('something is staged', async () => {
      const { stagedFiles = 0 } = (await loaderOf(server)) ?? {}
      return { isDone: stagedFiles > 0, signs: senders.sent }
    })
    const loading = load()
    await sleep(random.next() * (engine === 'bigquery' ? 2_500 : 250))
    if (victim === 'process') await (random.chance(0.25) ? server.killAll() : server.killWorkerd())
    else {
      database?.crash(random.pick(['SIGKILL', 'SIGQUIT']))
      await sleep(random.next() * 500)
      await database?.restart()
    }
    await loading
  }
  await untilDone('every user has sent an event of each kind', async () => ({
    isDone: Math.min(...senders.sent) >= 13,
    signs: senders.sent,
  }))
  await senders.stop()
  const { events } = senders
  const ids = (some: readonly Event[]) => some.map(({ messageId }) => messageId).toSorted()
  const ofKind = (...kinds: ReturnType<typeof kindOf>[]) =>
    events.filter(({ messageId }) => kinds.includes(kindOf(Number(messageId.split('-')[2]))))
  const orders = ofKind('plain', 'discarded', ...(hasRules ? [] : (['refused by the table'] as const)))
  const tracks = ofKind('plain', 'discarded', 'refused by the table')
  // What lanes and loader have nothing of any more comes neither again nor later.
  await untilDone('lanes and loader have done all', async () => {
    await load()
    const { isQuiet, signs } = await progressOf(server)
    return { isDone: isQuiet, signs }
  })

  const idsOf = async (table: string) => (await tables.rows(table)).map(({ id }) => String(id)).toSorted()
  expect(await idsOf('tracks'), 'tracks').toEqual([...ids(tracks), ...(engine === 'd1' ? ['opened'] : [])].toSorted())
  expect(await idsOf('order_completed'), 'order_completed').toEqual(ids(orders))
  expect(await idsOf('identifies'), 'identifies').toEqual(ids(ofKind('identify')))
  const letters = await server.deadLetters()
  expect(letters.map(({ messageId }) => messageId).toSorted(), 'dead letters').toEqual(
    ids(ofKind('refused by the mapping', ...(hasRules ? (['refused by the table'] as const) : []))),
  )
  expect(new Set(letters.map(({ stage, code }) => `${stage} ${code}`))).toEqual(
    new Set([...(hasRules ? ['load warehouse_failed'] : []), 'load mapping_failed']),
  )
  const discarded = ofKind('discarded').map(({ messageId, properties }) => [
    'order_completed',
    messageId,
    'total',
    properties?.['total'],
    'the column is int, the value is string',
  ])
  const discards = (await tables.rows('rudder_discards')).map((row) =>
    ['table_name', 'row_id', 'column_name', 'column_value', 'reason'].map((column) => row[column]),
  )
  const byId = (one: unknown[], other: unknown[]) => String(one[1]).localeCompare(String(other[1]))
  const refusals = (hasRules ? ofKind('refused by the table') : []).map(({ messageId }) => [
    'order_completed',
    messageId,
    '*',
    expect.stringContaining('"note":"refuse me"'),
    expect.stringMatching(/constraint/i),
  ])
  expect(discards.toSorted(byId), 'rudder_discards').toEqual([...discarded, ...refusals].toSorted(byId))
  const newest = (user: number, fits: (number: number) => boolean) =>
    Array.from({ length: senders.sent[user] ?? 0 }, (_, i) => i + 1).findLast(
      (n) => kindOf(n) === 'identify' && fits(n),
    )
  const stored = Object.fromEntries((await tables.rows('users')).map((row: Row) => [String(row['id']), row]))
  const asNumber = (value: unknown) => (value === null || value === undefined ? undefined : Number(value))
  expect(Object.keys(stored).toSorted()).toEqual(senders.sent.map((_, user) => `user-${user}`).toSorted())
  for (const user of senders.sent.keys()) {
    const row = stored[`user-${user}`]
    expect(asNumber(row?.['visits']), `visits of ${user}`).toBe(newest(user, () => true))
    for (const rest of [0, 1, 2])
      expect(asNumber(row?.[`seen_${rest}`]), `seen_${rest} of ${user}`).toBe(newest(user, (n) => n % 3 === rest))
  }
  console.log(
    `${events.length} events, ${letters.length} dead letters, ${discards.length} discards; loads that were asked for: ${JSON.stringify(answers)}`,
  )
  // The test has been what it says: loads broke off, and all kinds of events came.
  expect((answers['broke off'] ?? 0) + (answers['told a failure'] ?? 0)).toBeGreaterThan(syncs / 10)
  expect(discards.length).toBeGreaterThan(0)
  expect(letters.length).toBeGreaterThan(0)
}
