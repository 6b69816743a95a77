import { mkdtemp, rm } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import connect, { type Sql } from 'postgres'
import { quoteIdentifier } from '../../src/warehouses/identifier.ts'
import { backlogOf } from './backlog.ts'
import { clock } from './clock.ts'
import { cpuSeconds, cpuSecondsOfFamily } from './cpu.ts'
import { freePort, HeapWatch } from './heap-watch.ts'
import { runLoad } from './run-load.ts'
import { median } from './median.ts'
import { copierFor } from './psql.ts'
import { Numbers, Requests } from './requests.ts'
import type { Keep } from './session.ts'
import { type Sluiceway, startSluiceway } from './sluiceway.ts'

interface Options {
  /** Which tables, as `tables.config.ts` reads it. */
  readonly vars: Readonly<Record<string, string>>
  readonly events: number
  /** Takes a line that says how far it is. */
  readonly say: (line: string) => void
}

/** What a load took. */
export interface Took {
  readonly events: number
  readonly rows: number
  readonly ms: number
  /** Milliseconds of processor time of the runtime and of PostgreSQL. */
  readonly cpuMs: number
  /** The part of it that is the runtime's, with the local R2 and D1. */
  readonly runtimeMs: number
}

/** Loads of the same size while the tables grow. */
export interface Point {
  /** Events that the tables hold. */
  readonly events: number
  /** Microseconds of a row. */
  readonly us: number
  /** The same in processor time of the runtime and of PostgreSQL. */
  readonly cpuUs: number
  readonly runtimeUs: number
}

/** A load of many events, from staging files to tables. */
export interface WholeLoad {
  /** Of all that was loaded while nobody watched: who watches collects the garbage of the isolate all the time. */
  readonly whole: Took
  readonly points: readonly Point[]
  /** Most megabytes that the isolate of the Worker held meanwhile, and most with garbage. */
  readonly held: number
  readonly peak: number
}

/** Events of a load that is measured by itself, and how many of them make a point. */
const stepEvents = 10_000
const steps = 3
const pointsAt = [10_000, 100_000, 1_000_000]

/**
 * Stages events and loads them through a Sluiceway, nothing else going on: some at 10,000 events, at 100,000 and at the end by
 * themselves, all others in between.
 */
export async function loadWhole(keep: Keep, { vars, events, say }: Options): Promise<WholeLoad> {
  const inspect = await freePort()
  const url = vars['POSTGRES_URL']
  // The schedule would load while events are staged.
  const sluiceway = await keep(startSluiceway({ config: 'tables', tick: 3_600, inspect, vars }))
  const server = url === undefined ? undefined : await postmasterOf(url)
  const requests = new Requests(new Numbers(Date.now() >>> 0), { per: 100, writeKey: sluiceway.writeKey })
  const cpuMs = () =>
    (cpuSeconds(sluiceway.workerdPid) + (server === undefined ? 0 : cpuSecondsOfFamily(server))) * 1_000
  let loaded = 0
  const load = async (count: number): Promise<Took> => {
    const staged = await stage(sluiceway, requests, count)
    const start = clock()
    const startCpu = cpuMs()
    const startRuntime = cpuSeconds(sluiceway.workerdPid)
    let rows = 0
    while ((await backlogOf(sluiceway)).loading > 0) rows += (await sluiceway.load()).rows
    loaded += staged
    const runtimeMs = (cpuSeconds(sluiceway.workerdPid) - startRuntime) * 1_000
    return { events: staged, rows, ms: clock() - start, cpuMs: cpuMs() - startCpu, runtimeMs }
  }
  let held = 0
  let peak = 0
  const watch = async (count: number): Promise<void> => {
    const heap = await HeapWatch.start(inspect, sluiceway.state)
    await load(count)
    await heap.stop()
    held = Math.max(held, heap.take())
    peak = Math.max(peak, heap.takePeak())
  }
  // Tables are made once in the life of a deployment.
  await watch(stepEvents)
  const points: Point[] = []
  const all: Took[] = []
  for (const at of pointsAt) {
    if (at > Math.max(events, stepEvents)) break
    const before = at - steps * stepEvents - loaded
    if (before > 0) {
      await watch(before >> 1)
      all.push(await load(before - (before >> 1)))
    }
    const times: Took[] = []
    for (let step = 0; step < steps; step++) times.push(await load(stepEvents))
    all.push(...times)
    points.push({
      events: at,
      us: median(times.map(({ ms, rows }) => (ms * 1_000) / rows)),
      cpuUs: median(times.map((took) => (took.cpuMs * 1_000) / took.rows)),
      runtimeUs: median(times.map((took) => (took.runtimeMs * 1_000) / took.rows)),
    })
    say(`${whole(loaded)} events are in the tables …`)
  }
  await sluiceway.stop()
  const sum = (field: keyof Took) => all.reduce((total, took) => total + took[field], 0)
  return {
    whole: {
      events: sum('events'),
      rows: sum('rows'),
      ms: sum('ms'),
      cpuMs: sum('cpuMs'),
      runtimeMs: sum('runtimeMs'),
    },
    points,
    held,
    peak,
  }
}

