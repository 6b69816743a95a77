import { isRecord } from '../core/json.ts'
import type { ReverseOperation } from '../core/envelope.ts'

/** Characters of JSON that a patch may have: it travels with its event. */
const mostUnits = 4_000

/**
 * Says how to make of an event again what it was before.
 *
 * @param before the event as it was
 * @param after the event as it is
 * @returns a JSON Patch (RFC 6902) from `after` to `before`, whose operations are about members of objects; a list that is not
 *   the same is replaced as a whole. Undefined where that would be too long.
 */
export function reversePatch(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): readonly ReverseOperation[] | undefined {
  const patch: ReverseOperation[] = []
  let units = 0
  const push = (one: ReverseOperation) => {
    units += JSON.stringify(one).length
    patch.push(one)
  }
  const compare = (was: Readonly<Record<string, unknown>>, is: Readonly<Record<string, unknown>>, place: string) => {
    for (const name of new Set([...Object.keys(was), ...Object.keys(is)])) {
      if (units > mostUnits) return
      const path = `${place}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
      const [wasThere, isThere] = [Object.hasOwn(was, name), Object.hasOwn(is, name)]
      const [value, now] = [was[name], is[name]]
      if (!wasThere) push({ op: 'remove', path })
      else if (!isThere) push({ op: 'add', path, value })
      else if (isRecord(value) && isRecord(now)) compare(value, now, path)
      else if (JSON.stringify(value) !== JSON.stringify(now)) push({ op: 'replace', path, value })
    }
  }
  compare(before, after, '')
  return units > mostUnits ? undefined : patch
}
