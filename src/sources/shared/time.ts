/**
 * Reads when something happened as vendors write it: seconds since the epoch (milliseconds from 10¹¹ on), as a number or as
 * text with or without decimals, or any date that `Date.parse` reads.
 *
 * @returns RFC 3339 with milliseconds, UTC; undefined when it is no time from 1970 to 9999
 */
export function stampOf(value: unknown): string | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined
  if (value === '') return undefined
  const number = Number(value)
  const ms = Number.isNaN(number) ? Date.parse(String(value)) : Math.abs(number) < 1e11 ? number * 1000 : number
  return ms >= 0 && ms <= lastMs ? new Date(ms).toISOString() : undefined
}

const lastMs = Date.UTC(9999, 11, 31)

/** Reads a time as `toIsoTimestamp` does; a date with a time of day but without an offset is in UTC. */
export const utcStampOf = (value: unknown): string | undefined =>
  stampOf(typeof value === 'string' && withoutOffset.test(value) ? `${value.replace(' ', 'T')}Z` : value)

const withoutOffset = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?$/
