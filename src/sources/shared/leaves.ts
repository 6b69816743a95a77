import { isRecord } from '../../core/json.ts'

/** Characters of all paths together that are made at most; an event with more would be too large to be stored anyway. */
const mostPathText = 1_000_000

/**
 * Makes a payload flat: every value that is neither object nor array under its path, as `alert.userIds[0]`. Null is left out.
 *
 * Throws when the paths are longer than a million characters, all of them together.
 */
export function flatten(payload: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const leaves: [path: string, value: unknown][] = []
  let length = 0
  const visit = (value: unknown, path: string): void => {
    length += path.length
    if (length > mostPathText) throw new TypeError('The call has too many fields')
    if (Array.isArray(value)) value.forEach((one, index) => visit(one, `${path}[${index}]`))
    else if (isRecord(value)) for (const [name, one] of Object.entries(value)) visit(one, `${path}.${name}`)
    else if (value !== null && value !== undefined) leaves.push([path, value])
  }
  for (const [name, value] of Object.entries(payload)) visit(value, name)
  return Object.fromEntries(leaves)
}
