import { SluicewayError } from '../core/errors.ts'
import type { Source, ResolvedConfig } from '../core/resolved-config.ts'

/** Write keys in the order in which they count; undefined, empty or unknown ones count for nothing. */
export type GivenKeys = readonly (string | undefined)[]

/**
 * Reads the write key of a request: the user of Basic auth, whatever the password.
 *
 * @returns the key; undefined when there is none, as in a header that is meant for a proxy or for another API
 */
export function writeKeyOf(request: Request): string | undefined {
  const header = request.headers.get('authorization')
  if (header === null || header.slice(0, 6).toLowerCase() !== 'basic ') return undefined
  try {
    return atob(header.slice(6).trim()).split(':', 1)[0]
  } catch {
    return undefined
  }
}

/** Reads the write key from the query parameter `writeKey`. */
export function queryKeyOf(request: Request): string | undefined {
  return new URL(request.url).searchParams.get('writeKey') ?? undefined
}

/** Finds the first source that one of the keys names, be it disabled. Blanks around a key are not part of it. */
export function findSource(keys: GivenKeys, { sourcesByKey }: ResolvedConfig): Source | undefined {
  for (const key of keys) {
    const source = key === undefined ? undefined : sourcesByKey.get(key.trim())
    if (source !== undefined) return source
  }
  return undefined
}

/**
 * Finds the source that takes a request: the first that one of its keys names. A key that names none hides no other.
 *
 * @param keyIn where the route expects the key, for the message when there is none
 * @throws {SluicewayError} write_key_missing, write_key_invalid, source_disabled
 */
export function sourceOf(keys: GivenKeys, resolved: ResolvedConfig, keyIn: 'header' | 'query' = 'header'): Source {
  const source = findSource(keys, resolved)
  if (source !== undefined) {
    if (!source.enabled) throw new SluicewayError('source_disabled', 'source is disabled')
    return source
  }
  if (keys.some((key) => key !== undefined && key.trim() !== ''))
    throw new SluicewayError('write_key_invalid', 'invalid write key')
  const where = keyIn === 'query' ? 'query params' : 'header'
  throw new SluicewayError('write_key_missing', `failed to read writekey from ${where}`)
}
