// How many events per second Sluiceway accepts while its lanes run, beside Workers that do less; and where the time goes.
import { backlogOf, drained } from './backlog.ts'
import { type Contender, type Round, round } from './contender.ts'
import { numbersFrom } from './flags.ts'
import { breakdown, ratios, roundsTable, type Target, troubles } from './ingest-report.ts'
import { Numbers, Requests } from './requests.ts'
import { session } from './session.ts'
import { startSink } from './sink.ts'
import { type Sluiceway, startSluiceway } from './sluiceway.ts'
import { fixed, whole } from './table.ts'
import { startYardsticks, type Yardstick } from './yardstick.ts'

const help = `Usage: npm run bench:ingest -- [options]

Puts load on Sluiceway (one webhook lane, one warehouse lane) and on two yardsticks in turn: parse (a Worker that parses the
JSON and answers) and write (parses, and appends the body to a Durable Object, a row for each request). Tables are loaded
between the rounds, as a deployment loads them each minute.

  --seconds <n>       length of a round (default: 2.5)
  --rounds <n>        rounds of each; medians are compared (default: 3)
  --connections <n>   kept-alive connections (default: 64)
  --only <n>          only with so many events in a request (default: 20, then 1)
  --help              show this
`

const targets: Readonly<Record<number, Target>> = { 1: { write: 1.3, parse: 0.4 } }
const otherTarget: Target = { write: 1, parse: 0.4 }

const flags = numbersFrom(help, { seconds: 2.5, rounds: 3, connections: 64, only: Number.NaN })
/** Seconds that the lanes may take to finish after a round. */
const drainLimit = 60
/** As deployed, tables are loaded each minute: after a round, not in it. What a load costs is in the table of CPU shares. */
const loadSeconds = 60
const say = (text: string) => process.stdout.write(`${text}\n`)

await session(async (keep) => {
  const salt = Date.now() >>> 0
  const numbers = new Numbers(salt)
  const sink = await keep(startSink(salt))
  const yardsticks = await keep(startYardsticks())
  const vars = { WEBHOOK_URL: sink.url, STAGE_SECONDS: '2' }
  const full = await keep(startSluiceway({ config: 'full', tick: loadSeconds, vars }))
  const hook = await keep(startSluiceway({ config: 'hook', tick: 2, vars }))
  const bare = await keep(startSluiceway({ config: 'bare', tick: 2 }))
  let accepted = 0

  async function measure(per: number): Promise<void> {
    const keyed = (writeKey: string) => new Requests(numbers, { per, writeKey })
    const plain = keyed('yardstick')
    const yardstick = (name: Yardstick): Contender => {
      return { name, url: yardsticks.urls[name], pid: yardsticks.pid, requests: plain }
    }
    const served = (name: string, { url, workerdPid, writeKey }: Sluiceway): Contender => {
      return { name, url, pid: workerdPid, requests: keyed(writeKey) }
    }
    const sluiceway = served('Sluiceway', full)
    const hooked = served('hook', hook)
    const compared: readonly Contender[] = [yardstick('parse'), yardstick('write'), sluiceway]
    const steps: readonly Contender[] = [
      ...(['checks', 'hop', 'commit'] as const).map(yardstick),
      served('bare', bare),
      hooked,
    ]
    const rounds = new Map<string, Round[]>()
    const lags: string[] = []
    const run = async (contender: Contender, seconds: number) => {
      // The lanes must be done before anybody else is measured.
      const drains = new Map<Contender, () => Promise<unknown>>([
        [sluiceway, async () => lags.push(await lag(full))],
        [hooked, () => drained(hook, drainLimit)],
      ])
      const drain = drains.get(contender)
      const options = { connections: flags.connections, seconds }
      const one = await round(contender, drain === undefined ? options : { ...options, drain })
      if (contender === sluiceway || contender === hooked) accepted += one.accepted
      return one
    }
    const note = async (contender: Contender) => {
      const one = await run(contender, flags.seconds)
      rounds.set(contender.name, [...(rounds.get(contender.name) ?? []), one])
    }

    say(`\n${per} events per request, ${whole(plain.eventBytes)} bytes each, ${flags.connections} connections`)
    for (const contender of [...compared, ...steps]) await run(contender, 0.7)
    lags.length = 0
    for (let i = 0; i < flags.rounds; i++) for (const contender of compared) await note(contender)
    for (const contender of steps) await note(contender)

    say(roundsTable(rounds))
    say(`\nSluiceway, by events per second\n${ratios(rounds, targets[per] ?? otherTarget)}`)
    say(`\nIts lanes, at the end of a round\n${lags.join('\n')}`)
    say(`\n${breakdown(rounds)}`)
    const bad = troubles(rounds)
    if (bad !== undefined) say(`\n${bad}`)
  }

  for (const per of Number.isNaN(flags.only) ? [20, 1] : [flags.only]) await measure(per)
  say(
    `\n${whole(accepted)} events accepted, ${whole(sink.events())} at the sink, ${whole(sink.repeats())} of them again`,
  )
})

/** Says how far the lanes are behind, and how long they take to deliver the rest. */
async function lag(server: Sluiceway): Promise<string> {
  const behind = await backlogOf(server)
  const loads = setInterval(() => void server.load().catch(() => undefined), 1_000)
  const { sinkSeconds, tablesSeconds } = await drained(server, drainLimit)
  clearInterval(loads)
  const took = (seconds: number) => (Number.isFinite(seconds) ? `${fixed(seconds)} s` : `more than ${drainLimit} s`)
  return (
    `  sink ${whole(behind.sink)} events behind, done after ${took(sinkSeconds)}; ` +
    `tables ${whole(behind.staging + behind.loading)} behind, done after ${took(tablesSeconds)}`
  )
}
