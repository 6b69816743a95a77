import type { ColumnType as ScalarColumnType } from '../../core/warehouse.ts'
import type { Provider } from './providers.ts'

/** The types of columns. `text` is a string of more than 512 UTF-16 units (Redshift), `array(…)` is ClickHouse only. */
export type MappedColumnType = ScalarColumnType | `array(${string})`

/** What decides the type of a value, apart from the value. */
export interface Typing {
  readonly provider: Provider
  /** Whether arrays become `array(…)` columns, where the provider has them. */
  readonly arrays: boolean
}

const LONGEST_STRING = 512

const EARLIEST = Date.parse('0001-01-01T00:00:00.000Z')
const LATEST = Date.parse('9999-12-31T23:59:59.999Z')

// Signed years are left out: they are not timestamps, although V8 reads `-2026-01-01` as the year 2026.
const DATE = String.raw`\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])`
const HOUR_MINUTE = String.raw`(?:[01]\d|2[0-3]):[0-5]\d(?::\d+)?`
const SECOND = String.raw`:[0-5]\d(?:\.\d+)?`
const ZONE = String.raw`[Zz]|[+-](?:[01]\d|2[0-3]):?(?:[0-5]\d)?`
const TIMESTAMP = new RegExp(`^${DATE}(?:[T\\s](?:${HOUR_MINUTE})?(?:${SECOND})?(${ZONE})?)?$`)
const DATE_LENGTH = 10
const ISO_FORM = '0000-00-00T00:00:00.000Z'
const ISO_LENGTH = ISO_FORM.length
/** Days that a month, from 1 on, has in every year. */
const DAYS = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
const DIGIT_0 = 48
const DIGIT_9 = 57
const HYPHEN = 45

/**
 * Tells whether a value has nothing in it.
 *
 * Nothing are `undefined`, `null`, `""` and arrays of at most one element that is nothing; `0`, `false`, `"  "` and every
 * object are something.
 *
 * @param value Anything that JSON can hold.
 * @returns `true` when the value is to be left out of a row.
 * @example isBlank([null]) // true
 */
export function isBlank(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true
  return Array.isArray(value) && (value.length === 0 || (value.length === 1 && isBlank(value[0])))
}

/** Narrows to an object with keys: not `null`, not an array. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Reads a timestamp.
 *
 * The text is `YYYY-MM-DD`, alone or with a time of day after `T` or one white space; a time of day without a zone is UTC.
 * The years are 1 to 9999.
 *
 * @param text Any string; most are refused after a look at one character.
 * @returns The instant as `YYYY-MM-DDTHH:MM:SS.sssZ`, or `undefined` when the text is not a timestamp.
 * @example toTimestamp('2026-11-22 10:00') // '2026-11-22T10:00:00.000Z'
 */
export function toTimestamp(text: string): string | undefined {
  if (text.length < DATE_LENGTH || text.charCodeAt(4) !== HYPHEN || text.charCodeAt(7) !== HYPHEN) return undefined
  if (isIsoText(text)) return text
  const match = TIMESTAMP.exec(text)
  if (match === null) return undefined
  const local = text.length > DATE_LENGTH && match[1] === undefined
  const date = new Date(local ? `${text}Z` : text)
  const time = date.getTime()
  // NaN fails both comparisons.
  return time >= EARLIEST && time <= LATEST ? date.toISOString() : undefined
}

/**
 * Whether a text is what `toISOString` writes, read by its characters: an event has five of them or more. 29 February is
 * left to `Date`, and so is the year 0.
 */
function isIsoText(text: string): boolean {
  if (text.length !== ISO_LENGTH) return false
  for (let i = 0; i < ISO_LENGTH; i++) {
    const unit = text.charCodeAt(i)
    const wanted = ISO_FORM.charCodeAt(i)
    if (wanted === DIGIT_0 ? unit < DIGIT_0 || unit > DIGIT_9 : unit !== wanted) return false
  }
  const month = twoDigits(text, 5)
  const day = twoDigits(text, 8)
  return (
    month >= 1 &&
    month <= 12 &&
    day >= 1 &&
    day <= (DAYS[month] ?? 0) &&
    twoDigits(text, 11) < 24 &&
    twoDigits(text, 14) < 60 &&
    twoDigits(text, 17) < 60 &&
    twoDigits(text, 0) + twoDigits(text, 2) > 0
  )
}

// Not inside the function that calls it: in the bundle, each function that is made is given its name by a call.
const twoDigits = (text: string, at: number): number =>
  (text.charCodeAt(at) - DIGIT_0) * 10 + text.charCodeAt(at + 1) - DIGIT_0

/**
 * Finds the type of the column that a value is to be stored in.
 *
 * @param value What is stored. A number is `int` when it has no fraction, however large; an object is a string.
 * @param typing The provider, and whether it has arrays.
 * @returns The type; `datetime` when the value is a string that `toTimestamp` reads.
 * @example typeOf(49.5, typing) // 'float'
 */
export function typeOf(value: unknown, typing: Typing): MappedColumnType {
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float'
  if (typeof value === 'boolean') return 'boolean'
  if (typeof value === 'string' && toTimestamp(value) !== undefined) return 'datetime'
  return textualTypeOf(value, typing)
}

/** The type of a value that is known to be neither a number, a boolean nor a timestamp. */
export function textualTypeOf(value: unknown, typing: Typing): MappedColumnType {
  switch (typing.provider.textual) {
    case 'string-or-text':
      return textLength(value) > LONGEST_STRING ? 'text' : 'string'
    case 'string-or-array':
      return typing.arrays && Array.isArray(value) ? arrayTypeOf(value, typing) : 'string'
    default:
      return 'string'
  }
}

/** Whether the provider has a type for JSON text. */
export function hasJson(provider: Provider): boolean {
  return provider.textual === 'string-or-json' || provider.textual === 'string-or-text'
}

function textLength(value: unknown): number {
  if (typeof value === 'string') return value.length
  return Array.isArray(value) ? JSON.stringify(value).length : 0
}

function arrayTypeOf(values: readonly unknown[], typing: Typing): MappedColumnType {
  if (values.length === 0) return 'string'
  let type = elementTypeOf(values[0], typing)
  for (const value of values) {
    const next = elementTypeOf(value, typing)
    if (next === type) continue
    if (!isNumeric(next) || !isNumeric(type)) return 'array(string)'
    type = 'float'
  }
  return `array(${type})`
}

const elementTypeOf = (value: unknown, typing: Typing): MappedColumnType =>
  Array.isArray(value) ? 'string' : typeOf(value, typing)

const isNumeric = (type: MappedColumnType): boolean => type === 'int' || type === 'float'
