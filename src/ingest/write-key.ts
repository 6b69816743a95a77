import { SluicewayError } from '../core/errors.ts'
import type { Source, ResolvedConfig } from '../core/resolved-config.ts'

/**
 * Reads the write key of a request: the user of Basic auth, whatever the password.
 *
 * @returns the key; '' when there is an Authorization header without one; undefined when there is no such header
 */
export function writeKeyOf(request: Request): string | undefined {
  const header = request.headers.get('authorization')
  if (header === null) return undefined
  if (header.slice(0, 6).toLowerCase() !== 'basic ') return ''
  try {
    return atob(header.slice(6).trim()).split(':', 1)[0] ?? ''
  } catch {
    return ''
  }
}

/** Reads the write key from the query parameter `writeKey`. */
export function queryKeyOf(request: Request): string | undefined {
  return new URL(request.url).searchParams.get('writeKey') ?? undefined
}

/**
 * Finds the source that a write key belongs to.
 *
 * @param keyIn where the route expects the key, for the message when there is none
 * @throws {SluicewayError} write_key_missing, write_key_invalid, source_disabled
 */
export function sourceOf(
  writeKey: string | undefined,
  { sourcesByKey }: ResolvedConfig,
  keyIn: 'header' | 'query' = 'header',
): Source {
  if (writeKey === undefined || writeKey === '')
    throw new SluicewayError(
      'write_key_missing',
      `failed to read writekey from ${keyIn === 'query' ? 'query params' : 'header'}`,
    )
  const source = sourcesByKey.get(writeKey)
  if (source === undefined) throw new SluicewayError('write_key_invalid', 'invalid write key')
  if (!source.enabled) throw new SluicewayError('source_disabled', 'source is disabled')
  return source
}
