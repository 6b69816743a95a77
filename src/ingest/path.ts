import { getPath } from 'hono/utils/url'
import type { AppContext } from '../core/app-context.ts'

/** What is told without a prefix as well. */
const always = new Set(['/', '/health', '/version', '/robots.txt'])

/**
 * Gives the path by which the routes of events know a request: without the prefix that the config's `paths.ingest` puts
 * before them. Where there is a prefix, they are nowhere else.
 *
 * Two slashes at the beginning count as one: some mobile SDKs join their URLs like that.
 */
export function pathIn(request: Request, options?: { readonly env?: AppContext }): string {
  const raw = getPath(request)
  const path = raw.startsWith('//') ? raw.slice(1) : raw
  const { ingest: prefix, beacon } = options?.env?.resolved.paths ?? none
  if (always.has(path)) return path
  if (prefix === '') return withKnownBeacon(path, beacon)
  if (!path.startsWith(`${prefix}/`)) return `\0${path}`
  const rest = path.slice(prefix.length)
  return withKnownBeacon(rest.startsWith('//') ? rest.slice(1) : rest, beacon)
}

const none = { ingest: '', beacon: '/beacon' }

/** The second name of `/beacon` leads to the same routes. */
const withKnownBeacon = (path: string, beacon: string): string =>
  path.startsWith(`${beacon}/`) ? `/beacon${path.slice(beacon.length)}` : path
