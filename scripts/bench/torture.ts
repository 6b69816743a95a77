// How much longer an event takes to a healthy destination when others beside it fail in all the ways in which they do.
import { torture } from '../../test/support/torture.ts'
import { latenciesOf, reportOf } from '../../test/support/verify-deliveries.ts'
import { numbersFrom } from './flags.ts'
import type { Latencies } from './latencies.ts'
import { median } from './median.ts'
import { session } from './session.ts'
import { fixed, table } from './table.ts'

const help = `Usage: npm run bench:torture -- [options]

Sends events of 2,000 users, one a request, to a Sluiceway with a healthy destination alone, and to one that has four more, which
are slow, flap, are down for an hour (of the lane's clock) and refuse an event of a hundred. Both run at the same time, with the
same load, so that what else the machine does is the same for both. Reports how long events took from the client's 200 to the
healthy destination, and the ratio of the 99th percentiles: the median of the rounds.

With --kill-every both are killed as often. The 99th percentile then tells how long a restart takes, since events that were
accepted in the last milliseconds before a kill wait for it.

  --events <n>      events of a round (default: 2500)
  --rate <n>        events a second (default: 100)
  --rounds <n>      rounds (default: 3)
  --kill-every <n>  seconds between a restart and the next kill (default: no kills)
  --help            show this
`

const flags = numbersFrom(help, { events: 2_500, rate: 100, rounds: 3, 'kill-every': 1_000_000 })
const target = 1.5
const say = (text: string) => process.stdout.write(`${text}\n`)

/** Of the events of a run, to the healthy destination. */
async function delaysOf(isAlone: boolean): Promise<Latencies> {
  const { events, rate } = flags
  const { verified } = await torture({
    events,
    rate,
    users: 2_000,
    isAlone,
    killEveryMs: flags['kill-every'] * 1_000,
    hourSeconds: isAlone ? 0 : events / rate,
  })
  if (!isAlone) say(`\n${reportOf(verified)}`)
  const { lost = [], delayMs = new Map<string, number>() } = verified.healthy ?? {}
  if (lost.length > 0) throw new Error(`${lost.length} events are lost`)
  return latenciesOf(delayMs.values())
}

await session(async () => {
  const runs: { readonly alone: Latencies; readonly among: Latencies }[] = []
  for (let round = 0; round < flags.rounds; round++) {
    const [alone, among] = await Promise.all([delaysOf(true), delaysOf(false)])
    runs.push({ alone, among })
  }
  const rows = runs.map(({ alone, among }, round) => [
    `round ${round + 1}`,
    ...[alone, among].flatMap((one) => [0.5, 0.99].map((share) => fixed(one.quantile(share)))),
    fixed(among.quantile(0.99) / alone.quantile(0.99), 2),
  ])
  say(`\n${table([['ms', 'p50 alone', 'p99 alone', 'p50 among', 'p99 among', 'ratio of p99'], ...rows])}`)
  const ratio = median(runs.map(({ alone, among }) => among.quantile(0.99) / alone.quantile(0.99)))
  say(`ratio: ${fixed(ratio, 2)}, target ≤ ${target}: ${ratio <= target ? 'met' : 'MISSED'}`)
})
