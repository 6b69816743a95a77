// What loading tables costs: the mapping, a load beside a COPY, tables that grow, and what they keep up with, in one run.
import connect from 'postgres'
import { startPostgres } from '../../test/support/real-postgres.ts'
import { startD1 } from '../../test/support/real-warehouses.ts'
import type { Engine, Load } from '../../src/core/warehouse.ts'
import { mapEvent } from '../../src/warehouses/mapping/map-event.ts'
import { postgres } from '../../src/warehouses/postgres.ts'
import { copyPieces } from '../../src/warehouses/postgres/copy.ts'
import { copyWhole } from '../../src/warehouses/postgres/copy-whole.ts'
import { quoteIdentifier } from '../../src/warehouses/identifier.ts'
import { clock } from './clock.ts'
import { numbersFrom } from './flags.ts'
import { keepUp } from './keep-up.ts'
import { eventTexts, loadsOf, optionsFor, prepareTables } from './loads.ts'
import { median } from './median.ts'
import { session } from './session.ts'
import { fixed, table, whole } from './table.ts'

const help = `Usage: npm run bench:load -- [options]

Measures how events become rows: the mapping beside JSON.parse and JSON.stringify; a load into PostgreSQL beside a COPY of the
same rows into the same tables; the time of a row while tables grow; and how fast tables follow what is accepted, with 20 events
in a request and with 1, and the memory of the runtime meanwhile. Compare the ratios: the machine is in the rest.

  --events <n>    events of the tables that grow (default: 1000000)
  --seconds <n>   seconds in which events are accepted (default: 10)
  --rounds <n>    rounds of mapping and COPY, in turn; medians are shown (default: 5)
  --help          show this
`

const { events, seconds, rounds } = numbersFrom(help, { events: 1_000_000, seconds: 10, rounds: 5 })
/** Events that are loaded together, as the loader does. */
const sliceEvents = 5_000
/** Events of a measured step of the tables that grow. */
const stepEvents = 10_000
const targets = { mapping: 0.5, copy: 0.6, keepUp: 0.5, flat: 1.5, megabytes: 128 }

const say = (text: string) => process.stdout.write(`${text}\n`)
const judged = (value: number, target: number, isMet = value >= target) =>
  `${fixed(value, 2)}, target ${isMet === value >= target ? '≥' : '≤'} ${target}: ${isMet ? 'met' : 'MISSED'}`
const cpu = (): number => {
  const { user, system } = process.cpuUsage()
  return user + system
}

/** Microseconds of processor time of an event in the mapping, and in JSON alone. */
function measureMapping(engine: Engine): { readonly map: number; readonly json: number } {
  const texts = eventTexts(sliceEvents)
  const options = optionsFor(engine)
  const times = { map: [] as number[], json: [] as number[] }
  for (let round = 0; round < rounds + 2; round++) {
    let start = cpu()
    for (const text of texts) JSON.stringify(JSON.parse(text))
    times.json.push((cpu() - start) / texts.length)
    const parsed = texts.map((text) => JSON.parse(text) as object)
    start = cpu()
    for (const event of parsed) mapEvent(event, options)
    times.map.push((cpu() - start) / texts.length)
  }
  // The first rounds are those of the compiler.
  return { map: median(times.map.slice(2)), json: median(times.json.slice(2)) }
}

/** Microseconds of a row in the engine, and in a COPY of the same rows into a table of the same form. */
async function measureCopy(engine: Engine, url: string): Promise<{ readonly load: number; readonly copy: number }> {
  const sql = connect(url, { max: 1, prepare: false, fetch_types: false, onnotice: () => {} })
  const times = { load: [] as number[], copy: [] as number[] }
  try {
    for (let round = 0; round < rounds; round++) {
      const loads = loadsOf(eventTexts(sliceEvents, round), { id: `round-${round}`, engine }).filter(
        ({ merge }) => merge === 'replace',
      )
      const rows = loads.reduce((sum, load) => sum + load.rows.length, 0)
      await prepareTables(loads, engine)
      const nameOf = ({ table: name }: Load) => `"copies".${quoteIdentifier(name)}`
      await sql.unsafe('DROP SCHEMA IF EXISTS "copies" CASCADE')
      await sql.unsafe('CREATE SCHEMA "copies"')
      for (const load of loads)
        await sql.unsafe(`CREATE TABLE ${nameOf(load)} (LIKE "sluiceway".${quoteIdentifier(load.table)} INCLUDING ALL)`)
      // `psql \copy` reads a file that is written already.
      const files = loads.map((load) => [...copyPieces(load)])
      const copying = async () => {
        const start = clock()
        for (const [i, load] of loads.entries()) {
          const list = load.columns.map(({ name }) => quoteIdentifier(name)).join(', ')
          await copyWhole(sql, `COPY ${nameOf(load)} (${list}) FROM STDIN`, files[i] ?? [])
        }
        times.copy.push(((clock() - start) * 1_000) / rows)
      }
      const loading = async () => {
        const start = clock()
        for (const load of loads) await engine.load(load)
        times.load.push(((clock() - start) * 1_000) / rows)
      }
      for (const one of round % 2 === 0 ? [copying, loading] : [loading, copying]) await one()
    }
  } finally {
    await sql.end()
  }
  return { load: median(times.load), copy: median(times.copy) }
}

