// What a million events cost on Cloudflare: counts what is billed while events come, and multiplies by the price list.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Bill, billOf } from './bill.ts'
import { clock } from './clock.ts'
import { cpuSeconds } from './cpu.ts'
import { numbersFrom } from './flags.ts'
import { type LoadResult, runLoad } from './load.ts'
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
  readonly bill: Bill
  readonly load: LoadResult
  readonly events: number
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
  const measured = await Promise.all(subjects.map(measure))
  say(`\n${billsTable(measured)}`)
  for (const { rate, per, bill, load } of measured) {
    const target = rate === high ? targets[per] : undefined
    if (target !== undefined)
      say(
        `\n${nameOf({ rate, per })}: $${bill.dollars.toFixed(3)}, target ≤ $${target.toFixed(2)}: ${bill.dollars <= target ? 'met' : 'MISSED'}`,
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
  const loader = meter.usage.find(({ name }) => name.startsWith('loader'))
  const bill = billOf({
    events,
    seconds: measuredSeconds,
    workerRequests: load.requests + measuredSeconds / tickSeconds,
    workerCpuMs: (after.cpu - before.cpu) * 1_000,
    objects: meter.usage.map((one) => (one === loader ? { ...one, r2Reads: one.r2Reads * perLoaded } : one)),
    stored: { bytes: after.bytes - before.bytes, days: retentionDays },
    d1RowsWritten: (loader?.d1RowsWritten ?? 0) * perLoaded,
  })
  return { rate, per, bill, load, events }
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

function billsTable(measured: readonly Measured[]): string {
  const money = (dollars: number) => dollars.toFixed(4)
  const [first] = measured
  const parts = (first?.bill.parts ?? []).map(({ about }, i) => [
    about,
    ...measured.flatMap(({ bill }) => [
      whole(bill.parts[i]?.perMillionEvents ?? Number.NaN),
      money(bill.parts[i]?.dollars ?? Number.NaN),
    ]),
  ])
  return table([
    ['For a million events', ...measured.flatMap((one) => [nameOf(one), '$'])],
    ...parts.filter((cells) => cells.some((cell, i) => i > 0 && i % 2 === 0 && Number(cell) > 0)),
    ['sum', ...measured.flatMap(({ bill }) => ['', money(bill.dollars)])],
    ['in addition, when the tables are in D1:', ...measured.flatMap(() => ['', ''])],
    [
      'rows written in D1',
      ...measured.flatMap(({ bill }) => [whole(bill.d1.perMillionEvents), money(bill.d1.dollars)]),
    ],
    ['events that were measured', ...measured.flatMap(({ events }) => [whole(events), ''])],
  ])
}
