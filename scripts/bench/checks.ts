// What full checks and enrichment add to the CPU of an event: `prepareBatch` alone in Node, and whole requests in workerd.
import { log } from '../../src/streams/log.ts'
import type { Contender, Round } from './contender.ts'
import { round } from './contender.ts'
import { Events } from './events.ts'
import { type Feature, features, identified } from './features.ts'
import { numbersFrom } from './flags.ts'
import { median } from './median.ts'
import { preparation } from './preparation.ts'
import { Numbers, Requests } from './requests.ts'
import { session } from './session.ts'
import { fixed, table, whole } from './table.ts'
import { startYardsticks } from './yardstick.ts'

const help = `Usage: npm run bench:checks -- [options]

Compares the edge with everything switched on (geo, user agent, campaign, bots dropped, addresses truncated, three privacy
rules that hash a field of every event, consent of two targets, 10,000 suppressed users) with the edge that has all of it
off, by CPU per event: first \`prepare\` alone, in this process, then whole requests (read, parse, prepare, append) in workerd.

  --seconds <n>       length of a round in workerd (default: 2.5)
  --rounds <n>        rounds of each; medians are compared (default: 7)
  --connections <n>   kept-alive connections (default: 64)
  --only <n>          only with so many events in a request (default: 20, then 1)
  --help              show this
`

/** Times the CPU of an event, of a whole request with 20 of them, that checks and enrichment may cost. */
const target = 1.35

const flags = numbersFrom(help, { seconds: 2.5, rounds: 7, connections: 64, only: Number.NaN })
const sizes = Number.isNaN(flags.only) ? [20, 1] : [flags.only]
/** Events that one round in Node prepares: enough for a tenth of a second. */
const eventsInNode = 6_000
const say = (text: string) => process.stdout.write(`${text}\n`)

const variants: readonly (readonly [name: string, on: readonly Feature[]])[] = [
  ['all off', []],
  ...features.map((feature) => [feature, [feature]] as const),
  ['all on', features],
]

/** Microseconds of CPU per event of `prepareBatch` for each variant, which take turns. */
async function inNode(per: number): Promise<void> {
  const source = new Events(1)
  const bodies = Array.from({ length: Math.ceil(eventsInNode / per) }, (_, r) =>
    JSON.stringify({ batch: Array.from({ length: per }, (__, i) => identified(source.next(), r * per + i)) }),
  )
  const contestants = variants.map(([name, on]) => ({
    name,
    prepare: preparation(new Set(on), log()),
    costs: [] as number[],
  }))
  for (let i = -2; i < flags.rounds; i++)
    for (const { prepare, costs } of contestants) {
      const cost = await prepare(bodies)
      // The first rounds are for the compiler.
      if (i >= 0) costs.push(cost)
    }
  const off = median(contestants[0]?.costs ?? [])
  say(`\nprepare in Node ${process.versions.node}, ${per} events per request`)
  const rows = contestants.map(({ name, costs }) => {
    const cost = median(costs)
    return [name, fixed(cost, 2), fixed(cost - off, 2), `${fixed(cost / off, 2)} ×`]
  })
  say(table([['', 'µs/event', 'more', 'of all off'], ...rows]))
}

/** The same for whole requests in workerd, with all of it on and off. */
async function inWorkerd(per: number, keep: Parameters<Parameters<typeof session>[0]>[0]): Promise<void> {
  const yardsticks = await keep(startYardsticks())
  const requests = new Requests(new Numbers(Date.now() >>> 0), { per, writeKey: 'yardstick', change: identified })
  const contenders = (['slice', 'enriched', 'checked'] as const).map((name): Contender & { rounds: Round[] } => ({
    name,
    url: yardsticks.urls[name],
    pid: yardsticks.pid,
    requests,
    rounds: [],
  }))
  const { connections, seconds } = flags
  for (const contender of contenders) await round(contender, { connections, seconds: Math.min(seconds, 1) })
  for (let i = 0; i < flags.rounds; i++)
    for (const contender of contenders) contender.rounds.push(await round(contender, { connections, seconds }))
  const cpu = contenders.map(({ rounds }) => median(rounds.map(({ cpuPerEvent }) => cpuPerEvent)))
  const rates = contenders.map(({ rounds }) => median(rounds.map(({ eventsPerSecond }) => eventsPerSecond)))
  const [off = Number.NaN] = cpu
  say(`\nwhole requests in workerd, ${per} events per request, ${whole(requests.eventBytes)} bytes each`)
  const rows = ['all off', 'all on but privacy rules', 'all on'].map((name, i) => {
    const cost = cpu[i] ?? Number.NaN
    return [name, fixed(cost), `${fixed(cost / off, 2)} ×`, whole(rates[i] ?? Number.NaN)]
  })
  say(table([['', 'CPU µs/event', 'of all off', 'events/s'], ...rows]))
  const ratio = (cpu[1] ?? Number.NaN) / off
  if (per === 20)
    say(
      `checks and enrichment: ${fixed(ratio, 2)} ×, target ≤ ${fixed(target, 2)}: ${ratio <= target ? 'met' : 'MISSED'}`,
    )
  for (const { name, rounds } of contenders)
    for (const { refused } of rounds)
      for (const [what, times] of Object.entries(refused)) say(`NOT ACCEPTED ${name}: ${whole(times)} × ${what}`)
  await yardsticks.stop()
}

await session(async (keep) => {
  for (const per of sizes) await inNode(per)
  for (const per of sizes) await inWorkerd(per, keep)
})
