import type { Round } from './contender.ts'
import { median } from './median.ts'
import { fixed, table, whole } from './table.ts'

/** Rounds of each contender, by its name. */
export type Rounds = ReadonlyMap<string, readonly Round[]>

/** Sluiceway's events per second as multiples of the yardsticks'. */
export interface Target {
  readonly write: number
  readonly parse: number
}

export const medianOf = (rounds: Rounds, name: string, value: (round: Round) => number): number =>
  median((rounds.get(name) ?? []).map(value))

/** A line for each contender, with medians of its rounds. */
export function roundsTable(rounds: Rounds): string {
  const head = ['', 'events/s', 'lowest', 'highest', 'requests/s', 'p50 ms', 'p99 ms', 'CPU µs/event', 'CPU share']
  const lines = [...rounds].map(([name, all]) => {
    const middle = (value: (round: Round) => number) => median(all.map(value))
    const rates = all.map(({ eventsPerSecond }) => eventsPerSecond)
    return [
      name,
      whole(middle(({ eventsPerSecond }) => eventsPerSecond)),
      whole(Math.min(...rates)),
      whole(Math.max(...rates)),
      whole(middle(({ requestsPerSecond }) => requestsPerSecond)),
      fixed(middle(({ latencies }) => latencies.quantile(0.5))),
      fixed(middle(({ latencies }) => latencies.quantile(0.99))),
      fixed(middle(({ cpuPerEvent }) => cpuPerEvent)),
      fixed(
        middle(({ cpuShare }) => cpuShare),
        2,
      ),
    ]
  })
  return table([head, ...lines])
}

/** Every outcome that was not an accepted event, by contender; undefined when there was none. */
export function troubles(rounds: Rounds): string | undefined {
  const lines = [...rounds].flatMap(([name, all]) =>
    all.flatMap(({ refused }) => Object.entries(refused).map(([what, times]) => `${name}: ${whole(times)} × ${what}`)),
  )
  return lines.length === 0 ? undefined : `NOT ACCEPTED\n${lines.join('\n')}`
}

/** Sluiceway against the yardsticks, by events per second and by CPU, which other programs on the machine disturb less. */
export function ratios(rounds: Rounds, target: Target): string {
  const rows = (['write', 'parse'] as const).map((name) => {
    const speed = (of: string) => medianOf(rounds, of, ({ eventsPerSecond }) => eventsPerSecond)
    const cpu = (of: string) => medianOf(rounds, of, ({ cpuPerEvent }) => cpuPerEvent)
    const ratio = speed('Sluiceway') / speed(name)
    const goal = `${name === 'write' ? 'target' : 'stretch'} ≥ ${target[name].toFixed(2)} ×`
    return [
      `of ${name}`,
      `${fixed(ratio, 2)} ×`,
      goal,
      ratio >= target[name] ? 'met' : 'MISSED',
      `by CPU ${fixed(cpu(name) / cpu('Sluiceway'), 2)} ×`,
    ]
  })
  return table(rows)
}

/** What each step adds to the step before it. */
const steps = [
  ['parse', 'connection, reading and parsing'],
  ['checks', 'checks, enriching, routing, serializing'],
  ['hop', 'the hop to a Durable Object'],
  ['commit', 'dedup, compression, the commit'],
  ['bare', 'HTTP surface: router, key, answer'],
  ['hook', 'webhook lane, to the end'],
  ['Sluiceway', 'warehouse lane and loading, to the end'],
] as const

/**
 * Where the CPU of an event goes: each step's cost less that of the one before it. What the lanes did after a round is in it,
 * so that it also tells at what share of the accept-only rate they would keep up on one processor.
 */
export function breakdown(rounds: Rounds): string {
  const costOf = (name: string) => medianOf(rounds, name, ({ cpuToTheEnd }) => cpuToTheEnd)
  const total = costOf('Sluiceway')
  if (Number.isNaN(total)) return 'Where the CPU of an event goes can only be told on Linux.'
  let before = 0
  const rows = steps.map(([name, about]) => {
    const cost = costOf(name)
    const own = cost - before
    before = cost
    return [about, `${fixed(own)} µs`, `${whole((own / total) * 100)} %`]
  })
  return (
    table([['Where the CPU of an event goes', '', ''], ...rows, ['all', `${fixed(total)} µs`, '100 %']]) +
    `\nOn one processor the lanes can keep up with ${fixed(costOf('bare') / total, 2)} of the accept-only rate.`
  )
}
