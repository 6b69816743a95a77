import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Random } from '../../scripts/bench/random.ts'
import { SluicewayError } from '../../src/core/errors.ts'
import type { Event } from '../../src/core/event.ts'
import type { Engine, FailureScope, Load } from '../../src/core/warehouse.ts'
import { type RealWarehouse, startPostgresWarehouse } from '../support/real-warehouses.ts'
import { withSeed } from '../support/seed.ts'
import type { Row } from '../support/tables.ts'
import { gathering } from './gathering.ts'
import { eventTables, outcomeOf, randomEvents } from './random-events.ts'
import { StagedLoads } from './staged-loads.ts'

/** Each has a schema of its own; of so many, engines are closed and opened again on the way. */
const sources = ['app', 'pos', 'shop', 'web']
/** Calls of an engine that may go wrong. */
const calls = new Set(['columns', 'widen', 'retype', 'load', 'loadTogether', 'receivedAt'])

let warehouse: RealWarehouse
beforeAll(async () => {
  warehouse = await startPostgresWarehouse()
}, 60_000)
afterAll(() => warehouse.stop())

const failure = (scope: FailureScope) =>
  new SluicewayError('warehouse_failed', `refused: ${scope}`, { details: { scope } })

async function rowsOf(source: string, table: string): Promise<Row[]> {
  const [found] = await warehouse.query(`SELECT to_regclass('${source}.${table}')::text AS name`)
  return found?.['name'] == null ? [] : warehouse.query(`SELECT * FROM ${source}.${table} ORDER BY 1`)
}

/**
 * What goes wrong in one load, at the step of this number: that step alone is lost, or all behind it are refused, and so on. A crash
 * that is `late` comes when something is written of which the loader does not know yet: it counts those steps alone.
 */
interface Misfortune {
  readonly kind: 'none' | 'crash' | 'late' | 'lost' | 'down' | 'limit' | 'time'
  readonly at: number
}

/** A loader to which something happens now and then. */
class Run {
  readonly loads: StagedLoads
  readonly isRefused: (id: string, table: string) => boolean
  /** A table that refuses all rows. */
  locked: string | undefined
  readonly wasLocked = new Set<string | undefined>()
  #misfortune: Misfortune = { kind: 'none', at: 0 }
  #step = 0

