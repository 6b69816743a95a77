import type { Difference } from './dead-letter.ts'
import { isRecord } from './json.ts'

/** Differences that are told. */
const mostDifferences = 200

/**
 * Compares two values of JSON.
 *
 * @returns what differs, in the order of the first, at most 200
 */
export function differencesOf(before: unknown, after: unknown): Difference[] {
  const found: Difference[] = []
  const compare = (one: unknown, other: unknown, path: string): void => {
    if (found.length >= mostDifferences || Object.is(one, other)) return
    const isObject = isRecord(one) && isRecord(other)
    if (!isObject && !(Array.isArray(one) && Array.isArray(other))) {
      found.push({
        path,
        ...(one === undefined ? {} : { before: one }),
        ...(other === undefined ? {} : { after: other }),
      })
      return
    }
    const a = one as Readonly<Record<string, unknown>>
    const b = other as Readonly<Record<string, unknown>>
    for (const name of new Set([...Object.keys(a), ...Object.keys(b)]))
      compare(
        Object.hasOwn(a, name) ? a[name] : undefined,
        Object.hasOwn(b, name) ? b[name] : undefined,
        `${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`,
      )
  }
  compare(before, after, '')
  return found
}
