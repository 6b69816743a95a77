import type { Event } from '../core/event.ts'
import { type ConnectionAddress, isFromConnection, setEventIps } from './address.ts'
import { clampTimestamp, parseTimestamp, correctClockSkew, type TimeWindow } from './timestamps.ts'
import { isBlank, isRecord, idText } from '../core/json.ts'

/** Where a request came from, as `context.geo` holds it; members as Cloudflare names them. */
export interface Geo {
  readonly country?: string
  readonly region?: string
  readonly city?: string
  readonly postalCode?: string
  readonly timezone?: string
  readonly latitude?: string
  readonly longitude?: string
  /** Number of the network. */
  readonly asn?: number
  /** Who runs the network. */
  readonly asOrganization?: string
}

/** What all events of one request share. */
export interface Shared {
  /** RFC 3339 with milliseconds, UTC. */
  readonly receivedAt: string
  /** What `timestamp` may be. */
  readonly window: TimeWindow
  readonly address: ConnectionAddress
  readonly geo?: Geo | undefined
  /** The fields beside `batch`, for events that lack them. */
  readonly batch?: Readonly<Record<string, unknown>> | undefined
  readonly uuid: () => string
}

/** An event that has a context. */
export type Enriched = Event & { context: Record<string, unknown> }

/**
 * Fills in what an event lacks, in place: ids as text, timestamps, ip, place, and fields of its batch.
 *
 * `timestamp` is kept when it can be read. Else it is the event's own clock corrected by the server's:
 * receivedAt − (sentAt − originalTimestamp), or receivedAt when the event does not say when it happened. What lies outside
 * the window is moved to its border, and what it was is in `context.unclampedTimestamp`. What the event has for a time and
 * cannot be read as one is in `context.invalidTimestamp`, `invalidOriginalTimestamp` or `invalidSentAt`.
 *
 * @param event an event without faults
 * @param shared what the request knows
 */
export function enrich(event: Record<string, unknown>, shared: Shared): asserts event is Enriched {
  const { receivedAt, address, batch } = shared
  event['messageId'] = messageIdOf(event) || shared.uuid()
  trimId(event, 'anonymousId')
  trimId(event, 'userId')

  const sentAt = parseTimestamp(event['sentAt'] ?? batch?.['sentAt'])
  let happenedAt = parseTimestamp(event['originalTimestamp'])
  let timestamp = parseTimestamp(event['timestamp'])
  const context = contextOf(event, batch)
  if (sentAt === undefined) keepInvalid(context, event, 'sentAt')
  if (happenedAt === undefined) keepInvalid(context, event, 'originalTimestamp')
  if (timestamp === undefined) keepInvalid(context, event, 'timestamp')
  if (batch !== undefined && happenedAt === undefined && timestamp === undefined) {
    happenedAt = parseTimestamp(batch['originalTimestamp'])
    timestamp = parseTimestamp(batch['timestamp'])
  }
  event['sentAt'] = sentAt ?? receivedAt
  event['originalTimestamp'] = happenedAt ?? receivedAt
  const time =
    timestamp ??
    (happenedAt === undefined ? receivedAt : correctClockSkew(receivedAt, sentAt ?? receivedAt, happenedAt))
  const believed = clampTimestamp(time, shared.window)
  event['timestamp'] = believed
  event['receivedAt'] = receivedAt
  if (believed !== time) context['unclampedTimestamp'] = time
  if (shared.geo !== undefined && context['geo'] === undefined && isFromConnection(context, address))
    context['geo'] = { ...shared.geo }
  setEventIps(event, context, address)
}

/** Where what cannot be read as a time is kept. */
const invalidNames = {
  timestamp: 'invalidTimestamp',
  originalTimestamp: 'invalidOriginalTimestamp',
  sentAt: 'invalidSentAt',
} as const

/** UTF-16 units of it that are kept. */
const longestInvalid = 128

/**
 * Keeps what an event has for a time and cannot be read as one, as text in the context.
 *
 * @param context gets nothing for a time that is missing, null or empty
 */
export function keepInvalid(
  context: Record<string, unknown>,
  event: Readonly<Record<string, unknown>>,
  field: keyof typeof invalidNames,
): void {
  const value = event[field]
  if (isBlank(value)) return
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  context[invalidNames[field]] = text.slice(0, longestInvalid)
}

/** The messageId as the client gave it, without blanks around it and characters that cannot be seen; or nothing. */
export function messageIdOf(event: Readonly<Record<string, unknown>>): string {
  const id = event['messageId']
  if (typeof id !== 'string') return ''
  return (/[^\x20-\x7e]/.test(id) ? id.replace(/\p{C}/gu, '') : id).trim()
}

/** Makes text without blanks around it of an id; null is no id. */
export function trimId(event: Record<string, unknown>, field: 'anonymousId' | 'userId'): void {
  const id = event[field]
  if (id === undefined) return
  event[field] = id === null ? undefined : idText(id)
}

function contextOf(event: Record<string, unknown>, batch: Shared['batch']): Record<string, unknown> {
  const own = event['context'] as Record<string, unknown> | null | undefined
  const common = batch?.['context']
  const context = isRecord(common) ? { ...common, ...own } : (own ?? {})
  if (context !== own) event['context'] = context
  return context
}
