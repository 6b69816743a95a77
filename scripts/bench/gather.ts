// What it gains to merge slices together where a statement takes seconds: BigQuery, whose jobs wait.
import type { Engine } from '../../src/core/warehouse.ts'
import type { Event } from '../../src/core/event.ts'
import { StagedLoads } from '../../test/loading/staged-loads.ts'
import { type RealBigQueryWarehouse, startBigQueryWarehouse } from '../../test/support/real-bigquery.ts'
import { clock } from './clock.ts'
import { numbersFrom } from './flags.ts'
import { eventTexts } from './loads.ts'
import { session } from './session.ts'
import { fixed, table, whole } from './table.ts'

const help = `Usage: npm run bench:gather -- [options]

Loads staged events into a BigQuery of this machine whose jobs take some seconds each, whatever they do: slices one by one, and
slices that are merged together, as the loader does. A run of the loader begins nothing new after 25 s. Compare the ratio: what
BigQuery itself takes for its jobs, only an account can show.

  --job <ms>      time of a job (default: 2500)
  --events <n>    events that are loaded together (default: 100000); a tenth of them is loaded one by one
  --file <n>      events of a staging file (default: 500)
  --help          show this
`

const flags = numbersFrom(help, { job: 2_500, events: 100_000, file: 500 })
const say = (text: string) => process.stdout.write(`${text}\n`)
const budgetMs = 25_000

/** What some runs of the loader came to. */
interface Outcome {
  readonly events: number
  readonly runs: number
  readonly jobs: number
  /** Milliseconds in which the loader worked. */
  readonly ms: number
}

/** The engine without what merges loads together. */
const oneByOne = (engine: Engine): Engine =>
  new Proxy(engine, {
    get: (target, name) => {
      const value: unknown = name === 'gather' ? undefined : Reflect.get(target, name, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })

async function measure(
  warehouse: RealBigQueryWarehouse,
  { events, wrap }: { readonly events: number; readonly wrap: (engine: Engine) => Engine },
): Promise<Outcome> {
  await warehouse.clear()
  const before = warehouse.fake?.jobs().length ?? 0
  const loads = new StagedLoads(warehouse)
  loads.wrap = wrap
  loads.deadline = () => Date.now() + budgetMs
  for (let i = 0; i < events; i += flags.file) {
    const texts = eventTexts(Math.min(flags.file, events - i), i + 1)
    await loads.stage(texts.map((text) => JSON.parse(text) as Event))
  }
  loads.staged.clear()
  let [ms, runs] = [0, 0]
  for (let isDone = false; !isDone; runs++) {
    const start = clock()
    const run = await loads.load()
    if (run.error !== undefined) throw new Error(run.error)
    isDone = run.done
    ms += clock() - start
  }
  const rows = await warehouse.count('tracks')
  say(`  ${whole(rows)} rows in tracks, ${runs} runs`)
  return { events, runs, jobs: (warehouse.fake?.jobs().length ?? 0) - before, ms }
}

await session(async (keep) => {
  const warehouse = await keep(startBigQueryWarehouse())
  warehouse.fake?.slowJobs(flags.job)
  const single = await measure(warehouse, { events: Math.round(flags.events / 10), wrap: oneByOne })
  const together = await measure(warehouse, { events: flags.events, wrap: (engine) => engine })
  const rate = ({ events, ms }: Outcome) => (events * 1_000) / ms
  say(
    table([
      ['', 'events', 'events/s', 'jobs of 1,000 events'],
      ...Object.entries({ 'slices one by one': single, 'merged together': together }).map(([name, one]) => [
        name,
        whole(one.events),
        whole(rate(one)),
        fixed((one.jobs * 1_000) / one.events),
      ]),
    ]),
  )
  say(`merged together to one by one: ${fixed(rate(together) / rate(single), 1)}`)
})
