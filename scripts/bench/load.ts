// What loading tables costs: the mapping, a load beside a COPY, tables that grow, and what they keep up with, in one run.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import connect from 'postgres'
import { startLongWay } from '../../test/support/long-way.ts'
import { startPostgres } from '../../test/support/real-postgres.ts'
import type { Engine } from '../../src/core/warehouse.ts'
import { d1 } from '../../src/warehouses/d1.ts'
import { mapEvent } from '../../src/warehouses/mapping/map-event.ts'
import { postgres } from '../../src/warehouses/postgres.ts'
import { copyPieces } from '../../src/warehouses/postgres/copy.ts'
import { doWhole } from '../../src/warehouses/postgres/steps.ts'
import { quoteIdentifier } from '../../src/warehouses/identifier.ts'
import { clock } from './clock.ts'
import { spent } from './cpu.ts'
import { numbersFrom } from './flags.ts'
import { keepUp } from './keep-up.ts'
import { eventTexts, loadsOf, optionsFor, prepareTables } from './loads.ts'
import { median } from './median.ts'
import { sendAtOnce } from './no-delay.ts'
import { copierFor } from './psql.ts'
import { type Keep, session } from './session.ts'
import { sqliteTime } from './sqlite.ts'
import { fixed, table, whole } from './table.ts'
import { copyAgain, loadWhole } from './whole-load.ts'

const help = `Usage: npm run bench:load -- [options]

Measures how events become rows, in four parts: the mapping beside JSON.parse and JSON.stringify; loads of slices that are in
memory into PostgreSQL, beside psql that copies the same rows from files into the same tables; how fast tables follow what is accepted, with 20 events in a
request and with 1, and how fast SQLite would by itself; and a load of very many staged events into PostgreSQL, and of some into D1: its rate, its rate beside psql
that copies the same rows into the same tables, the time of a row while the tables grow, and the memory of the Worker's isolate.
Compare the ratios: the machine is in the rest.

  --part <n>      only this part, from 1 to 4
  --events <n>    events that are loaded into PostgreSQL in part 4 (default: 1000000)
  --d1 <n>        events that are loaded into D1 in part 4, and into SQLite in part 3 (default: 100000)
  --delay <ms>    milliseconds of the way from the Worker to PostgreSQL, and of the way back, in parts 3 and 4 (default: 0)
  --id-index <n>  1: D1 has an index for ids (default: 0)
  --seconds <n>   seconds in which events are accepted in part 3 (default: 30)
  --rounds <n>    rounds of mapping and COPY, in turn; medians are shown (default: 5)
  --help          show this
`

const flags = numbersFrom(help, {
  delay: 0,
  'id-index': 0,
  part: Number.NaN,
  events: 1_000_000,
  d1: 100_000,
  seconds: 30,
  rounds: 5,
})
const { rounds, seconds } = flags
/** The vars of `tables.config.ts` for a PostgreSQL, or for D1. */
const varsFor = (url: string | undefined): Readonly<Record<string, string>> =>
  url === undefined ? { ID_INDEX: String(flags['id-index']) } : { POSTGRES_URL: url }
const has = (part: number): boolean => Number.isNaN(flags.part) || flags.part === part
/** Where the Worker finds a PostgreSQL. */
async function farAway(keep: Keep, url: string): Promise<string> {
  return flags.delay > 0 ? (await keep(startLongWay(url, flags.delay))).url : url
}
/** Events that are loaded together, as the loader does. */
const sliceEvents = 3_000
/** Slices of a round of part 2. */
const slices = 5
const targets = { mapping: 0.5, copy: 0.6, keepUp: 0.5, flat: 1.2, megabytes: 128 }

const say = (text: string) => process.stdout.write(`${text}\n`)
const judged = (value: number, target: number, isMet = value >= target) =>
  `${fixed(value, 2)}, target ${isMet === value >= target ? '≥' : '≤'} ${target}: ${isMet ? 'met' : 'MISSED'}`
/** As `d1()` maps events; nothing is asked of its database. */
const d1Traits = d1().open({ DB: { batch: () => {}, prepare: () => {} } }, '')