/** Microseconds of a row in the engine alone, after so many events. */
async function measureGrowth(open: () => Engine, name: string): Promise<readonly (readonly [number, number])[]> {
  const steps: [number, number][] = []
  for (let loaded = 0; loaded < events; loaded += stepEvents) {
    // An engine is opened for one invocation, whose calls are counted.
    const engine = open()
    let ms = 0
    let rows = 0
    for (let i = 0; i < stepEvents; i += sliceEvents) {
      const loads = loadsOf(eventTexts(sliceEvents, loaded + i), { id: `grow-${loaded + i}`, engine })
      await prepareTables(loads, engine)
      rows += loads.reduce((sum, load) => sum + load.rows.length, 0)
      const start = clock()
      if (engine.loadTogether === undefined) for (const load of loads) await engine.load(load)
      else await engine.loadTogether(loads)
      ms += clock() - start
    }
    await engine.close()
    steps.push([loaded + stepEvents, (ms * 1_000) / rows])
    if ((loaded / stepEvents) % 10 === 9) say(`  ${name}: ${whole(loaded + stepEvents)} events …`)
  }
  return steps
}

function sayGrowth(name: string, steps: readonly (readonly [number, number])[]): void {
  const some = Math.max(1, Math.min(5, steps.length >> 1))
  const times = steps.map(([, time]) => time)
  // The first step creates the tables.
  const [first, last] = [median(times.slice(1, 1 + some)), median(times.slice(-some))]
  say(`${name}: ${fixed(first)} µs a row at 10,000 events, ${fixed(last)} at ${whole(steps.at(-1)?.[0] ?? 0)}`)
  say(`  last to first: ${judged(last / first, targets.flat, last / first <= targets.flat)}`)
}

await session(async (keep) => {
  const server = await keep(startPostgres())
  const engine = postgres({ url: server.url }).open({}, 'sluiceway')
  await keep(Promise.resolve({ stop: () => engine.close() }))
  const mapping = measureMapping(engine)
  say(
    table([
      ['', 'µs'],
      ['mapping an event', fixed(mapping.map)],
      ['JSON.parse and JSON.stringify of it', fixed(mapping.json)],
    ]),
  )
  say(`mapping: ${judged(mapping.json / mapping.map, targets.mapping)}\n`)

  const copy = await measureCopy(engine, server.url)
  say(
    table([
      ['', 'µs'],
      ['a row in the engine postgres', fixed(copy.load)],
      ['in a COPY alone', fixed(copy.copy)],
    ]),
  )
  say(`PostgreSQL: ${judged(copy.copy / copy.load, targets.copy)}\n`)

  for (const [name, url] of [
    ['d1', undefined],
    ['postgres', server.url],
  ] as const)
    for (const per of [20, 1]) {
      const found = await keepUp(keep, { url, per, seconds })
      say(
        `${name}, ${per} a request: accepted alone ${whole(found.accepted)} events/s, in the tables ${whole(found.loaded)}`,
      )
      const ratio = found.loaded / found.accepted
      say(`  keeps up: ${per === 20 ? judged(ratio, targets.keepUp) : fixed(ratio, 2)}`)
      say(
        `  memory of the runtime, more than at rest: ${fixed(found.megabytes, 0)} MB at most, with the pages of its databases`,
      )
    }

  const warehouse = await keep(startD1())
  sayGrowth('d1', await measureGrowth(() => warehouse.use.open(warehouse.bindings, warehouse.namespace), 'd1'))
  sayGrowth('postgres', await measureGrowth(() => postgres({ url: server.url }).open({}, 'sluiceway'), 'postgres'))
})
