import type { Config, Route, SourceConfig, WarehouseRoute } from '../core/config.ts'
import type { ConsentRule } from '../core/consent.ts'
import type { BotRules, EnrichmentConfig } from '../core/enrichment.ts'
import type { IdentityCookie } from '../core/identity-cookie.ts'
import type { PrivacyRules } from '../core/privacy.ts'
import type { RateLimit } from '../core/rate-limit.ts'

/** The names that an object of the config may have; the compiler holds each list against its type. */
type SettingNames<T> = Readonly<Record<keyof T, true>>

const config: SettingNames<Config> = {
  stream: true,
  sources: true,
  destinations: true,
  warehouses: true,
  admin: true,
  demo: true,
  limits: true,
  paths: true,
}
const limits: SettingNames<NonNullable<Config['limits']>> = {
  bodyBytes: true,
  eventBytes: true,
  batchEvents: true,
  deadLetterDays: true,
  pastDays: true,
  futureMinutes: true,
  appendMs: true,
  userCodeMs: true,
}
const paths: SettingNames<NonNullable<Config['paths']>> = { ingest: true, sdk: true, beacon: true }
const source: SettingNames<SourceConfig> = {
  writeKey: true,
  enabled: true,
  transforms: true,
  to: true,
  webhook: true,
  enrich: true,
  privacy: true,
  identityCookie: true,
  rate: true,
}
const destination: SettingNames<Route> = {
  use: true,
  transforms: true,
  filter: true,
  displayName: true,
  ordered: true,
  retryDays: true,
  consent: true,
  privacy: true,
}
const warehouse: SettingNames<WarehouseRoute> = {
  use: true,
  displayName: true,
  everyMinutes: true,
  stageSeconds: true,
  consent: true,
  privacy: true,
  mapping: true,
}
const mapping: SettingNames<NonNullable<WarehouseRoute['mapping']>> = {
  storeFullEvent: true,
  jsonPaths: true,
  skipTracksTable: true,
  skipUsersTable: true,
  underscoreDivideNumbers: true,
  allowUsersContextTraits: true,
  maxColumns: true,
}
const enrich: SettingNames<EnrichmentConfig> = {
  geo: true,
  userAgent: true,
  campaign: true,
  rudderId: true,
  bots: true,
  ip: true,
}
const bots: SettingNames<BotRules> = { action: true, score: true, dataCenters: true }
const privacy: SettingNames<PrivacyRules> = { hash: true, salt: true, mask: true, drop: true, allow: true }
const consent: SettingNames<ConsentRule> = { categories: true, provider: true, strategy: true, required: true }
const cookie: SettingNames<IdentityCookie> = { name: true, domain: true, maxAgeDays: true, consent: true }
const rate: SettingNames<RateLimit> = { eventsPerSecond: true, burst: true }

/**
 * Finds names in a config that mean nothing, and words where only some are known: a deployment is bundled without looking at
 * types, and a misspelled privacy rule must not be ignored.
 *
 * @returns one sentence for each
 */
export function nameProblems(given: Config): string[] {
  const problems: string[] = []
  const names = (where: string, object: unknown, known: Readonly<Record<string, true>>) => {
    if (object === undefined || object === false) return
    if (typeof object !== 'object' || object === null) problems.push(`${where}: must be an object`)
    else
      for (const name of Object.keys(object))
        if (!Object.hasOwn(known, name))
          problems.push(`${where}: "${name}" is no setting; there are: ${Object.keys(known).join(', ')}`)
  }
  const word = (where: string, value: unknown, known: readonly string[]) => {
    if (value !== undefined && !known.includes(value as string))
      problems.push(`${where}: must be one of ${known.join(', ')}`)
  }
  const rules = (where: string, of: Pick<Route, 'consent' | 'privacy'>) => {
    names(`${where}.privacy`, of.privacy, privacy)
    for (const rule of of.consent === undefined ? [] : [of.consent].flat()) names(`${where}.consent`, rule, consent)
  }
  names('config', given, config)
  names('limits', given.limits, limits)
  names('paths', given.paths, paths)
  for (const [name, one] of Object.entries(given.sources)) {
    const where = `sources.${name}`
    names(where, one, source)
    names(`${where}.privacy`, one.privacy, privacy)
    names(`${where}.rate`, one.rate, rate)
    names(`${where}.identityCookie`, one.identityCookie, cookie)
    if (one.identityCookie?.consent !== undefined)
      rules(`${where}.identityCookie`, { consent: one.identityCookie.consent })
    const { enrich: switches } = one
    names(`${where}.enrich`, switches, enrich)
    word(`${where}.enrich.ip`, switches?.ip, ['keep', 'truncate', 'drop'])
    const bot = switches?.bots
    if (typeof bot === 'object') names(`${where}.enrich.bots`, bot, bots)
    word(`${where}.enrich.bots`, typeof bot === 'object' ? bot.action : bot, ['keep', 'flag', 'drop'])
  }
  for (const [name, one] of Object.entries(given.destinations ?? {}) as [string, Route][]) {
    names(`destinations.${name}`, one, destination)
    rules(`destinations.${name}`, one)
  }
  for (const [name, one] of Object.entries(given.warehouses ?? {}) as [string, WarehouseRoute][]) {
    names(`warehouses.${name}`, one, warehouse)
    names(`warehouses.${name}.mapping`, one.mapping, mapping)
    rules(`warehouses.${name}`, one)
  }
  return problems
}
