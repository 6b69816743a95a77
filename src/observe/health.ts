import { knownLayout } from '../core/known-layout.ts'
import { allLanes, laneName, laneOf, logOf, partitionsOf } from '../core/lanes.ts'
import type { LaneError, LaneStatus, LaneStorage } from '../core/bindings.ts'
import type { Layout } from '../core/layout.ts'
import { withTimeout } from '../core/with-timeout.ts'
import type { AppContext } from '../core/app-context.ts'
import { outagesOf } from '../spill/outages.ts'
import {
  type StuckKafkaPartition,
  stuckKafkaPartitions,
  type StuckKafkaSource,
  stuckKafkaSources,
} from './stuck-kafka.ts'
import { stuckWarehouses, type StuckWarehouse } from './stuck-warehouses.ts'
import { type SpillSummary, spillPrefix, stuckPrefix, summarizeSpills } from '../spill/spill.ts'

/** Milliseconds that each question may take. */
const questionMs = 2_000
/** A lane is stuck when its oldest event has waited longer, in seconds. */
const laneSeconds = 300
/** Longer in the archive, where events wait for the end of their hour. */
const archiveSeconds = 3_960
/** The sweep runs each minute, so what was spilled is gone sooner than this, in seconds. */
const spillSeconds = 120
/** Pages of 1,000 objects that are counted. */
const pages = 2

/** A lane that does not get on. */
export interface StuckLane {
  readonly target: string
  readonly partition: number
  /** `unavailable`: its object did not answer. */
  readonly state: LaneStatus['state'] | 'unavailable'
  readonly reason?: string
  /** When it began to fail, and when it is tried next; milliseconds since the epoch. */
  readonly since?: number
  readonly nextAttemptAt?: number
  readonly lastError?: LaneError
  /** Events that wait. */
  readonly depth?: number
  readonly oldestSeconds?: number
  /** Where the lane keeps undelivered events itself. */
  readonly storage?: LaneStorage
}

/** How a deployment is doing. */
export interface Health {
  /**
   * `DEGRADED`: events are taken, but something must be looked at. `DOWN`: events are refused, because neither the stream nor
   * R2 takes any.
   */
  readonly status: 'UP' | 'DEGRADED' | 'DOWN'
  readonly stream: string
  /**
   * Partitions of the log that are the stream, others that may hold something, and how many of all do not answer; left out where
   * there are none.
   */
  readonly log?: { readonly partitions: number; readonly former?: number; readonly unavailable: number }
  /** True when the last append of this isolate to any partition, at most a minute ago, failed or was late. */
  readonly spilling: boolean
  readonly lanes: { readonly all: number; readonly stuck: number }
  /** Stuck: loads fail or lag, or the loader does not answer. */
  readonly warehouses: { readonly all: number; readonly stuck: number }
  /** Kafka sources that are switched on; stuck: some topic cannot be read. Left out where there are none. */
  readonly sources?: { readonly all: number; readonly stuck: number }
  /** Partitions of the stream kafka(); stuck: takes no events, or cannot be read. Left out for other streams. */
  readonly kafka?: { readonly partitions: number; readonly stuck: number }
  /** What waits in R2; null when R2 does not answer. `stuck` objects were set aside. */
  readonly spill: (Omit<SpillSummary, 'keys'> & { readonly stuck: number }) | null
  readonly stuck: readonly (StuckLane | StuckWarehouse | StuckKafkaSource | StuckKafkaPartition)[]
}

/**
 * Asks every object how it is doing: one call for each partition of the log, each lane, each loader, each Kafka source and each
 * partition of a stream that is Kafka, also those of earlier configs, two listings of R2, and a write to
 * R2 only while the stream is unavailable. No answer takes longer than about six seconds.
 *
 * @param app config and bindings
 * @returns how the deployment is doing, as far as it can be seen from here
 */