const whole = (value: number): string => Math.round(value).toLocaleString('en-US')

/** Offers events until so many are accepted, and waits until they are staged. Returns how many they are. */
async function stage(sluiceway: Sluiceway, requests: Requests, count: number): Promise<number> {
  let accepted = 0
  while (accepted < count) {
    const seconds = Math.min(1, Math.max(0.05, (count - accepted) / 50_000))
    const result = await runLoad({ url: sluiceway.url, requests, connections: 8, seconds })
    accepted += result.accepted
    for (const [what, times] of Object.entries(result.refused)) throw new Error(`NOT ACCEPTED: ${times} × ${what}`)
  }
  for (;;) {
    const { staging, loading } = await backlogOf(sluiceway)
    if (staging === 0 && loading >= accepted) return accepted
    await sleep(200)
  }
}

/** Copies the rows of all tables from files into tables of the same form; there is but one schema. */
export async function copyAgain(
  url: string,
): Promise<{ readonly by: string; readonly rows: number; readonly ms: number }> {
  const sql = connect(url, { max: 1, prepare: false, fetch_types: false, onnotice: () => {} })
  const folder = await mkdtemp(join(tmpdir(), 'sluiceway-copy-'))
  const copier = copierFor(url, sql)
  try {
    await sql.unsafe('DROP SCHEMA IF EXISTS "copies" CASCADE')
    await sql.unsafe('CREATE SCHEMA "copies"')
    let rows = 0
    let ms = 0
    for (const [i, { schema, name }] of (await tablesOf(sql)).entries()) {
      const file = join(folder, `${i}.txt`)
      const from = `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`
      const into = `"copies".${quoteIdentifier(name)}`
      await copier.out(from, file)
      await sql.unsafe(`CREATE TABLE ${into} (LIKE ${from} INCLUDING ALL)`)
      await sql.unsafe('CHECKPOINT')
      const start = clock()
      await copier.into([{ what: into, file }])
      ms += clock() - start
      await rm(file)
      rows += Number((await sql.unsafe(`SELECT count(*) AS n FROM ${into}`))[0]?.['n'])
    }
    return { by: copier.name, rows, ms }
  } finally {
    await sql.end()
    await rm(folder, { recursive: true, force: true })
  }
}

interface TableName {
  readonly schema: string
  readonly name: string
}

const tablesOf = (sql: Sql): Promise<TableName[]> => sql<TableName[]>`
  SELECT table_schema AS schema, table_name AS name FROM information_schema.tables
  WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND table_name NOT LIKE '\\_sluiceway%'
  ORDER BY table_schema, table_name`

/** The process from which those of a server on this machine come. */
async function postmasterOf(url: string): Promise<number> {
  const sql = connect(url, { max: 1, prepare: false, fetch_types: false })
  try {
    const pid = Number((await sql`SELECT pg_backend_pid() AS pid`)[0]?.['pid'])
    return Number(readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ')[1])
  } catch {
    return Number.NaN
  } finally {
    await sql.end()
  }
}
