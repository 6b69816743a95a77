import { hostProblem } from '../configure/public-host.ts'

/** Which hosts the code of a user may ask. */
export interface FetchRules {
  /** Names, `*.name` for all below a name, `*` for all. */
  readonly hosts: readonly string[]
  readonly allowPrivate: boolean
  /** Allowed beside: everything below this URL. */
  readonly service?: string | undefined
}

const mostRedirects = 20
/** Not sent on to another origin. */
const secretHeaders = ['authorization', 'cookie', 'proxy-authorization']

/**
 * Says why a URL may not be asked.
 *
 * @param url where to
 * @param rules what is allowed
 * @returns the reason, or undefined
 */
export function fetchProblem(url: URL, { hosts, allowPrivate, service }: FetchRules): string | undefined {
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    return 'invalid protocol, only http and https are supported'
  const { hostname } = url
  const isNamed =
    (service !== undefined && url.href.startsWith(`${service.replace(/\/$/, '')}/`)) ||
    hosts
      .map((host) => host.toLowerCase())
      .some((host) => host === '*' || host === hostname || (host.startsWith('*.') && hostname.endsWith(host.slice(1))))
  if (!isNamed)
    return `${hostname} is not among the hosts that this transform may ask: name it in the config, fetch: ['${hostname}']`
  return allowPrivate ? undefined : hostProblem(hostname)
}

/**
 * Fetches for the code of a user: every address on the way, also of a redirect, must be one that it may ask.
 *
 * @param input what to ask; its body is held in memory
 * @param rules what is allowed
 * @param send the platform's fetch
 * @returns the last answer
 * @throws {Error} that says which address is not allowed
 */
export async function guardedFetch(
  input: Request,
  rules: FetchRules,
  send: (request: Request) => Promise<Response>,
): Promise<Response> {
  let { url, method } = input
  const headers = new Headers(input.headers)
  let body = input.body === null ? null : await input.arrayBuffer()
  for (let hop = 0; hop <= mostRedirects; hop++) {
    const problem = fetchProblem(new URL(url), rules)
    if (problem !== undefined) throw new Error(problem)
    const response = await send(new Request(url, { method, headers, body, redirect: 'manual', signal: input.signal }))
    const to = response.headers.get('location')
    if (to === null || ![301, 302, 303, 307, 308].includes(response.status) || input.redirect === 'manual')
      return response
    await response.body?.cancel()
    if (input.redirect === 'error') throw new Error(`${url} redirects, which was not to be followed`)
    const next = new URL(to, url)
    if (next.origin !== new URL(url).origin) for (const name of secretHeaders) headers.delete(name)
    if ((response.status === 303 && method !== 'HEAD') || (response.status < 303 && method === 'POST')) {
      method = 'GET'
      body = null
      for (const name of ['content-type', 'content-length', 'content-encoding']) headers.delete(name)
    }
    url = next.href
  }
  throw new Error(`more than ${mostRedirects} redirects, the last one to ${url}`)
}
