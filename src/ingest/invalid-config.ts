import { jsonResponse, refusalResponse } from './responses.ts'

/** What is wrong with a config, as its error tells it. */
export interface InvalidConfig {
  /** Names of values in `env` that are needed and not set. */
  readonly missing: readonly string[]
  /** One sentence for each thing that is wrong. */
  readonly problems: readonly string[]
  /** Whether this runs on a developer's machine, where secrets come from a file. */
  readonly local: boolean
}

/** Seconds after which to come again: somebody has to set something first. */
const headers = { 'retry-after': '30' }

/** The problems that may be told as they are: a place and a setting, whose names can hold no host, and what it is for. */
const aboutMissing = /^[a-z]+\.[a-z][a-z0-9_-]{0,47}: "\w+" (?:is missing[:;]|has no value,) /
/** Of any other, the place may be told. */
const place = /^(?:(?:sources|destinations|warehouses)\.[a-z][a-z0-9_-]{0,47}|stream|paths|limits|admin|config)(?=[:.])/

/**
 * Answers a request to a deployment whose config is not valid, with 503: SDKs keep their events and send them again.
 *
 * `/health` names the values that are missing, the problems that are nothing but a missing value, and the places of the others.
 * Anybody may ask it, so it tells neither a value nor a host: the log has the sentences.
 *
 * @param request any request
 * @param invalid what is wrong
 * @returns `{"status":"DOWN","code":"config_invalid","missing","problems","message"}` for `/health`, and the body of all errors
 *   for everything else
 */
export function invalidConfigResponse(request: Request, invalid: InvalidConfig): Response {
  const code = 'config_invalid'
  if (new URL(request.url).pathname === '/health') {
    const problems = [...new Set(invalid.problems.map(publicProblem))]
    const body = { status: 'DOWN', code, missing: invalid.missing, problems, message: whatToDo(invalid) }
    return jsonResponse(request, JSON.stringify(body), {
      status: 503,
      headers: { ...headers, 'cache-control': 'no-store' },
    })
  }
  const message = 'This deployment takes no events yet: its config is not valid. GET /health says what is missing.'
  return refusalResponse(request, { status: 503, code, message, headers })
}

function publicProblem(problem: string): string {
  if (aboutMissing.test(problem)) return problem
  const [where = 'config'] = place.exec(problem) ?? []
  return `${where}: something is wrong; the log says what`
}

function whatToDo({ missing, problems, local }: InvalidConfig): string {
  if (missing.length === 0) return 'The config of this deployment is not valid; its log says what to change.'
  const isMore = problems.some((problem) => !aboutMissing.test(problem))
  const how = local
    ? 'put each into .dev.vars as NAME=value, and its name into [secrets] of wrangler.toml; then start again.'
    : `run ${missing.map((name) => `"npx wrangler secret put ${name}"`).join(' and ')}.`
  return `To set what is missing, ${how}${isMore ? ' The log says what else is wrong.' : ''}`
}
