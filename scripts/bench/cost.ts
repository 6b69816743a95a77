// What a million events cost on Cloudflare: counts what is billed while events come, and multiplies by the price list.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Bill, billOf, type ObjectUsage, type Part, type Usage } from './bill.ts'
import { clock } from './clock.ts'
import { cpuSeconds } from './cpu.ts'
import { numbersFrom } from './flags.ts'
import { type LoadResult, runLoad } from './run-load.ts'
import { Meter } from './meter.ts'
import { Numbers, Requests } from './requests.ts'
import { session } from './session.ts'
import { startSink } from './sink.ts'
import { type Sluiceway, startSluiceway, type State } from './sluiceway.ts'
import { table, whole } from './table.ts'

const help = `Usage: npm run bench:cost -- [options]

Sends 500 events per second, and 5, with 1 event in a request, and with 20, to four Sluiceways with one webhook and one
warehouse each, for a minute; counts what Cloudflare would bill; prints dollars for a million events, part by part.

  --high <n>   the higher rate in events per second (default: 500)
  --low <n>    the lower rate (default: 5)
  --help       show this
`

/** Dollars for a million events at the higher rate, by events in a request. */
const targets: Readonly<Record<number, number>> = { 1: 0.7, 20: 0.15 }
/** Dollars for the rows of a million events in D1, at the higher rate. */
const d1Target = 2
/** The scheduled functions run each minute, as wrangler.toml has it. */
const tickSeconds = 60
/** One run of the scheduled functions lies within it. */
const measuredSeconds = 60
/** Objects must be asked before they leave memory, and their counts with them. */
const pollMs = 4_000
const retentionDays = 7

interface Case {
  readonly rate: number
  readonly per: number
}

interface Subject extends Case {
  readonly server: Sluiceway
  readonly requests: Requests
}

interface Measured extends Case {
  readonly usage: Usage
  readonly load: LoadResult
}

interface Billed extends Measured {
  readonly bill: Bill
}

const { high, low } = numbersFrom(help, { high: 500, low: 5 })
const say = (text: string) => process.stdout.write(`${text}\n`)

await session(async (keep) => {
  const salt = Date.now() >>> 0
  const numbers = new Numbers(salt)
  const sink = await keep(startSink(salt))
  const cases: readonly Case[] = [high, low].flatMap((rate) => [1, 20].map((per) => ({ rate, per })))
  const servers: Sluiceway[] = []
  for (const _ of cases)
    servers.push(await keep(startSluiceway({ config: 'full', tick: tickSeconds, vars: { WEBHOOK_URL: sink.url } })))

  say(`${cases.length} Sluiceways make their tables, then take events for ${measuredSeconds} s …`)
  const subjects = cases.map(({ rate, per }, i): Subject => {
    const server = servers[i] as Sluiceway
    return { rate, per, server, requests: new Requests(numbers, { per, writeKey: server.writeKey }) }
  })
  await Promise.all(subjects.map(makeTables))
  const measured = (await Promise.all(subjects.map(measure))).map((one, _, all): Billed => {
    // What the measuring itself uses is spread over so many events only at the higher rate.
    const busy = all.find(({ rate, per }) => rate === high && per === one.per)?.usage ?? one.usage
    const workerCpuMs = (busy.workerCpuMs / busy.events) * one.usage.events
    return { ...one, bill: billOf({ ...one.usage, workerCpuMs }) }
  })
  say(`\n${billsTable(measured)}`)
  for (const { rate, per, bill, load } of measured) {
    const target = rate === high ? targets[per] : undefined
    if (target !== undefined)
      say(
        `\n${nameOf({ rate, per })}: $${bill.dollars.toFixed(3)}, target ≤ $${target.toFixed(2)}: ${bill.dollars <= target ? 'met' : 'MISSED'}`,
      )
    if (rate === high)
      say(
        `  tables in D1 in addition: $${bill.d1.dollars.toFixed(3)}, target ≤ $${d1Target.toFixed(2)}: ${bill.d1.dollars <= d1Target ? 'met' : 'MISSED'}`,
      )
    for (const [what, times] of Object.entries(load.refused))
      say(`NOT ACCEPTED, ${nameOf({ rate, per })}: ${times} × ${what}`)
  }
})