export async function healthOf(app: AppContext): Promise<Health> {
  const { resolved } = app
  const { stream } = resolved
  const isLog = stream.log !== undefined
  const now = app.port.now()
  const failed = outagesOf(resolved).stream.map((outage) => outage.lasts(now))
  const spilling = failed.includes(true)
  const layout = await knownLayout(app)
  const partitions = partitionsOf(layout.partitions)
  const used = isLog ? stream.partitions : 0
  const former = layout.partitions - used
  const [logs, lanes, warehouses, sources, kafka, spill] = await Promise.all([
    Promise.all(partitions.map((n) => doesAnswer(async () => logOf(app, n).status(), `log ${n}`))),
    stuckLanes(app, layout),
    stuckWarehouses(app, layout),
    stuckKafkaSources(app),
    stuckKafkaPartitions(app),
    spillOf(app),
  ])
  const unavailable = logs.filter((is) => !is).length
  const streamFails = spilling || unavailable > 0
  // Only a write tells whether R2 takes any: a listing may be slow when much waits.
  const takes = !streamFails || (await doesAnswer(() => writeProbe(app), 'R2'))
  const allAway = failed.every((has, partition) => has || (isLog && logs[partition] === false))
  const down = !takes && allAway
  const stuck = [...lanes, ...warehouses, ...sources.stuck, ...kafka.stuck]
  const troubled =
    streamFails || spill === undefined || stuck.length > 0 || spill.stuck > 0 || spill.oldestSeconds > spillSeconds
  return {
    status: down ? 'DOWN' : troubled ? 'DEGRADED' : 'UP',
    stream: stream.name,
    ...(partitions.length === 0 ? {} : { log: { partitions: used, ...(former > 0 ? { former } : {}), unavailable } }),
    spilling,
    lanes: { all: allLanes(layout).length, stuck: lanes.length },
    warehouses: { all: layout.targets.filter(({ kind }) => kind === 'warehouse').length, stuck: warehouses.length },
    ...(sources.all === 0 ? {} : { sources: { all: sources.all, stuck: sources.stuck.length } }),
    ...(kafka.all === 0 ? {} : { kafka: { partitions: kafka.all, stuck: kafka.stuck.length } }),
    spill: spill ?? null,
    stuck,
  }
}

async function stuckLanes(app: AppContext, layout: Layout): Promise<StuckLane[]> {
  const found = await Promise.all(
    allLanes(layout).map(async (ref): Promise<StuckLane[]> => {
      try {
        const asked = (async () => laneOf(app.bindings, ref).status(ref))()
        const status = await withTimeout(asked, questionMs, `lane ${laneName(ref)}`)
        const { state: is } = status
        const isWell = is === 'idle' || is === 'running' || (is === 'orphaned' && status.depth === 0)
        const {
          state,
          reason = status.storage?.warning,
          since,
          nextAttemptAt,
          lastError,
          depth,
          oldestSeconds,
        } = status
        const longest = status.kind === 'archive' ? archiveSeconds : laneSeconds
        if (isWell && oldestSeconds <= longest && status.storage?.warning === undefined) return []
        return [
          {
            ...ref,
            state,
            ...(reason === undefined ? {} : { reason }),
            ...(since === undefined ? {} : { since }),
            ...(nextAttemptAt === undefined ? {} : { nextAttemptAt }),
            ...(lastError === undefined ? {} : { lastError }),
            depth,
            oldestSeconds,
            ...(status.storage === undefined ? {} : { storage: status.storage }),
          },
        ]
      } catch {
        return [{ ...ref, state: 'unavailable' }]
      }
    }),
  )
  return found.flat()
}

async function spillOf(app: AppContext): Promise<Exclude<Health['spill'], null> | undefined> {
  try {
    const [waiting, stuck] = await withTimeout(
      Promise.all([
        summarizeSpills(spillPrefix, app, { pages, keys: 0 }),
        summarizeSpills(stuckPrefix, app, { pages: 1, keys: 0 }),
      ]),
      questionMs,
      'R2',
    )
    const { keys: _, ...rest } = waiting
    return { ...rest, stuck: stuck.objects }
  } catch {
    return undefined
  }
}

const writeProbe = ({ bindings, port }: AppContext): Promise<unknown> =>
  bindings.BUCKET.put('health/probe', new Date(port.now()).toISOString())

async function doesAnswer(ask: () => Promise<unknown>, what: string): Promise<boolean> {
  try {
    await withTimeout(ask(), questionMs, what)
    return true
  } catch {
    return false
  }
}
