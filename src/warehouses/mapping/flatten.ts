import type { KeyPlan, Place } from './places.ts'
import { OVERWRITTEN, OWN_COLUMN, type RowDraft } from './row.ts'
import { isBlank, isObject } from './types.ts'

const SHALLOW_DEPTH = 3
const VALIDATION_KEY = 'violationErrors'
const NAMELESS = 'the key has no letter or digit of ASCII, so that no column can be named after it'
const SPREAD = 'the traits of a group are a text'

/**
 * Writes each leaf of an object to a column of its own, named after the keys on the way, joined by `_`.
 *
 * Blank values are left out. Objects at JSON paths are stored whole, as text.
 *
 * @param input The object; anything else is ignored.
 * @param place Where the object is in the event.
 * @param into The row.
 * @example flatten(event.context, places.root('track_context_', 'context_', 2), into)
 */
export function flatten(input: unknown, place: Place, into: RowDraft): void {
  if (!isObject(input)) return
  const { rules } = place
  const deep = rules.shallow && place.depth >= SHALLOW_DEPTH
  let plan: KeyPlan | undefined
  // Not Object.keys: V8 reads the values of such a loop without looking for their keys.
  for (const key in input) {
    const value = input[key]
    if (plan === undefined && (key === '0' || key === '1')) {
      const spread = spreadString(input, Object.keys(input))
      if (spread !== undefined) {
        // A string that was spread into an object by mistake.
        if (place.path.endsWith('context_traits_'))
          return storeAt(rules.names.columnsUnder('')('context_traits'), spread, { place, into })
        if (place.path === 'group_traits_') return into.drop({ column: 'traits', value: spread, reason: SPREAD })
      }
    }
    plan = place.plan(key, plan)
    const isLeaf = !isObject(value)
    if (!plan.isJson && !isLeaf && !deep) flatten(value, place.under(plan), into)
    else if (!isBlank(value)) {
      const { name, isOpen } = place.columnOf(plan)
      if (isLeaf && isOpen && !plan.isJson && key !== VALIDATION_KEY) store(name, value, into)
      else storeOdd(value, plan, { place, into, isLeaf })
    }
  }
}

/** Where a value goes. */
interface Odd extends Flattener {
  /** False of an object that is kept as text. */
  readonly isLeaf: boolean
}

/** Stores what is no plain leaf, or has no column. */
function storeOdd(value: unknown, plan: KeyPlan, { place, into, isLeaf }: Odd): void {
  const { name, isOpen } = place.columnOf(plan)
  if (name === '') into.drop({ column: `${place.prefix}${plan.key}`, value, reason: NAMELESS })
  else if (!isOpen) into.drop({ column: name, value, reason: OWN_COLUMN })
  else if (plan.isJson) noteLoss(name, into.putJson(name, JSON.stringify(value)), into)
  else if (plan.key === VALIDATION_KEY) storeValidation(name, value, { place, into, isLeaf })
  else store(name, isLeaf ? value : JSON.stringify(value), into)
}

function store(column: string, value: unknown, into: RowDraft): void {
  noteLoss(column, into.put(column, value), into)
}

function noteLoss(column: string, before: unknown, into: RowDraft): void {
  if (before !== undefined && before !== into.get(column)) into.drop({ column, value: before, reason: OVERWRITTEN })
}

/** What flattening one object works with. */
interface Flattener {
  readonly place: Place
  readonly into: RowDraft
}

function storeAt(column: string, value: unknown, { place, into }: Flattener): void {
  if (!place.rules.ownColumns.has(column.toLowerCase())) store(column, value, into)
}

// What a tracking plan found wrong: JSON where the provider's strings may be JSON.
function storeValidation(column: string, value: unknown, { place, into, isLeaf }: Odd): void {
  const stored = isLeaf ? value : JSON.stringify(value)
  store(column, stored, into)
  if (into.typeOf(column) !== 'string' || place.rules.provider.textual !== 'string-or-json') return
  into.set(column, typeof value === 'string' ? JSON.stringify(value) : stored, 'json')
}

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
