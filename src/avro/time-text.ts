/** RFC 3339, with up to nine digits of a second; the zone may be left out where there is none. */
const pattern = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?$/i
const clock = /^(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?$/
const day = 86_400_000

/** Units of a second: thousandths, millionths, billionths. */
export type SecondDigits = 3 | 6 | 9

/**
 * Reads a point in time.
 *
 * @param text RFC 3339 with a zone, or without one for a local time
 * @param digits of a second that the result counts; more digits of the text are cut
 * @param isLocal whether the text must have no zone
 * @returns units since the epoch, or undefined when it is no such time
 */
export function readTimestamp(text: string, digits: SecondDigits, isLocal: boolean): number | bigint | undefined {
  const [match, year, month, date, hour, minute, second = '00', fraction = '', zone] = pattern.exec(text) ?? []
  if (match === undefined || isLocal !== (zone === undefined)) return undefined
  const offset = zone === undefined || /^z$/i.test(zone) ? 'Z' : `${zone.slice(0, 3)}:${zone.slice(-2)}`
  const plain = `${year}-${month}-${date}T${hour}:${minute}:${second}`
  const seconds = Date.parse(plain + offset) / 1000
  // A date such as February 30 is taken for March 2.
  if (Number.isNaN(seconds) || new Date(`${plain}Z`).toISOString().slice(0, 19) !== plain) return undefined
  const units = BigInt(seconds) * 10n ** BigInt(digits) + BigInt(fraction.padEnd(9, '0').slice(0, digits))
  return Number.isSafeInteger(Number(units)) ? Number(units) : units
}

/**
 * Writes a point in time.
 *
 * @returns RFC 3339 in UTC, without a zone for a local time; undefined outside of the years 0 to 9999
 */
export function writeTimestamp(units: number | bigint, digits: SecondDigits, isLocal: boolean): string | undefined {
  const scale = 10n ** BigInt(digits)
  const all = BigInt(units)
  const seconds = all >= 0n ? all / scale : -((-all + scale - 1n) / scale)
  const millis = Number(seconds) * 1000
  if (millis < -62_167_219_200_000 || millis > 253_402_300_799_000) return undefined
  const fraction = String(all - seconds * scale).padStart(digits, '0')
  return `${new Date(millis).toISOString().slice(0, 19)}.${fraction}${isLocal ? '' : 'Z'}`
}

/** Reads a date, as `2026-11-28`. Returns days since the epoch, or undefined. */
export function readDate(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return undefined
  const millis = Date.parse(`${text}T00:00:00Z`)
  return Number.isNaN(millis) || new Date(millis).toISOString().slice(0, 10) !== text ? undefined : millis / day
}

/** Writes days since the epoch as a date; undefined outside of the years 0 to 9999. */
export const writeDate = (days: number): string | undefined => writeTimestamp(days * day, 3, true)?.slice(0, 10)

/** Reads a time of day, as `17:45:30.5`. Returns units since midnight, or undefined. */
export function readClock(text: string, digits: 3 | 6): number | undefined {
  const [match, hour, minute, second = '0', fraction = ''] = clock.exec(text) ?? []
  if (match === undefined || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined
  const seconds = Number(hour) * 3600 + Number(minute) * 60 + Number(second)
  return seconds * 10 ** digits + Number(fraction.padEnd(9, '0').slice(0, digits))
}

/** Writes units since midnight as a time of day; undefined when they are no time of one day. */
export function writeClock(units: number | bigint, digits: 3 | 6): string | undefined {
  const perDay = 86_400 * 10 ** digits
  if (units < 0 || units >= perDay) return undefined
  return writeTimestamp(units, digits, true)?.slice(11)
}
