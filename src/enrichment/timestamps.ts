/** RFC 3339 with milliseconds, UTC, and surely a real date (days 29 to 31 take the longer way). */
const canonical = /^[12]\d{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/

const firstMs = Date.UTC(1000, 0)
const lastMs = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

/** Milliseconds since the epoch as RFC 3339 text; undefined outside the years 1000 to 9999. */
export const toIsoTimestamp = (ms: number): string | undefined =>
  ms >= firstMs && ms <= lastMs ? new Date(ms).toISOString() : undefined

/** UTF-16 units; longer texts are no times. */
const longest = 64
/**
 * RFC 3339 (https://www.rfc-editor.org/rfc/rfc3339#section-5.6), and the forms of ISO 8601 that it leaves out and clients write:
 * without seconds, time of day, offset or separators.
 */
const dateTime =
  /^(\d{4})(-?)(\d\d)\2(\d\d)(?:[t ](\d\d):?(\d\d)(?::?(\d\d)(?:[.,](\d{1,9}))?)?(?: ?(z|utc|gmt|[+-]\d\d(?::?\d\d)?))?)?$/i
/** RFC 822 with the years of RFC 1123 (https://www.rfc-editor.org/rfc/rfc2822#section-4.3 has the old ones). */
const mailDate =
  /^(?:(?:mon|tue|wed|thu|fri|sat|sun), *)?(\d{1,2}) ([a-z]{3}) (\d{4}|\d\d) (\d\d):(\d\d)(?::(\d\d))? (z|utc?|gmt|[ecmp][sd]t|[+-]\d{4})$/i
const months = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ')
const zones: Readonly<Record<string, number>> = {
  est: -5,
  edt: -4,
  cst: -6,
  cdt: -5,
  mst: -7,
  mdt: -6,
  pst: -8,
  pdt: -7,
}
const digits = /^\d{9,19}(?:\.\d{1,9})?$/

/**
 * Reads a point in time: RFC 3339, RFC 822, or time since the epoch.
 *
 * A date without an offset is in UTC, one without a time of day is midnight. What is since the epoch is text or a number, in
 * seconds below 10¹¹, milliseconds below 10¹⁴, microseconds below 10¹⁷, else nanoseconds; fewer than 10⁸ seconds, which is
 * 1973, are no time but some other number. Anything else is no time either, `Date.parse` finds years in `Order 66`.
 *
 * @returns RFC 3339 text with milliseconds, UTC, or undefined when it cannot be read
 */
export function parseTimestamp(value: unknown): string | undefined {
  if (typeof value === 'number') return fromEpoch(value)
  if (typeof value !== 'string') return undefined
  if (canonical.test(value)) return value
  if (value.length > longest) return undefined
  const text = value.trim()
  // Eight digits would be seconds as well as a day; they are neither.
  if (/^\d+(?:\.\d+)?$/.test(text)) return digits.test(text) ? fromEpoch(Number(text)) : undefined
  return fromDateTime(text) ?? fromMailDate(text)
}

function fromEpoch(value: number): string | undefined {
  if (!(value >= 1e8 && value < 1e20)) return undefined
  return toIsoTimestamp(value < 1e11 ? value * 1000 : value < 1e14 ? value : value < 1e17 ? value / 1e3 : value / 1e6)
}

function fromDateTime(text: string): string | undefined {
  const found = dateTime.exec(text)
  if (found === null) return undefined
  const [, year, , month, day, hour = '0', minute = '0', second = '0', fraction = '', zone = 'z'] = found
  const ms = Number(fraction.slice(0, 3).padEnd(3, '0'))
  return fromParts([year, month, day, hour, minute, second].map(Number), { ms, zone })
}

function fromMailDate(text: string): string | undefined {
  const found = mailDate.exec(text)
  if (found === null) return undefined
  const [, day, name = '', written = '', hour, minute, second = '0', zone = 'z'] = found
  const year = written.length === 4 ? Number(written) : Number(written) + (Number(written) < 50 ? 2000 : 1900)
  return fromParts([year, months.indexOf(name.toLowerCase()) + 1, day, hour, minute, second].map(Number), {
    ms: 0,
    zone,
  })
}

/** A second may be 60, as leap seconds are written. */
function fromParts(parts: readonly number[], rest: { readonly ms: number; readonly zone: string }): string | undefined {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts
  const offset = minutesOf(rest.zone.toLowerCase())
  if (offset === undefined || hour > 23 || minute > 59 || second > 60) return undefined
  const midnight = new Date(Date.UTC(year, month - 1, day))
  // A day that there is not lands in another month.
  if (year < 100 || midnight.getUTCMonth() !== month - 1 || midnight.getUTCDate() !== day) return undefined
  return toIsoTimestamp(midnight.getTime() + (((hour * 60 + minute - offset) * 60 + second) * 1000 + rest.ms))
}

/** Minutes by which a zone is ahead of UTC; undefined when there can be no such offset. */
function minutesOf(zone: string): number | undefined {
  if (!/^[+-]/.test(zone)) return 60 * (zones[zone] ?? 0)
  const hours = Number(zone.slice(1, 3))
  const minutes = Number(zone.slice(3).replace(':', ''))
  return hours > 23 || minutes > 59 ? undefined : (zone.startsWith('-') ? -1 : 1) * (60 * hours + minutes)
}

/**
 * Says when an event happened by the server's clock, from two readings of the client's.
 *
 * @param receivedAt when it arrived, by the server's clock
 * @param sentAt when it was sent, by the client's clock
 * @param happenedAt when it happened, by the client's clock
 * @returns receivedAt − (sentAt − happenedAt); receivedAt when that is no date
 */
export const correctClockSkew = (receivedAt: string, sentAt: string, happenedAt: string): string =>
  toIsoTimestamp(Date.parse(receivedAt) - (Date.parse(sentAt) - Date.parse(happenedAt))) ?? receivedAt

/** The first and the last point in time that an event of a request may have, as canonical text. */
export interface TimeWindow {
  readonly earliest: string
  readonly latest: string
}

/**
 * Says what times are believed of events that arrived at `receivedAt`.
 *
 * @param receivedAt canonical text
 * @param limits days before and minutes after it; more than the calendar has means no bound
 */
export function windowOf(
  receivedAt: string,
  { pastDays, futureMinutes }: { readonly pastDays: number; readonly futureMinutes: number },
): TimeWindow {
  const at = Date.parse(receivedAt)
  return {
    earliest: toIsoTimestamp(at - pastDays * 86_400_000) ?? '1000-01-01T00:00:00.000Z',
    latest: toIsoTimestamp(at + futureMinutes * 60_000) ?? '9999-12-31T23:59:59.999Z',
  }
}

/** Moves a time into the window. Canonical texts of the years 1000 to 9999 compare like the times themselves. */
export const clampTimestamp = (time: string, { earliest, latest }: TimeWindow): string =>
  time < earliest ? earliest : time > latest ? latest : time
