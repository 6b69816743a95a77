import { isRecord } from '../../core/json.ts'
import type { Draft } from '../../core/webhook-source.ts'
import { mostDrafts } from '../../configure/define-source.ts'

/** From where in a payload to where in an event; the first source path that has a value, to each of the target paths. */
export type FieldMapping = readonly (readonly [from: string | readonly string[], to: string | readonly string[]])[]

/**
 * Begins an event as all mapped sources do: the library is unknown, the integration is the vendor, and the event is not sent
 * back to where it came from.
 *
 * @param vendor name of the integration, e.g. `Customer.io`
 * @param fields type, event and whatever else is known from the start
 */
export const draftOf = (vendor: string, fields: Draft = {}): Draft => ({
  ...fields,
  context: {
    library: { name: 'unknown', version: 'unknown' },
    integration: { name: vendor },
    ...(isRecord(fields['context']) ? fields['context'] : {}),
  },
  integrations: { [vendor]: false },
})

/**
 * Copies fields of a payload into an event by their dotted paths. Null and undefined are passed over, and a field that
 * already has a value keeps it.
 *
 * @returns `draft`, changed in place
 */
export function mapFields(draft: Draft, payload: unknown, mapping: FieldMapping): Draft {
  for (const [from, to] of mapping) {
    const value = [from].flat().reduce<unknown>((found, path) => found ?? valueAt(payload, path), undefined)
    if (value === undefined || value === null) continue
    for (const path of [to].flat()) if (valueAt(draft, path) === undefined) setAt(draft, path, value)
  }
  return draft
}

/** Reads a dotted path; a number leads into an array. */
export function valueAt(holder: unknown, path: string): unknown {
  let value = holder
  for (const part of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined
    value = (value as Record<string, unknown>)[part]
  }
  return value
}

/** Sets a dotted path, making objects on the way. */
export function setAt(draft: Draft, path: string, value: unknown): void {
  const parts = path.split('.')
  let holder: Record<string, unknown> = draft
  for (const part of parts.slice(0, -1)) {
    const next = Object.hasOwn(holder, part) ? holder[part] : undefined
    holder = isRecord(next) ? next : ((holder[part] = {}) as Record<string, unknown>)
  }
  holder[parts.at(-1) as string] = value
}

/** The payload of a source that takes one JSON object. Throws when it is none. */
export function payloadOf(body: unknown): Record<string, unknown> {
  if (!isRecord(body))
    throw new TypeError(body === undefined ? 'Malformed JSON in request body' : 'The body must be a JSON object')
  return body
}

/** The first value of a query parameter or, for a list, of the list. */
export const firstOf = <T>(values: readonly T[] | undefined): T | undefined => values?.[0]

/** Characters that events may have in common, all of them together; more is no vendor's. */
const mostShared = 16_000_000

/**
 * A list of which each member becomes an event.
 *
 * @param list members
 * @param shared what is written into each of the events
 * @returns the list; throws when it has more than 5,000 members, or `shared` is too large to be written so often
 */
export function eachOf<T>(list: readonly T[], shared: unknown = ''): readonly T[] {
  if (list.length > mostDrafts) throw new RangeError(`The call has more than ${mostDrafts} events`)
  if (list.length > 1 && list.length * JSON.stringify(shared).length > mostShared)
    throw new RangeError('What the events of the call have in common is too large to be written into each of them')
  return list
}

/** The payloads of a source that takes one JSON object or an array of them. Throws when it is neither, or too many. */
export const payloadsOf = (body: unknown): Record<string, unknown>[] =>
  Array.isArray(body) ? eachOf<unknown>(body).map(payloadOf) : [payloadOf(body)]

/** An id as text: a text with something in it, or a number; else undefined. */
export const idOf = (value: unknown): string | undefined =>
  typeof value === 'number' || (typeof value === 'string' && value.trim() !== '') ? String(value) : undefined

/** Copies an object without the fields that say nothing: null, undefined and the empty text. */
export const sayingOf = (fields: unknown): Record<string, unknown> =>
  isRecord(fields)
    ? Object.fromEntries(
        Object.entries(fields).filter(([, value]) => value !== null && value !== undefined && value !== ''),
      )
    : {}
