import type { LogRpc } from '../core/bindings.ts'
import type { Envelope } from '../core/envelope.ts'
import type { JobOrder } from '../core/jobs.ts'
import { oldestFirst } from '../storage/oldest-first.ts'

/** Compressed bytes of the log that one step reads, unless a single row has more. */
const readBytes = 250_000

/** How far a job has come. */
interface Position {
  /** The offset at which to go on, and the one at which to end. */
  readonly after: number
  readonly last: number
}

/** What one step found. */
export interface HistoryStep {
  /** What the job is about, in order. */
  readonly matched: readonly Envelope[]
  /** Events that were looked at. */
  readonly read: number
  /** The offset at which to go on. */
  readonly after: number
  readonly isOver: boolean
  /** True where the log has lost what comes next; only where that was asked for. */
  readonly isGone: boolean
  /** When the newest event that was looked at was stored, in milliseconds since the epoch; undefined where there was none. */
  readonly at: number | undefined
}

/**
 * Reads on in the log for a job that replays history.
 *
 * @param log the partition
 * @param order which events; `from` and `to` are when the log took them
 * @param options where to go on, the most events to give, and which of them the target may get
 * @returns what was found, and where to go on
 */
export async function stepHistory(
  log: Pick<LogRpc, 'read'>,
  { filter, source }: Pick<JobOrder, 'filter' | 'source'>,
  {
    after,
    last,
    most,
    mayGet,
    stopsAtGap = false,
  }: Position & {
    readonly most: number
    /** True where what the log has lost is to be read elsewhere; else it is passed over. */
    readonly stopsAtGap?: boolean
    readonly mayGet: (envelopes: readonly Envelope[]) => Promise<readonly boolean[]>
  },
): Promise<HistoryStep> {
  const { chunks } = await log.read(after, readBytes)
  const found: Envelope[] = []
  let next = after
  let read = 0
  let at: number | undefined
  let isGone = stopsAtGap && chunks.length === 0 && after < last
  let isOver = chunks.length === 0 && !isGone
  reading: for (const chunk of chunks) {
    isGone = stopsAtGap && chunk.offset > next && next < last
    if (isGone) break
    isOver = chunk.offset >= last || chunk.at >= (filter.to ?? Infinity)
    if (isOver) break
    for (const { offset, envelope } of oldestFirst(chunk)) {
      if (offset < next) continue
      if (found.length >= most) break reading
      isOver = offset >= last
      if (isOver) break reading
      next = offset + 1
      at = chunk.at
      read++
      if (isWanted(envelope, filter, source)) found.push(envelope)
    }
  }
  const allowed = await mayGet(found)
  return {
    matched: found.filter((_, i) => allowed[i] === true),
    read,
    after: next,
    isOver: isOver || next >= last,
    isGone,
    at,
  }
}

/** Says whether a job is about an event, whenever that was stored. */
export function isWanted(
  envelope: Envelope,
  { event: name, user }: JobOrder['filter'],
  source: string | undefined,
): boolean {
  if (source !== undefined && envelope.header.source !== source) return false
  if (name === undefined && user === undefined) return true
  const { event, userId, anonymousId } = envelope.event
  return (name === undefined || event === name) && (user === undefined || userId === user || anonymousId === user)
}
