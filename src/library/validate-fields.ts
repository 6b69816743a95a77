import door from './core.cjs'
import { isObject, type Json } from './json.ts'

/** The part of JSON Schema that the library makes of the fields of an action. */
export interface Schema {
  readonly type?: string | readonly string[]
  readonly format?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly not?: Schema
  readonly anyOf?: readonly Schema[]
  readonly allOf?: readonly Schema[]
  readonly if?: Schema
  readonly then?: Schema
  readonly items?: Schema
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean
  readonly properties?: Readonly<Record<string, Schema>>
}

const isOf: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  number: (value) => typeof value === 'number' && Number.isFinite(value),
  integer: (value) => Number.isInteger(value),
  null: (value) => value === null,
  array: (value) => Array.isArray(value),
  object: isObject,
}

const isNumeral = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && !isNaN(Number(value))
const isScalar = (value: unknown) => ['string', 'number', 'boolean'].includes(typeof value)

/** What becomes of a value that has another type; undefined where nothing can. */
const coerced: Readonly<Record<string, (value: unknown) => unknown>> = {
  string: (value) => {
    if (value === null) return ''
    return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
  },
  number: (value) => (typeof value === 'boolean' || value === null || isNumeral(value) ? Number(value) : undefined),
  integer: (value) => {
    // Ajv takes "Infinity", too: its rest is no number.
    const isOne = typeof value === 'boolean' || value === null || (isNumeral(value) && !(Number(value) % 1))
    return isOne ? Number(value) : undefined
  },
  boolean: (value) => {
    if (value === 'false' || value === 0 || value === null) return false
    return value === 'true' || value === 1 ? true : undefined
  },
  null: (value) => (value === '' || value === 0 || value === false ? null : undefined),
  array: (value) => (value === null || isScalar(value) ? [value] : undefined),
}

/**
 * Validates data as the library does it with Ajv (`coerceTypes: 'array'`, `removeAdditional`, all errors), without `eval`, which
 * a Worker does not have.
 *
 * @param schema what `fieldsToJsonSchema` of the library gives
 * @param data is changed: types are coerced, and unknown members removed where the schema says so
 * @returns what is wrong; empty when all is well
 */
export function validateFields(schema: Schema, data: unknown): string[] {
  if (!isObject(data)) return ['the payload must be an object']
  const errors: string[] = []
  // Ajv never coerces the root: within an object it has a parent that does not change.
  check(schema, { in: { root: data }, key: 'root', path: '' }, errors)
  return errors
}

/** A value, by where it is. */
interface Place {
  readonly in: Json | unknown[]
  readonly key: string | number
  readonly path: string
}

const valueAt = ({ in: parent, key }: Place): unknown => (parent as Json)[key]

function check(schema: Schema, place: Place, errors: string[]): void {
  const fail = (what: string) => errors.push(`${place.path === '' ? 'the payload' : place.path} ${what}`)
  if (schema.type !== undefined && !coerceType([schema.type].flat() as string[], place)) {
    fail(`must be ${[schema.type].flat().join(' or ')}`)
    return
  }
  const value = valueAt(place)
  for (const problem of boundProblems(schema, value)) fail(problem)
  if (schema.format !== undefined && !hasFormat(schema.format, value)) fail(`must be a valid ${schema.format}`)
  if (schema.const !== undefined && !isSame(value, schema.const)) fail(`must be ${JSON.stringify(schema.const)}`)
  if (schema.enum !== undefined && !schema.enum.some((one) => isSame(value, one)))
    fail(`must be one of ${schema.enum.join(', ')}`)
  checkCombined(schema, place, errors)
  checkMembers(schema, place, errors)
}

function checkCombined(schema: Schema, place: Place, errors: string[]): void {
  const passes = (sub: Schema): boolean => {
    const found: string[] = []
    check(sub, place, found)
    return found.length === 0
  }
  const subject = place.path === '' ? 'the payload' : place.path
  if (schema.not !== undefined && passes(schema.not)) errors.push(`${subject} must not be as it is`)
  if (schema.anyOf !== undefined && !schema.anyOf.some(passes)) errors.push(`${subject} has none of the forms allowed`)
  for (const sub of schema.allOf ?? []) check(sub, place, errors)
  if (schema.if !== undefined && schema.then !== undefined && passes(schema.if)) check(schema.then, place, errors)
}

function checkMembers(schema: Schema, place: Place, errors: string[]): void {
  const value = valueAt(place)
  const { items, required = [], properties = {} } = schema
  if (Array.isArray(value) && items !== undefined)
    for (const key of value.keys()) check(items, { in: value, key, path: `${place.path}[${key}]` }, errors)
  if (!isObject(value)) return
  const at = place.path === '' ? '' : `${place.path}.`
  for (const name of required) if (value[name] === undefined) errors.push(`${at}${name} is missing`)
  if (schema.additionalProperties === false)
    for (const name of Object.keys(value)) if (!Object.hasOwn(properties, name)) delete value[name]
  for (const [name, sub] of Object.entries(properties))
    if (value[name] !== undefined) check(sub, { in: value, key: name, path: `${at}${name}` }, errors)
}

function coerceType(types: readonly string[], place: Place): boolean {
  const value = valueAt(place)
  if (types.some((type) => isOf[type]?.(value))) return true
  // Nothing becomes an object, also not the only member of a list.
  if (!types.some((type) => type in coerced)) return false
  const isAlone = Array.isArray(value) && value.length === 1
  const from: unknown = isAlone ? value[0] : value
  // Ajv leaves this step out where several types are allowed.
  let to: unknown = isAlone && types.length === 1 && isOf[types[0] as string]?.(from) === true ? from : undefined
  for (const type of types) if (to === undefined) to = coerced[type]?.(from)
  if (to === undefined) return false
  ;(place.in as Json)[place.key] = to
  return true
}

function* boundProblems(schema: Schema, value: unknown): Generator<string> {
  const { minimum, maximum, minLength, maxLength } = schema
  // To Ajv, Infinity is no number that has a bound.
  if (typeof value === 'number' && Number.isFinite(value)) {
    if (minimum !== undefined && value < minimum) yield `must be at least ${minimum}`
    if (maximum !== undefined && value > maximum) yield `must be at most ${maximum}`
  }
  if (typeof value !== 'string' || (minLength === undefined && maxLength === undefined)) return
  const length = Array.from(value).length
  if (minLength !== undefined && length < minLength) yield `must have at least ${minLength} characters`
  if (maxLength !== undefined && length > maxLength) yield `must have at most ${maxLength} characters`
}

function hasFormat(name: string, value: unknown): boolean {
  if (name === 'text' || name === 'password') return true
  if (name === 'date-like') return typeof value !== 'string' || isDateLike(value)
  const format = door.formats[name]
  if (format === undefined) throw new Error(`the library has the unknown format "${name}"`)
  if (format === true) return true
  const { type = 'string', validate } = isPlain(format) ? { validate: format } : format
  if (typeof value !== type) return true
  return validate instanceof RegExp ? validate.test(value as string) : validate(value as never)
}

const isPlain = (format: object): format is RegExp | ((value: string) => boolean) =>
  format instanceof RegExp || typeof format === 'function'

/** The library's own format: a date of any form, or seconds since the epoch. */
const isDateLike = (text: string): boolean =>
  (String(Number(text)) === text ? door.dayjs.unix(Number(text)) : door.dayjs(text)).isValid()

function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b) || Object.keys(a).length !== Object.keys(b).length) return false
  return Object.entries(a).every(([name, value]) => isSame(value, (b as Json)[name]))
}
