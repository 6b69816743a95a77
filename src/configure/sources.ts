import type { Config, SourceConfig } from '../core/config.ts'
import type { Enrichment, EnrichmentConfig } from '../core/enrichment.ts'
import type { Source, Target } from '../core/resolved-config.ts'
import type { Problems } from './problems.ts'
import { sourceProblems } from './rule-problems.ts'
import { similarName } from './similar-name.ts'
import { targetNameProblems } from './targets.ts'

/** What can be the user of Basic auth, which ends at a colon, in every client. */
const sendable = /^[!-9;-~]+$/

/** Resolves the sources: their targets by name, and every switch. One without a write key is left out, and is a problem. */
export function resolveSources(
  config: Config,
  targets: ReadonlyMap<string, Target>,
  problems: Problems,
): Map<string, Source> {
  const sources = new Map<string, Source>()
  const nameOfKey = new Map<string, string>()
  for (const [name, given] of Object.entries(config.sources) as [string, SourceConfig][]) {
    // Shells and files leave a newline behind a secret.
    const writeKey = given.writeKey?.trim()
    const isMissing = given.kafka === undefined && (writeKey === undefined || writeKey === '')
    const found = [
      ...sourceProblems(given),
      ...targetNameProblems(name),
      ...unknownTargets(given, targets),
      ...(isMissing ? ['"writeKey" is missing; set it in the config or as a secret in env'] : []),
      ...(writeKey !== undefined && writeKey !== '' && !sendable.test(writeKey)
        ? ['"writeKey" must be printable ASCII without blanks and colons: no client could send it']
        : []),
      ...(writeKey !== undefined && nameOfKey.has(writeKey)
        ? [`"writeKey" is the same as that of sources.${nameOfKey.get(writeKey)}; give each source a key of its own`]
        : []),
    ]
    for (const problem of found) problems.push(`sources.${name}: ${problem}`)
    if (isMissing) continue
    if (writeKey !== undefined && !nameOfKey.has(writeKey)) nameOfKey.set(writeKey, name)
    sources.set(name, sourceOf(name, { ...given, writeKey: writeKey ?? '' }, targets))
  }
  if (sources.size === 0 && problems.length === 0)
    problems.push('sources: there is none; add one with a write key, or no event can arrive')
  return sources
}

function unknownTargets({ to = [] }: SourceConfig, targets: ReadonlyMap<string, Target>): string[] {
  const names = [...targets.keys()]
  const there = names.length === 0 ? 'is neither a destination nor a warehouse' : `are only: ${names.join(', ')}`
  return to
    .filter((target) => !targets.has(target))
    .map((target) => {
      const meant = similarName(target, names)
      return `"to" names "${target}", but there ${there}${meant === undefined ? '' : `; did you mean "${meant}"?`}`
    })
}

const sourceOf = (
  name: string,
  {
    writeKey,
    enabled,
    transforms,
    to,
    enrich,
    webhook,
    kafka,
    privacy,
    identityCookie,
    rate,
  }: SourceConfig & {
    readonly writeKey: string
  },
  targets: ReadonlyMap<string, Target>,
): Source => ({
  name,
  writeKey,
  enabled: enabled ?? true,
  transforms: transforms ?? [],
  targets: (to ?? [...targets.keys()]).flatMap((target) => targets.get(target) ?? []),
  enrich: resolveEnrichment(enrich),
  ...(webhook === undefined ? {} : { webhook }),
  ...(kafka === undefined ? {} : { kafka }),
  ...(privacy === undefined ? {} : { privacy }),
  ...(identityCookie === undefined ? {} : { identityCookie }),
  ...(rate === undefined ? {} : { rate: { burst: 10 * rate.eventsPerSecond, ...rate } }),
})

/** Decides every switch that a source's `enrich` leaves open. */
export const resolveEnrichment = ({
  geo = true,
  userAgent = false,
  campaign = false,
  rudderId = false,
  bots = 'flag',
  ip = 'keep',
}: EnrichmentConfig = {}): Enrichment => ({
  geo,
  userAgent,
  campaign,
  rudderId,
  bots: { score: 30, dataCenters: false, ...(typeof bots === 'string' ? { action: bots } : bots) },
  ip,
})
