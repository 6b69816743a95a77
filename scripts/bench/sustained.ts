import { type Backlog, backlogOf, drained } from './backlog.ts'
import { clock } from './clock.ts'
import { runLoad } from './run-load.ts'
import type { Requests } from './requests.ts'
import type { Sluiceway } from './sluiceway.ts'
import { fixed, whole } from './table.ts'

interface Options {
  readonly full: Sluiceway
  readonly requests: Requests
  readonly connections: number
  readonly seconds: number
  /** Events per second of which the share is taken. */
  readonly most: number
  /** Seconds that events wait to be staged, and seconds between loads. */
  readonly tick: number
  readonly say: (line: string) => void
}

/** The search goes in steps of this share. */
const step = 0.1
/** A backlog that grows by more than this share of the rate … */
const growth = 0.05
/** … and is worth more than so many seconds of it does not only go up and down with staging and loading. */
const slackSeconds = 2

interface Sample extends Backlog {
  readonly at: number
}

/**
 * Searches for the highest rate at which the webhook lane, the warehouse lane and the loader keep up.
 *
 * They keep up when everything that is offered is accepted, no backlog grows over the run, and what is left is delivered
 * within a few seconds after it.
 *
 * @param options where, what, and what the full rate is
 * @returns the share of `most`, in tenths; 0 when they do not even keep up with a tenth
 */
export async function sustained(options: Options): Promise<number> {
  let share = 0.5
  const way = (await keepsUp(options, share)) ? 1 : -1
  for (;;) {
    const next = share + way * step
    if (next < step / 2) return 0
    if (next > 1 + step / 2) return share
    if (way === 1 && !(await keepsUp(options, next))) return share
    if (way === -1 && (await keepsUp(options, next))) return next
    share = next
  }
}

async function keepsUp(options: Options, share: number): Promise<boolean> {
  const { full, requests, connections, seconds, most, tick, say } = options
  const rate = most * share
  const samples: Sample[] = []
  const watch = setInterval(() => {
    void backlogOf(full).then((backlog) => samples.push({ ...backlog, at: clock() }))
  }, 500)
  const load = await runLoad({ url: full.url, requests, connections, seconds, rate })
  clearInterval(watch)
  const { sinkSeconds, tablesSeconds } = await drained(full, 60)
  const offered = rate * load.seconds
  const grew = (backlog: (sample: Sample) => number, expectedSeconds: number) => {
    const { perSecond, atTheEnd } = trendOf(samples, backlog)
    return perSecond > rate * growth && atTheEnd > rate * expectedSeconds ? perSecond : 0
  }
  const sink = grew((sample) => sample.sink, slackSeconds)
  const tables = grew((sample) => sample.staging + sample.loading, 2 * tick + slackSeconds)
  const reasons = [
    load.accepted < offered * 0.97 ? `only ${whole(load.eventsPerSecond)}/s were accepted` : '',
    sink > 0 ? `the sink's backlog grew by ${whole(sink)}/s` : '',
    tables > 0 ? `the tables' backlog grew by ${whole(tables)}/s` : '',
    sinkSeconds > 5 ? `the sink needed ${fixed(sinkSeconds)} s more` : '',
    tablesSeconds > 2 * tick + 5 ? `the tables needed ${fixed(tablesSeconds)} s more` : '',
  ].filter((reason) => reason !== '')
  say(`  at ${whole(rate)}/s (${share.toFixed(1)}): ${reasons.length === 0 ? 'yes' : `no: ${reasons.join('; ')}`}`)
  return reasons.length === 0
}

/** Events per second by which a backlog grew from the second quarter of a run to its last, and its size in the last. */
function trendOf(samples: readonly Sample[], backlog: (sample: Sample) => number) {
  const quarter = samples.length >> 2
  const mean = (some: readonly Sample[], value: (sample: Sample) => number) =>
    some.reduce((sum, sample) => sum + value(sample), 0) / some.length
  const early = samples.slice(quarter, 2 * quarter)
  const late = samples.slice(-quarter)
  const seconds = (mean(late, ({ at }) => at) - mean(early, ({ at }) => at)) / 1_000
  const atTheEnd = mean(late, backlog)
  return { perSecond: (atTheEnd - mean(early, backlog)) / seconds, atTheEnd }
}