async function measure({ rate, per, server, requests }: Subject): Promise<Measured> {
  const meter = new Meter()
  const before = await ask(server, meter)
  const loading = runLoad({ url: server.url, requests, connections: 64, seconds: measuredSeconds, rate })
  for (const end = clock() + measuredSeconds * 1_000 - pollMs; clock() < end; await ask(server, meter))
    await sleep(pollMs)
  const load = await loading
  const after = await ask(server, meter)
  const events = after.head - before.head
  // The tables were loaded once meanwhile, with the events that were staged by then.
  const perLoaded = after.loadedAt === before.loadedAt ? Number.NaN : events / after.loaded
  const objects = meter.usage.map((object) => (object.name.startsWith('loader') ? apart(object, perLoaded) : object))
  const usage: Usage = {
    events,
    seconds: measuredSeconds,
    workerRequests: load.requests + measuredSeconds / tickSeconds,
    workerCpuMs: (after.cpu - before.cpu) * 1_000,
    objects,
    stored: { bytes: after.bytes - before.bytes, days: retentionDays },
    d1RowsWritten: objects.reduce((sum, { d1RowsWritten }) => sum + d1RowsWritten, 0),
  }
  return { rate, per, usage, load }
}

/** Spreads what a load used over all events; a loader that does not tell D1's rows apart has hardly any of its own. */
function apart(loader: ObjectUsage, perLoaded: number): ObjectUsage {
  const { rowsWritten, r2Reads, d1RowsWritten } = loader
  const mixed = d1RowsWritten === 0
  return {
    ...loader,
    rowsWritten: mixed ? 0 : rowsWritten,
    d1RowsWritten: (mixed ? rowsWritten : d1RowsWritten) * perLoaded,
    r2Reads: r2Reads * perLoaded,
  }
}

async function ask(server: Sluiceway, meter: Meter) {
  const state = await server.state()
  meter.take(state)
  const sum = (value: (log: State['logs'][number]) => number) =>
    state.logs.reduce((total, log) => total + value(log), 0)
  return {
    head: sum(({ head }) => head),
    bytes: sum(({ bytes }) => bytes),
    loaded: state.loaders.reduce((total, { lastLoad }) => total + (lastLoad?.events ?? 0), 0),
    loadedAt: Math.max(0, ...state.loaders.map(({ lastLoad }) => lastLoad?.at ?? 0)),
    cpu: cpuSeconds(server.workerdPid),
  }
}

/** Makes the tables, which is done once in the life of a deployment. */
async function makeTables({ server, requests }: Subject): Promise<void> {
  const { accepted } = await runLoad({ url: server.url, requests, connections: 4, seconds: 0.2 })
  for (const end = clock() + 60_000; clock() < end; await sleep(1_000)) {
    await server.load()
    const { loaders } = await server.state()
    if ((loaders[0]?.lastLoad?.events ?? 0) > 0) return
  }
  throw new Error(`${accepted} events were accepted, but not loaded within a minute; /admin/warehouses says why.`)
}

function nameOf({ rate, per }: Case): string {
  return `${rate}/s, ${per} a request`
}

function billsTable(measured: readonly Billed[]): string {
  const money = (dollars: number) => dollars.toFixed(4)
  const count = (used: number) => (used < 10 ? used.toFixed(3) : whole(used))
  const cells = (parts: readonly Part[]) =>
    parts.flatMap(({ perMillionEvents, dollars }) => [count(perMillionEvents), money(dollars)])
  const parts = (measured[0]?.bill.parts ?? []).flatMap(({ about }, i) => {
    const same = measured.flatMap(({ bill }) => bill.parts[i] ?? [])
    return same.some(({ dollars }) => dollars > 0) ? [[about, ...cells(same)]] : []
  })
  return table([
    ['For a million events', ...measured.flatMap((one) => [nameOf(one), '$'])],
    ...parts,
    ['sum', ...measured.flatMap(({ bill }) => ['', money(bill.dollars)])],
    [],
    ['rows written in D1, where the tables are there', ...cells(measured.map(({ bill }) => bill.d1))],
    ['events that were measured', ...measured.flatMap(({ usage }) => [whole(usage.events), ''])],
  ])
}
