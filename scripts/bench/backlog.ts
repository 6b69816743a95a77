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

/**
 * Waits until everything that was accepted is at the sink and in the tables.
 *
 * @param sluiceway nobody sends events to it meanwhile
 * @param limitSeconds after which it is given up
 * @returns how long it took; Infinity for what was not done in time
 */
export async function drained(sluiceway: Sluiceway, limitSeconds: number): Promise<Drained> {
  const start = clock()
  let sinkSeconds = Number.POSITIVE_INFINITY
  for (;;) {
    const { sink, staging, loading } = await backlogOf(sluiceway)
    const seconds = (clock() - start) / 1_000
    if (sink === 0) sinkSeconds = Math.min(sinkSeconds, seconds)
    if (sink + staging + loading === 0) return { sinkSeconds, tablesSeconds: seconds }
    if (seconds > limitSeconds) return { sinkSeconds, tablesSeconds: Number.POSITIVE_INFINITY }
    await sleep(200)
  }
}
