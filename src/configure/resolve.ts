import type { Config, ConfigOf, DemoConfig, Route, SourceConfig, Vars, WarehouseRoute } from '../core/config.ts'
import { type Enrichment } from '../core/enrichment.ts'
import { reasonOf, SluicewayError } from '../core/errors.ts'
import type { IdentityCookie } from '../core/identity-cookie.ts'
import { nameProblems } from './name-problems.ts'
import type { PrivacyRules } from '../core/privacy.ts'
import type { RateLimit } from '../core/rate-limit.ts'
import { ruleProblems, sourceProblems } from './rule-problems.ts'
import type { Stream } from '../core/stream.ts'
import type { Transform } from '../core/transform.ts'
import type { WebhookSource } from '../core/webhook-source.ts'
import type { Source, Target, ResolvedConfig } from '../core/resolved-config.ts'
import { resolveEnrichment } from './enrichment.ts'

const namePattern = /^[a-z][a-z0-9_-]{0,47}$/

/**
 * Evaluates a config and checks all of it.
 *
 * @param configOf the default export of `src/config.ts`
 * @param env the deployment's vars and secrets
 * @returns the config with names resolved and defaults filled in
 * @throws {SluicewayError} config_invalid, listing every problem and what to do, without secrets
 */
export function resolveConfig(configOf: ConfigOf, env: Vars): ResolvedConfig {
  const unset = new Set<string>()
  let config: Config
  try {
    config = configOf(recordUnset(env, unset))
  } catch (thrown) {
    throw new SluicewayError('config_invalid', `The config could not be evaluated: ${reasonOf(thrown)}`, {
      cause: thrown,
    })
  }
  const problems: string[] = [...nameProblems(config), ...config.stream.problems.map((one) => `stream: ${one}`)]
  const targets = new Map<string, Target>()
  const add = (target: Target, problemsOfIt: readonly string[]) => {
    const where = `${target.kind}s.${target.name}`
    if (!namePattern.test(target.name))
      problems.push(`${where}: a name starts with a letter and has at most 48 of a-z, 0-9, "_" and "-"`)
    if (targets.has(target.name))
      problems.push(`${where}: the name is taken by a destination; give the warehouse another`)
    for (const problem of problemsOfIt) problems.push(`${where}: ${problem}`)
    targets.set(target.name, target)
  }
  for (const [name, route] of Object.entries(config.destinations ?? {}) as [string, Route][])
    add({ kind: 'destination', name, displayName: route.displayName ?? route.use.name, route }, [
      ...route.use.problems,
      ...transformProblems(route.transforms),
      ...ruleProblems(route),
      ...(route.retryDays !== undefined && !(route.retryDays > 0) ? ['"retryDays" must be more than 0'] : []),
    ])
  for (const [name, route] of Object.entries(config.warehouses ?? {}) as [string, WarehouseRoute][])
    add({ kind: 'warehouse', name, displayName: route.displayName ?? route.use.name, route }, [
      ...route.use.problems,
      ...ruleProblems(route),
      ...(route.everyMinutes !== undefined && !(Number.isInteger(route.everyMinutes) && route.everyMinutes >= 1)
        ? ['"everyMinutes" must be a whole number of minutes, at least 1']
        : []),
      ...(route.stageSeconds !== undefined && !(route.stageSeconds >= 0) ? ['"stageSeconds" must be 0 or more'] : []),
    ])

  const sources = new Map<string, Source>()
  const sourcesByKey = new Map<string, Source>()
  for (const [name, source] of Object.entries(config.sources) as [string, SourceConfig][]) {
    const where = `sources.${name}`
    for (const problem of [...transformProblems(source.transforms), ...sourceProblems(source)])
      problems.push(`${where}: ${problem}`)
    if (!namePattern.test(name))
      problems.push(`${where}: a name starts with a letter and has at most 48 of a-z, 0-9, "_" and "-"`)
    const unknown = (source.to ?? []).filter((target) => !targets.has(target))
    for (const target of unknown)
      problems.push(
        `${where}: "to" names "${target}", but there ${targets.size === 0 ? 'is neither a destination nor a warehouse' : `are only: ${[...targets.keys()].join(', ')}`}`,
      )
    if (source.writeKey === undefined || source.writeKey === '') {
      problems.push(`${where}: "writeKey" is missing; set it in the config or as a secret in env`)
      continue
    }
    if (sourcesByKey.has(source.writeKey)) problems.push(`${where}: another source has the same write key`)
    const resolved: Source = {
      name,
      writeKey: source.writeKey,
      enabled: source.enabled ?? true,
      transforms: source.transforms ?? [],
      targets: (source.to ?? [...targets.keys()]).flatMap((target) => targets.get(target) ?? []),
      enrich: resolveEnrichment(source.enrich),
      ...(source.webhook === undefined ? {} : { webhook: source.webhook }),
      ...(source.privacy === undefined ? {} : { privacy: source.privacy }),
      ...(source.identityCookie === undefined ? {} : { identityCookie: source.identityCookie }),
      ...(source.rate === undefined ? {} : { rate: { burst: 10 * source.rate.eventsPerSecond, ...source.rate } }),
    }
    sources.set(name, resolved)
    sourcesByKey.set(source.writeKey, resolved)
  }
  if (sources.size === 0 && problems.length === 0)
    problems.push('sources: there is none; add one with a write key, or no event can arrive')
  const token = config.admin?.token
  if (token !== undefined && token.length < 16)
    problems.push('admin.token: must have at least 16 characters; make one with `openssl rand -hex 24`')
  const limits = {
    bodyBytes: config.limits?.bodyBytes ?? 4_096_000,
    eventBytes: config.limits?.eventBytes ?? 32_768,
    batchEvents: config.limits?.batchEvents ?? 5_000,
    deadLetterDays: config.limits?.deadLetterDays ?? 30,
    pastDays: config.limits?.pastDays ?? 3_650,
    futureMinutes: config.limits?.futureMinutes ?? 60,
    appendMs: config.limits?.appendMs ?? 2_000,
  }
  for (const [name, value] of Object.entries(limits))
    if (!(Number.isFinite(value) && value > 0)) problems.push(`limits.${name}: must be a number above 0`)
  const { eventBytesLimit } = config.stream
  if (limits.eventBytes > eventBytesLimit)
    problems.push(`limits.eventBytes: must be at most ${eventBytesLimit} with this stream`)
  const paths = { ingest: config.paths?.ingest ?? '', sdk: config.paths?.sdk ?? '/sdk' }
  for (const [name, path] of Object.entries(paths))
    if (!(name === 'ingest' && path === '') && !/^(\/[A-Za-z0-9_-]+)+$/.test(path))
      problems.push(`paths.${name}: must look like "/e" or "/collect/e", with letters, digits, "_" and "-"`)
  if (paths.ingest === paths.sdk) problems.push('paths: "ingest" and "sdk" must differ')
  for (const taken of ['/admin', '/demo', '/health'])
    if ([paths.ingest, paths.sdk].some((path) => path === taken || path.startsWith(`${taken}/`)))
      problems.push(`paths: ${taken} is taken`)
  if (problems.length > 0) throw invalidConfigError(problems, [...unset])
  return {
    stream: config.stream,
    sourcesByKey,
    sources,
    targets,
    adminToken: token,
    demo: config.demo ?? false,
    limits,
    paths,
  }
}

