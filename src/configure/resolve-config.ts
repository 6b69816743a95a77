import type { Config, ConfigOf, Vars } from '../core/config.ts'
import { reasonOf, SluicewayError } from '../core/errors.ts'
import type { ResolvedConfig } from '../core/resolved-config.ts'
import { nameProblems } from './name-problems.ts'
import { resolveLimits, resolvePaths } from './limits.ts'
import type { Problems } from './problems.ts'
import { resolveSources } from './sources.ts'
import { resolveTargets } from './targets.ts'
import { typeProblems } from './type-problems.ts'

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
    const message = `The config could not be evaluated: ${reasonOf(thrown)}`
    throw new SluicewayError('config_invalid', message, {
      cause: thrown,
      details: { problems: [message], unset: [...unset] },
    })
  }
  const wrong = typeProblems(config)
  if (wrong.length > 0) throw invalidConfigError(wrong, [...unset])
  const problems: Problems = [...nameProblems(config), ...config.stream.problems.map((one) => `stream: ${one}`)]
  const targets = resolveTargets(config, problems)
  const sources = resolveSources(config, targets, problems)
  const adminToken = resolveAdminToken(config, problems)
  const limits = resolveLimits(config, problems)
  const paths = resolvePaths(config, problems)
  if (problems.length > 0) throw invalidConfigError(problems, [...unset])
  return {
    stream: config.stream,
    sourcesByKey: new Map(Array.from(sources.values(), (source) => [source.writeKey, source])),
    sources,
    targets,
    adminToken,
    demo: resolveDemo(config),
    limits,
    paths,
  }
}

function resolveAdminToken({ admin }: Config, problems: Problems): string | undefined {
  const token = admin?.token?.trim()
  if (token !== undefined && token.length < 16)
    problems.push('admin.token: must have at least 16 characters; make one with `openssl rand -hex 24`')
  else if (token !== undefined && !/^[!-~]+$/.test(token))
    problems.push('admin.token: must be printable ASCII without blanks: no client could send it')
  return token
}

function resolveDemo({ demo = false }: Config): ResolvedConfig['demo'] {
  if (typeof demo === 'boolean' || demo.sinkSecret === undefined) return demo
  return { ...demo, sinkSecret: demo.sinkSecret.trim() }
}

/** Hands `env` to a config and records what the config looks for in vain. */
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
