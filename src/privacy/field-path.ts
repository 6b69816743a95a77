import { isRecord } from '../core/json.ts'

/** The segments of a dotted path; `*` stands for every member. */
export type FieldPath = readonly string[]

/** Reads a dotted path. */
export const parseFieldPath = (text: string): FieldPath => text.split('.')

/** Says whether a path means the field at `field`, or something that holds it. */
export const coversField = (path: FieldPath, field: FieldPath): boolean =>
  path.length <= field.length && path.every((segment, i) => segment === '*' || segment === field[i])

/**
 * Calls `visit` for every object that has a field at the end of the path, with the names of the fields that are meant. An array
 * on the way is gone through, unless the path has a `*` for its elements.
 *
 * @param value any JSON; only its own members are looked at
 * @param path at least one segment
 * @param visit gets the holder and the keys, all of them its own; for elements of an array, their places
 */
export function eachHolder(
  value: unknown,
  path: FieldPath,
  visit: (holder: Record<string, unknown> | unknown[], keys: readonly string[]) => void,
): void {
  const [segment = '', ...rest] = path
  if (Array.isArray(value) && segment !== '*') {
    for (const one of value) eachHolder(one, path, visit)
    return
  }
  if (!isRecord(value) && !Array.isArray(value)) return
  const keys = segment === '*' ? Object.keys(value) : Object.hasOwn(value, segment) ? [segment] : []
  if (rest.length === 0) visit(value as Record<string, unknown> | unknown[], keys)
  else for (const key of keys) eachHolder((value as Record<string, unknown>)[key], rest, visit)
}
