import { defaultUserCodeMs } from '../core/deadline.ts'
import type { Config } from '../core/config.ts'
import type { ResolvedConfig, Target } from '../core/resolved-config.ts'
import type { Problems } from './problems.ts'

/** Fills in the default of every limit that the config leaves out. */
export function resolveLimits({ limits: given = {}, stream }: Config, problems: Problems): ResolvedConfig['limits'] {
  const limits = {
    bodyBytes: given.bodyBytes ?? 4_096_000,
    eventBytes: given.eventBytes ?? 32_768,
    batchEvents: given.batchEvents ?? 5_000,
    deadLetterDays: given.deadLetterDays ?? 30,
    pastDays: given.pastDays ?? 3_650,
    futureMinutes: given.futureMinutes ?? 60,
    appendMs: given.appendMs ?? 2_000,
    userCodeMs: given.userCodeMs ?? defaultUserCodeMs,
    suspended: given.suspended ?? 'wait',
  }
  const { eventBytesLimit } = stream
  if (limits.eventBytes > eventBytesLimit)
    problems.push(`limits.eventBytes: must be at most ${eventBytesLimit} with this stream`)
  return limits
}

/** Objects that the start, each sweep and health may ask: more would not answer in time. */
const mostObjects = 512

/** Says that a config has more partitions and lanes than can be looked after. */
export function checkSize({ stream }: Config, targets: ReadonlyMap<string, Target>, problems: Problems): void {
  const { partitions } = stream
  const perPartition = targets.size + (stream.log === undefined ? 0 : 1)
  const objects = partitions * perPartition
  if (objects <= mostObjects) return
  problems.push(
    `stream: ${partitions} partitions and a lane in each for ${targets.size} destinations and warehouses are ${objects} objects, and each minute all of them are woken: at most ${mostObjects} can be. Lower "partitions" to ${Math.floor(mostObjects / perPartition)}`,
  )
}

/** Fills in where the routes of events and the browser SDKs are. */
export function resolvePaths({ paths: given = {} }: Config, problems: Problems): ResolvedConfig['paths'] {
  const paths = { ingest: given.ingest ?? '', sdk: given.sdk ?? '/sdk', beacon: given.beacon ?? '/beacon' }
  for (const [name, path] of Object.entries(paths))
    if (!(name === 'ingest' && path === '') && !/^(\/[A-Za-z0-9_-]+)+$/.test(path))
      problems.push(`paths.${name}: must look like "/e" or "/collect/e", with letters, digits, "_" and "-"`)
  if (paths.ingest === paths.sdk) problems.push('paths: "ingest" and "sdk" must differ')
  for (const taken of ['/admin', '/demo', '/health'])
    if ([paths.ingest, paths.sdk].some((path) => path === taken || path.startsWith(`${taken}/`)))
      problems.push(`paths: ${taken} is taken`)
  if (paths.beacon !== '/beacon') problems.push(...beaconProblems(paths).map((one) => `paths.beacon: ${one}`))
  return paths
}

/** What routes of events begin with. */
const routes = ['/v1', '/pixel', '/sourceConfig', '/analytics.js', '/health', '/version', '/admin', '/demo']

function beaconProblems({ ingest, sdk, beacon }: ResolvedConfig['paths']): string[] {
  const whole = `${ingest}${beacon}`
  const taken = [...routes, ...(whole === sdk || whole.startsWith(`${sdk}/`) ? [beacon] : [])].find(
    (path) => beacon === path || beacon.startsWith(`${path}/`),
  )
  return [
    ...(taken === undefined ? [] : [`${taken} is taken`]),
    ...(sdk === '/sdk' ? ['needs a "sdk" of its own, such as "/s": the script under /sdk sends to /beacon'] : []),
  ]
}
