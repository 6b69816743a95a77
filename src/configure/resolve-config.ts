import type { Config, ConfigOf, Vars } from '../core/config.ts'
import { reasonOf, SluicewayError } from '../core/errors.ts'
import type { ResolvedConfig } from '../core/resolved-config.ts'
import { addArchive } from './archive.ts'
import { checkConfigShape } from './config-shape.ts'
import { evaluateConfig } from './evaluate-config.ts'
import { checkSize, resolveLimits, resolvePaths } from './limits.ts'
import type { Problems } from './problems.ts'
import { resolveSources } from './sources.ts'
import { resolveTargets } from './targets.ts'

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
  const evaluated = evaluateConfig(configOf, env, unset)
  if ('problem' in evaluated) throw invalidConfigError([evaluated.problem], [...unset])
  const problems: Problems = []
  let resolved: ResolvedConfig | undefined
  try {
    resolved = resolveParts(evaluated.config, problems)
  } catch (thrown) {
    // What the user's function gave may be anything: a getter that throws, for one.
    problems.push(`config: it could not be read: ${reasonOf(thrown)}`)
  }
  if (resolved === undefined || problems.length > 0) throw invalidConfigError(problems, [...unset])
  return resolved
}

/** Gives the resolved config where there is no problem; what it gives with problems is only good for finding more. */
function resolveParts(given: unknown, problems: Problems): ResolvedConfig | undefined {
  const { problems: wrong, sound } = checkConfigShape(given)
  problems.push(...wrong)
  if (sound === undefined) return undefined
  const config = wrong.length === 0 ? (given as Config) : sound
  problems.push(...config.stream.problems.map((one) => `stream: ${one}`), ...earlierProblems(config))
  const targets = resolveTargets(config, problems)
  const sources = resolveSources(config, targets, problems)
  addArchive(config, targets, sources)
  const admin = resolveAdmin(config, problems)
  const limits = resolveLimits(config, problems)
  const paths = resolvePaths(config, problems)
  if (config.stream.problems.length === 0) checkSize(config, targets, problems)
  return {
    stream: config.stream,
    earlierStreams: config.earlierStreams ?? [],
    sourcesByKey: new Map(
      [...sources.values()].filter(({ kafka }) => kafka === undefined).map((source) => [source.writeKey, source]),
    ),
    sources,
    targets,
    ...admin,
    ...(config.trace === undefined ? {} : { trace: config.trace }),
    demo: resolveDemo(config),
    limits,
    paths,
  }
}

function earlierProblems({ stream, earlierStreams = [] }: Config): Problems {
  const problems = earlierStreams.flatMap((one, i) => one.problems.map((problem) => `earlierStreams[${i}]: ${problem}`))
  // One object reads each partition of a topic, and there is one for each number.
  if ([stream, ...earlierStreams].filter(({ kafka }) => kafka !== undefined).length > 1)
    problems.push(
      'earlierStreams: there may be one kafka() only, and none beside a stream that is one: let the old topic run empty first',
    )
  return problems
}

function resolveAdmin(
  { admin }: Config,
  problems: Problems,
): { readonly adminToken: string | undefined; readonly adminTokens?: ReadonlyMap<string, string> } {
  const own = checkToken(admin?.token, 'admin.token', problems)
  const named = Object.entries(admin?.tokens ?? {}).flatMap(([name, value]): [string, string][] => {
    if (!/^[\w.@-]{1,64}$/.test(name))
      problems.push(`admin.tokens: "${name}" must be a name of letters, digits, ".", "@", "_" and "-", such as "ada"`)
    const token = checkToken(value, `admin.tokens.${name}`, problems)
    return token === undefined ? [] : [[name, token]]
  })
  const all = [own, ...named.map(([, token]) => token)].filter((token) => token !== undefined)
  if (new Set(all).size < all.length)
    problems.push(
      'admin.tokens: the same token stands there twice, so that nobody can say whose it is; make another one',
    )
  return {
    // Whoever has a name has the same rights.
    adminToken: own ?? named[0]?.[1],
    ...(named.length === 0 ? {} : { adminTokens: new Map(named) }),
  }
}

function checkToken(value: string | undefined, where: string, problems: Problems): string | undefined {
  const token = value?.trim()
  if (token !== undefined && token.length < 16)
    problems.push(`${where}: must have at least 16 characters; make one with \`openssl rand -hex 24\``)
  else if (token !== undefined && !/^[!-~]+$/.test(token))
    problems.push(`${where}: must be printable ASCII without blanks: no client could send it`)
  return token
}

function resolveDemo({ demo = false }: Config): ResolvedConfig['demo'] {
  if (typeof demo === 'boolean' || demo.sinkSecret === undefined) return demo
  return { ...demo, sinkSecret: demo.sinkSecret.trim() }
}

function invalidConfigError(problems: readonly string[], unset: readonly string[]): SluicewayError {
  const [only = ''] = problems
  const list = problems.map((problem) => `- ${problem}`).join('\n')
  const isWhole = problems.length === 1 && only.startsWith('The config ')
  const message = isWhole
    ? only
    : `The config has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:\n${list}`
  const hint =
    unset.length === 0
      ? ''
      : `\nThe config asks env for ${unset.join(', ')}, which ${unset.length === 1 ? 'is' : 'are'} not set. Set what you need: for a deployment with "npx wrangler secret put NAME", and the name under [secrets] of wrangler.toml; on this machine in a file of NAME=value lines that "npm start -- --env-file FILE" names, or with "--var NAME=value" where it is no secret.`
  return new SluicewayError('config_invalid', `${message}${hint}`, { details: { problems, unset } })
}