  constructor(gathers: boolean, isRefused: Run['isRefused']) {
    this.isRefused = isRefused
    const { use, bindings } = warehouse
    this.loads = new StagedLoads({ use: { ...use, namespaceOf: (source) => source }, bindings })
    this.loads.wrap = (engine) => {
      const fragile = this.#fragile(engine)
      return gathers ? gathering(({ step }) => step !== 'drop' && this.#pass())(fragile) : fragile
    }
  }

  async load(misfortune: Misfortune = { kind: 'none', at: 0 }) {
    const { kind, at } = misfortune
    this.#misfortune = misfortune
    this.#step = 0
    let passed = 0
    this.loads.crashes = (where) => {
      if (kind !== 'late' || where === 'after load' || where === 'after put') passed++
      if (kind === 'lost' && passed === at && !where.endsWith('drop')) throw new Error(`lost: ${where}`)
      return (kind === 'crash' || kind === 'late') && passed >= at
    }
    this.loads.deadline = () => (kind === 'time' ? this.loads.now() + 30_000 : Number.POSITIVE_INFINITY)
    const ended = await this.loads.load()
    if (ended.error === 'crashed') {
      // Statements that are under way come to their end; nothing else of the run does.
      await new Promise((resolve) => setTimeout(resolve, 30))
      this.loads.restart()
    }
    return ended
  }

  #fragile(engine: Engine): Engine {
    return new Proxy(engine, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target)
        if (typeof value !== 'function') return value
        const method = value.bind(target) as (...args: unknown[]) => unknown
        if (!calls.has(String(name))) return method
        return async (...args: unknown[]) => {
          this.#pass()
          const loads = name === 'load' || name === 'loadTogether' ? ([args[0]].flat() as Load[]) : []
          for (const load of loads) this.#check(load)
          if (name === 'widen' && args[0] === this.locked) throw failure('table')
          return method(...args)
        }
      },
    })
  }

  #check({ table, columns, rows }: Load): void {
    if (table === this.locked) throw failure('table')
    const at = columns.findIndex(({ name }) => name === 'id')
    if (rows.some((row) => this.isRefused(String(row[at]), table))) throw failure('rows')
  }

  #pass(): void {
    const { kind, at } = this.#misfortune
    this.#step++
    if (this.#step === at && kind === 'time') this.loads.aheadMs += 31_000
    if (this.#step >= at && kind === 'down') throw failure('warehouse')
    if (this.#step >= at && kind === 'limit') throw failure('invocation')
  }
}

const sorted = (all: Iterable<string> = []) => [...all].toSorted()
const textOf = (found: unknown) => (found instanceof Date ? found.toISOString() : String(found))
const isSame = (found: unknown, value: unknown) => textOf(found) === String(value) || Number(found) === value
const keyOf = (row: Row) => [row['table_name'], row['row_id'], row['column_name'], row['column_value']].join(' ')

/** Compares what is there of a source with what was sent. */
async function check(source: string, events: readonly Event[], { loads, isRefused, wasLocked }: Run): Promise<void> {
  const expected = outcomeOf(events, isRefused)
  const letters = loads.letters.filter((letter) => letter.source === source).map(({ messageId }) => messageId)
  expect(sorted(letters)).toEqual(sorted(expected.letters))
  const all = (await rowsOf(source, 'rudder_discards')).map(keyOf)
  const isWhole = (key: string) => key.split(' ')[2] === '*'
  const whole = all.filter(isWhole)
  expect(sorted(new Set(whole.map((key) => key.split(' ').slice(0, 2).join(' '))))).toEqual(sorted(expected.refusals))
  expect(whole.filter((key, i) => whole.indexOf(key) < i && !wasLocked.has(key.split(' ')[0] as string))).toEqual([])
  const discards = all.filter((key) => !isWhole(key))
  // A crash leaves unknown which discards of a slice are there. The slice brings none of them again; but where a table refuses its
  // rows in the repeat, these wait, and their discards come with them.
  const counted = discards.filter(
    (key, i) => discards.indexOf(key) === i || !wasLocked.has(key.split(' ')[0] as string),
  )
  const missing: string[] = []
  for (const table of [...eventTables, 'tracks', 'identifies']) {
    const rows = await rowsOf(source, table)
    expect(sorted(rows.map(({ id }) => String(id)))).toEqual(sorted(expected.ids[table]))
    if (!eventTables.includes(table)) continue
    for (const row of rows)
      for (const [name, value] of Object.entries(expected.events.get(String(row['id']))?.properties ?? {}))
        if (row[name] == null) missing.push(`${table} ${String(row['id'])} ${name} ${String(value)}`)
        else if (!isSame(row[name], value)) expect(row).toMatchObject({ [name]: value })
  }
  // What did not fit of an event may fit when a client sends it again: a column may have got a wider type meanwhile.
  const isMeant = (key: string) => missing.includes(key) || !expected.again.has(key.split(' ')[1] as string)
  expect(sorted(counted.filter(isMeant))).toEqual(sorted(missing))
  expect(await rowsOf(source, 'users')).toMatchObject(expected.users)
}

async function runOnce(random: Random, gathers: boolean): Promise<void> {
  for (const source of sources) await warehouse.query(`DROP SCHEMA IF EXISTS ${source} CASCADE`)
  const events = randomEvents(random)
  const refused = new Map<string, string>()
  if (random.chance(0.5))
    for (const { messageId } of events) if (random.chance(0.04)) refused.set(messageId, random.pick(eventTables))
  const run = new Run(gathers, (id, table) => refused.get(id) === table)
  const most = random.pick([0, 0, 1, 3])
  const sent = new Map<string, Event[]>()
  for (let from = 0; from < events.length;) {
    for (let files = random.whole(1, 4); files > 0 && from < events.length; files--) {
      const some = events.slice(from, (from += random.whole(1, 30)))
      const source = sources[random.whole(0, most)] as string
      sent.set(source, [...(sent.get(source) ?? []), ...some])
      await run.loads.stage(some, source)
    }
    if (random.chance(0.4)) run.locked = random.pick([undefined, ...eventTables, 'tracks', 'users', 'identifies'])
    run.loads.aheadMs += random.pick([0, 0, 65_000])
    run.wasLocked.add(run.locked)
    if (random.chance(0.2)) run.loads.restart()
    const kind = random.pick(['none', 'none', 'none', 'crash', 'late', 'lost', 'down', 'limit', 'time'] as const)
    await run.load({ kind, at: random.whole(1, kind === 'late' ? 6 : random.pick([10, 30, 90])) })
  }
  run.locked = undefined
  // Discards are known for an hour: until then a repeat of an event brings none again.
  run.loads.aheadMs += 1_860_000
  for (let runs = 0; !(await run.load()).done || run.loads.held.list().length > 0; runs++) {
    expect(runs).toBeLessThan(10)
    run.loads.aheadMs += 65_000
  }
  expect(run.loads.objects).toEqual([])
  for (const [source, own] of sent) await check(source, own, run)
}

const runs = Number(process.env['FUZZ_RUNS'] ?? 10)
test(
  'whatever happens to slices that are gathered, or are not, each row is there once in the end',
  () => withSeed((random, seed) => runOnce(random, seed % 2 === 0), { runs }),
  runs * 12_000,
)
