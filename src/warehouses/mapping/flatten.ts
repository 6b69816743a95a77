import type { JsonPaths } from './json-paths.ts'
import type { NameWriter } from './names.ts'
import type { RowDraft } from './row.ts'
import { isBlank, isObject } from './types.ts'
import type { Provider } from './providers.ts'

/** What holds for everything that one event is flattened from. */
export interface FlattenRules {
  readonly provider: Provider
  readonly names: NameWriter
  readonly paths: JsonPaths | undefined
  /** Whether the legacy paths count too: tracks only. */
  readonly legacyPaths: boolean
  /** Columns that only we fill, in lower case; keys that would become them are left out. */
  readonly ownColumns: ReadonlySet<string>
  /** Whether objects below the third level become JSON text: cloud sources only. */
  readonly shallow: boolean
}

/** Where in the event an object is. */
export interface FlattenPlace {
  /** In front of the column's raw name: `context_`. */
  readonly prefix: string
  /** In front of the key's path from the root: `track_context_`. */
  readonly path: string
  /** How deep keys of this object are below the root. */
  readonly pathDepth: number
  /** How deep keys of this object are below the object that flattening began with. */
  readonly depth: number
}

const SHALLOW_DEPTH = 3
const VALIDATION_KEY = 'violationErrors'
const NAMELESS = 'the key has no letter or digit of ASCII, so that no column can be named after it'
const OVERWRITTEN = 'another key of the event has the same column, and the last one wins'

/** Flattens objects into the columns of one row. */
export interface Flattener {
  readonly rules: FlattenRules
  readonly into: RowDraft
}

/**
 * Writes each leaf of an object to a column of its own, named after the keys on the way, joined by `_`.
 *
 * Blank values are left out. Objects at JSON paths are stored whole, as text.
 *
 * @param input The object; anything else is ignored.
 * @param place Where the object is in the event.
 * @param flattener The row, and the rules.
 * @example flatten(event.context, { prefix: 'context_', path: 'track_context_', pathDepth: 2, depth: 0 }, { rules, into })
 */
export function flatten(input: unknown, place: FlattenPlace, flattener: Flattener): void {
  if (!isObject(input)) return
  const { rules } = flattener
  const keys = Object.keys(input)
  const spread = spreadString(input, keys)
  if (spread !== undefined) {
    // A string that was spread into an object by mistake.
    if (place.path.endsWith('context_traits_'))
      return store(rules.names.columnsUnder('')('context_traits'), spread, flattener)
    if (place.path === 'group_traits_') return
  }
  const columnOf = rules.names.columnsUnder(place.prefix)
  const deep = rules.shallow && place.depth >= SHALLOW_DEPTH
  for (const key of keys) {
    const value = input[key]
    if (rules.paths !== undefined && isJsonPath(key, place, rules)) {
      if (!isBlank(value)) storeJson(columnOf(key), value, flattener)
    } else if (!isObject(value)) {
      if (isBlank(value)) continue
      if (key === VALIDATION_KEY) storeValidation(columnOf(key), value, flattener)
      else {
        const column = columnOf(key)
        if (column === '') flattener.into.drop({ column: `${place.prefix}${key}`, value, reason: NAMELESS })
        else store(column, value, flattener)
      }
    } else if (deep) store(columnOf(key), JSON.stringify(value), flattener)
    else {
      const path = `${place.path}${key}_`
      const prefix = `${place.prefix}${key}_`
      flatten(value, { prefix, path, pathDepth: place.pathDepth + 1, depth: place.depth + 1 }, flattener)
    }
  }
}

function isJsonPath(key: string, place: FlattenPlace, rules: FlattenRules): boolean {
  if (rules.paths?.rooted.get(place.path + key) === place.pathDepth) return true
  return rules.legacyPaths && rules.paths?.legacy.get(place.prefix + key) === place.depth
}

function store(column: string, value: unknown, { rules, into }: Flattener): void {
  if (!isOpen(column, rules)) return
  const before = into.put(column, value)
  if (before !== undefined && before !== into.get(column)) into.drop({ column, value: before, reason: OVERWRITTEN })
}

function storeJson(column: string, value: unknown, { rules, into }: Flattener): void {
  if (isOpen(column, rules)) into.putJson(column, JSON.stringify(value))
}

// What a tracking plan found wrong: JSON where the provider's strings may be JSON.
function storeValidation(column: string, value: unknown, { rules, into }: Flattener): void {
  if (!isOpen(column, rules)) return
  into.put(column, value)
  const textual = into.typeOf(column) === 'string'
  if (textual && rules.provider.textual === 'string-or-json') into.set(column, into.get(column), 'json')
}

/** Whether a property may fill the column. */
const isOpen = (column: string, { provider, ownColumns }: FlattenRules): boolean =>
  column !== '' && !ownColumns.has(provider.upperCase ? column.toLowerCase() : column)

/** The string whose characters an object holds under 0, 1, 2… or 1, 2, 3…, if it is such an object. */
function spreadString(input: Readonly<Record<string, unknown>>, keys: readonly string[]): string | undefined {
  const first = keys[0]
  if (first !== '0' && first !== '1') return undefined
  let text = ''
  let index = Number(first)
  for (const key of keys) {
    const value = input[key]
    if (key !== String(index) || typeof value !== 'string' || value.length !== 1) return undefined
    text += value
    index += 1
  }
  return text
}