function transformProblems(transforms: readonly Transform[] = []): string[] {
  return transforms.flatMap((transform, i) => {
    const found = ['transformEvent', 'transformBatch'].filter((name) => name in transform)
    return found.length === 1
      ? []
      : [
          `transforms[${i}]: a transform exports exactly one of transformEvent and transformBatch, found ${found.join(' and ') || 'neither'}`,
        ]
  })
}

/** Hands `env` to a config and notes what the config looks for in vain. */
const recordUnset = (env: Vars, unset: Set<string>): Vars =>
  new Proxy(env, {
    get(vars, name) {
      const value: unknown = Reflect.get(vars, name)
      if (typeof name === 'string' && (value === undefined || value === '')) unset.add(name)
      return value
    },
  })

function invalidConfigError(problems: readonly string[], unset: readonly string[]): SluicewayError {
  const lines = problems.map((problem) => `- ${problem}`)
  if (unset.length > 0 && problems.some((problem) => problem.includes('is missing')))
    lines.push(
      `The config also asks env for ${unset.join(', ')}, which ${unset.length === 1 ? 'is' : 'are'} not set. Set what you need with "npx wrangler secret put NAME", or on this machine with "npm start -- --var NAME=value".`,
    )
  return new SluicewayError(
    'config_invalid',
    `The config has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:\n${lines.join('\n')}`,
    { details: { problems, unset } },
  )
}