/** Microseconds of processor time of an event in the mapping, and in JSON alone. */
function measureMapping(engine: Engine): { readonly map: number; readonly json: number } {
  const texts = eventTexts(sliceEvents)
  const options = optionsFor(engine)
  const times = { map: [] as number[], json: [] as number[] }
  for (let round = 0; round < rounds + 2; round++) {
    const json = spent(() => {
      for (const text of texts) JSON.stringify(JSON.parse(text))
    })
    times.json.push(json / texts.length)
    const parsed = texts.map((text) => JSON.parse(text) as object)
    const map = spent(() => {
      for (const event of parsed) mapEvent(event, options)
    })
    times.map.push(map / texts.length)
  }
  // The first rounds are those of the compiler.
  return { map: median(times.map.slice(2)), json: median(times.json.slice(2)) }
}

/** Microseconds of a row. */
interface CopyTimes {
  /** In the engine. */
  readonly load: number
  /** In a COPY by the client of the engine, of bytes that are ready. */
  readonly copy: number
  /** Copied by `by` from files. */
  readonly file: number
  readonly by: string
}

/** Loads slices, and copies the same rows into tables of the same form, by the client of the engine and by psql. */
async function measureCopy(engine: Engine, url: string): Promise<CopyTimes> {
  const sql = connect(url, { max: 1, prepare: false, fetch_types: false, onnotice: () => {} })
  const copier = copierFor(url, sql)
  const folder = await mkdtemp(join(tmpdir(), 'sluiceway-copy-'))
  const times = { load: [] as number[], copy: [] as number[], file: [] as number[] }
  try {
    for (let round = 0; round < rounds; round++) {
      const ofSlices = Array.from({ length: slices }, (_, slice) =>
        loadsOf(eventTexts(sliceEvents, round * slices + slice), { id: `round-${round}-${slice}`, engine }).filter(
          ({ merge }) => merge === 'replace',
        ),
      )
      const loads = ofSlices.flat()
      const rows = loads.reduce((sum, load) => sum + load.rows.length, 0)
      await prepareTables(loads, engine)
      const copies: { readonly what: string; readonly file: string; readonly pieces: readonly Uint8Array[] }[] = []
      for (const [i, load] of loads.entries()) {
        const list = load.columns.map(({ name }) => quoteIdentifier(name)).join(', ')
        const pieces = [...copyPieces(load)]
        const file = join(folder, `${i}.txt`)
        await writeFile(file, pieces)
        copies.push({ what: `${quoteIdentifier(load.table)} (${list})`, file, pieces })
      }
      for (const schema of ['copies', 'files']) {
        await sql.unsafe(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`)
        await sql.unsafe(`CREATE SCHEMA "${schema}"`)
        for (const name of new Set(loads.map((load) => quoteIdentifier(load.table))))
          await sql.unsafe(`CREATE TABLE "${schema}".${name} (LIKE "sluiceway".${name} INCLUDING ALL)`)
      }
      const ways = {
        copy: async () => {
          for (const { what, pieces } of copies)
            await doWhole(sql, [{ statement: `COPY "copies".${what} FROM STDIN`, pieces }])
        },
        file: () => copier.into(copies.map(({ what, file }) => ({ what: `"files".${what}`, file }))),
        load: async () => {
          for (const ofSlice of ofSlices) await engine.loadTogether?.(ofSlice)
        },
      }
      const names = Object.keys(ways) as (keyof typeof ways)[]
      for (const i of names.keys()) {
        const name = names[(i + round) % names.length] as keyof typeof ways
        await sql.unsafe('CHECKPOINT')
        const start = clock()
        await ways[name]()
        times[name].push(((clock() - start) * 1_000) / rows)
      }
    }
  } finally {
    await sql.end()
    await rm(folder, { recursive: true, force: true })
  }
  return { load: median(times.load), copy: median(times.copy), file: median(times.file), by: copier.name }
}

async function sayMapping(engine: Engine): Promise<void> {
  const { map, json } = measureMapping(engine)
  say(
    table([
      ['', 'µs'],
      ['mapping an event', fixed(map)],
      ['JSON.parse and JSON.stringify of it', fixed(json)],
    ]),
  )
  say(`mapping: ${judged(json / map, targets.mapping)}\n`)
}

async function sayCopy(engine: Engine, url: string): Promise<void> {
  const { load, copy, file, by } = await measureCopy(engine, url)
  say(
    table([
      ['', 'µs'],
      ['a row in the engine postgres', fixed(load)],
      [`by ${by}`, fixed(file)],
      ['in a COPY by the client of the engine, of bytes that are ready', fixed(copy)],
    ]),
  )
  say(`PostgreSQL: ${judged(file / load, targets.copy)}; beside its own client ${fixed(copy / load, 2)}\n`)
}

async function sayKeepUp(keep: Keep, name: string, url: string | undefined): Promise<void> {
  for (const per of [20, 1]) {
    const { accepted, loaded, megabytes, us } = await keepUp(keep, {
      vars: varsFor(url),
      per,
      seconds,
    })
    say(`${name}, ${per} a request: accepted alone ${whole(accepted)} events/s, in the tables ${whole(loaded)}`)
    say(`  keeps up: ${per === 20 ? judged(loaded / accepted, targets.keepUp) : fixed(loaded / accepted, 2)}`)
    say(
      `  µs of an event in the runtime: ${fixed(us.bare)} accepted alone; ${fixed(us.full)} with tables, of which ` +
        `${fixed(us.worker)} in the Worker and ${fixed(us.simulators)} in the local D1 and R2`,
    )
    say(`  by the Worker alone it would be: ${fixed(us.bareWorker / us.worker, 2)}`)
    if (url === undefined) {
      const sqlite = await sqliteTime({ events: flags.d1, idIndex: flags['id-index'] === 1, engine: d1Traits })
      say(
        `  SQLite alone, by prepared statements: ${fixed(sqlite)} µs of an event, which one thread does beside accepting`,
      )
      say(`  by SQLite and accepting alone it would be: ${fixed(us.bare / (us.bare + sqlite), 2)}`)
    }
    say(
      `  memory of the runtime, more than at rest: ${fixed(megabytes, 0)} MB at most, with the pages of its databases`,
    )
  }
}

async function sayWhole(keep: Keep, name: string, url: string | undefined): Promise<void> {
  const events = url === undefined ? flags.d1 : flags.events
  const {
    whole: all,
    points,
    held,
    peak,
  } = await loadWhole(keep, {
    vars: varsFor(url === undefined ? undefined : await farAway(keep, url)),
    events,
    say: (line) => say(`  ${name}: ${line}`),
  })
  say(
    `${name}: ${whole(all.events)} events, ${whole(all.rows)} rows, ${whole((all.events * 1_000) / all.ms)} events/s; as many again while its memory was watched`,
  )
  for (const { events: at, us, cpuUs, runtimeUs } of points)
    say(
      `  at ${whole(at)} events: ${fixed(us)} µs a row, ${fixed(cpuUs)} of processor time, of which ${fixed(runtimeUs)} in the runtime`,
    )
  const [first, last] = [points[0]?.cpuUs ?? Number.NaN, points.at(-1)?.cpuUs ?? Number.NaN]
  say(`  last to first, in processor time: ${judged(last / first, targets.flat, last / first <= targets.flat)}`)
  const isSmall = Math.max(held, peak) <= targets.megabytes
  say(
    `  the isolate of the Worker: ${fixed(held, 0)} MB held at most, with garbage ${judged(peak, targets.megabytes, isSmall)}`,
  )
  if (url === undefined) return
  const { by, rows, ms } = await copyAgain(url)
  say(
    `  ${by}: ${whole(rows)} rows, ${fixed((ms * 1_000) / rows)} µs a row; the load took ${fixed((all.ms * 1_000) / all.rows)}`,
  )
  say(`  beside it: ${judged(ms / rows / (all.ms / all.rows), targets.copy)}`)
}

sendAtOnce()
await session(async (keep) => {
  const server = await keep(startPostgres())
  const engine = postgres({ url: server.url }).open({}, 'sluiceway')
  await keep(Promise.resolve({ stop: () => engine.close() }))
  if (has(1)) await sayMapping(engine)
  if (has(2)) await sayCopy(engine, server.url)
  for (const [name, url] of [
    ['d1', undefined],
    ['postgres', server.url],
  ] as const)
    if (has(3)) await sayKeepUp(keep, name, url === undefined ? undefined : await farAway(keep, url))
  for (const [name, url] of [
    ['postgres', (await keep(startPostgres())).url],
    ['d1', undefined],
  ] as const)
    if (has(4)) await sayWhole(keep, name, url)
})
