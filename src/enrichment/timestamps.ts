/** RFC 3339 with milliseconds, UTC, and surely a real date (days 29 to 31 take the longer way). */
const canonical = /^[12]\d{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/

const firstMs = Date.UTC(1000, 0)
const lastMs = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

/** Milliseconds since the epoch as RFC 3339 text; undefined outside the years 1000 to 9999. */
export const toIsoTimestamp = (ms: number): string | undefined =>
  ms >= firstMs && ms <= lastMs ? new Date(ms).toISOString() : undefined

/**
 * Reads a point in time as loosely as `Date.parse`; numbers are seconds or, from 10¹¹ on, milliseconds since the epoch.
 *
 * @returns RFC 3339 text with milliseconds, UTC, or undefined when it cannot be read
 */
export function parseTimestamp(value: unknown): string | undefined {
  if (typeof value === 'string') return canonical.test(value) ? value : toIsoTimestamp(Date.parse(value))
  if (typeof value === 'number') return toIsoTimestamp(Math.abs(value) < 1e11 ? value * 1000 : value)
  return undefined
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
