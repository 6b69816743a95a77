import type { Event } from '../core/event.ts'
import { isRecord } from '../core/json.ts'
import { keepInvalid, trimId } from '../enrichment/enrich.ts'
import { clampTimestamp, parseTimestamp, type TimeWindow } from '../enrichment/timestamps.ts'
import { normalizeShape } from './normalize-shape.ts'
import { keyOf, maxDepth, removeProtoKeys, validateShape } from './validate-event.ts'

const times = ['originalTimestamp', 'sentAt', 'timestamp'] as const

/** The times that an event had before its transforms. */
export type SentTimes = Readonly<Pick<Event, (typeof times)[number] | 'receivedAt'>>

/** An event as a transform left it, made fit to be stored; or why that cannot be. */
export type TransformedEvent = { readonly event: Event; readonly text: string } | { readonly problem: string }

/** Gives the times of an event, which the object itself may lose in a transform. */
export const timesOf = ({ originalTimestamp, sentAt, timestamp, receivedAt }: Event): SentTimes =>
  ({ originalTimestamp, sentAt, timestamp, receivedAt }) as SentTimes

/**
 * Makes what every stored event is of what a transform returned: ids as text, a context, times as RFC 3339. A time that is
 * missing or cannot be read is what it was before; what it was set to is kept as for events that arrive (see `enrich`).
 *
 * @param returned its JSON
 * @param sent the times before the transforms
 * @param window what `timestamp` may be
 * @returns an object of its own, which no transform holds
 */
export function normalizeTransformed(returned: string, sent: SentTimes, window: TimeWindow): TransformedEvent {
  const event = JSON.parse(returned) as Event
  normalizeShape(event)
  const fault = validateShape(event)
  if (fault !== undefined) return problemOf(fault.reason)
  if (!removeProtoKeys(event, maxDepth))
    return { problem: `a transform returned an event deeper than ${maxDepth} levels` }
  trimId(event, 'anonymousId')
  trimId(event, 'userId')
  if (keyOf(event) === '') return problemOf('it has neither an anonymousId nor a userId')
  const context = isRecord(event.context) ? event.context : (event.context = {})
  for (const field of times) {
    const time = parseTimestamp(event[field])
    if (time === undefined) keepInvalid(context, event, field)
    event[field] = time ?? (sent[field] as string)
  }
  const { timestamp } = event as { timestamp: string }
  event.timestamp = clampTimestamp(timestamp, window)
  if (event.timestamp !== timestamp) context['unclampedTimestamp'] = timestamp
  event.receivedAt = parseTimestamp(event.receivedAt) ?? (sent.receivedAt as string)
  return { event, text: JSON.stringify(event) }
}

const problemOf = (reason: string) => ({ problem: `a transform returned an event that is not valid: ${reason}` })
