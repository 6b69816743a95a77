import { isBlank, isRecord } from '../core/json.ts'
import { keepInvalid } from './enrich.ts'
import { clampTimestamp, correctClockSkew, parseTimestamp, type TimeWindow } from './timestamps.ts'

/** The times of an event that has been through the edge. */
export const timeFields = ['originalTimestamp', 'sentAt', 'timestamp', 'receivedAt'] as const

/** What is known of an event that may lack times. */
export interface KnownTimes {
  /** RFC 3339 with milliseconds, UTC. */
  readonly receivedAt: string
  /** What `timestamp` may be. */
  readonly window: TimeWindow
  /** The event before somebody edited it. */
  readonly before?: unknown
}

/** Whether an event has all times, written as the edge writes them. */
export const hasTimes = (event: Readonly<Record<string, unknown>>): boolean =>
  timeFields.every((field) => event[field] !== undefined && parseTimestamp(event[field]) === event[field])

/**
 * Fills in the times that an event lacks and that did not come through the edge, as the edge does (see `enrich`): those that it
 * had before, else that of its arrival; the time at which it happened is corrected by the clocks.
 *
 * @param event stays as it is
 * @param known when it arrived, and what it was
 * @returns a copy with all times
 */
export function fillTimes(event: Readonly<Record<string, unknown>>, known: KnownTimes): Record<string, unknown> {
  const { receivedAt, window } = known
  const before = isRecord(known.before) ? known.before : {}
  const own = event['context'] ?? {}
  // What is no object stays as it is: whoever reads it says so.
  const context = isRecord(own) ? { ...own } : {}
  for (const field of ['originalTimestamp', 'sentAt', 'timestamp'] as const)
    if (parseTimestamp(event[field]) === undefined) keepInvalid(context, event, field)
  const timeOf = (field: (typeof timeFields)[number]) => parseTimestamp(event[field]) ?? parseTimestamp(before[field])
  const sentAt = timeOf('sentAt') ?? receivedAt
  const happenedAt = timeOf('originalTimestamp')
  // Who sets when it happened, and no timestamp, wants another timestamp.
  const given = isBlank(event['originalTimestamp']) ? timeOf('timestamp') : parseTimestamp(event['timestamp'])
  const time = given ?? (happenedAt === undefined ? receivedAt : correctClockSkew(receivedAt, sentAt, happenedAt))
  const timestamp = clampTimestamp(time, window)
  if (timestamp !== time) context['unclampedTimestamp'] = time
  return {
    ...event,
    context: isRecord(own) ? context : own,
    originalTimestamp: happenedAt ?? receivedAt,
    sentAt,
    timestamp,
    receivedAt: timeOf('receivedAt') ?? receivedAt,
  }
}
