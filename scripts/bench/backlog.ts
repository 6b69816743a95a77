import { setTimeout as sleep } from 'node:timers/promises'
import { clock } from './clock.ts'
import type { Sluiceway } from './sluiceway.ts'

/** Events that were accepted and are not yet where they belong. */
export interface Backlog {
  /** In the webhook lane. */
  readonly sink: number
  /** In the warehouse lane: not staged yet. */
  readonly staging: number
  /** Staged, but not in the tables yet. */
  readonly loading: number
}

export async function backlogOf(sluiceway: Sluiceway): Promise<Backlog> {
  const { lanes, loaders } = await sluiceway.state()
  const depth = (kind: string) => lanes.reduce((sum, lane) => sum + (lane.kind === kind ? lane.depth : 0), 0)
  return {
    sink: depth('destination'),
    staging: depth('warehouse'),
    loading: loaders.reduce((sum, { stagedEvents }) => sum + stagedEvents, 0),
  }
}

/** How long a deployment took to deliver all that it had accepted. */
export interface Drained {
  readonly sinkSeconds: number
  readonly tablesSeconds: number
}

/** What was appended last is offered to the lanes, and shows in their depth, a little later. */
const offerMs = 500

/**
 * Waits until everything that was accepted is at the sink and in the tables.
 *
 * @param sluiceway nobody sends events to it meanwhile
 * @param limitSeconds after which it is given up
 * @returns how long it took; Infinity for what was not done in time
 */
export async function drained(sluiceway: Sluiceway, limitSeconds: number): Promise<Drained> {
  const start = clock()
  const never = Number.POSITIVE_INFINITY
  let sinkSeconds = never
  let tablesSeconds = never
  for (;;) {
    const { sink, staging, loading } = await backlogOf(sluiceway)
    const seconds = (clock() - start) / 1_000
    sinkSeconds = sink > 0 ? never : Math.min(sinkSeconds, seconds)
    tablesSeconds = staging + loading > 0 ? never : Math.min(tablesSeconds, seconds)
    const done = Math.max(sinkSeconds, tablesSeconds) + offerMs / 1_000 < seconds
    if (done || seconds > limitSeconds) return { sinkSeconds, tablesSeconds }
    await sleep(200)
  }
}
