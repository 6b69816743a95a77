import type { IdentityCookie } from '../core/identity-cookie.ts'
import { isRecord } from '../pipeline/check.ts'
import { allows } from '../pipeline/consent.ts'

/** Which visitor sent a request. */
export interface Visitor {
  /** Known from the cookie: wins over what the SDK made up after its storage was cleared. */
  readonly anonymousId?: string
  /** Value of a `Set-Cookie` header. */
  readonly cookie?: string
}

interface Sent {
  readonly events: readonly unknown[]
  readonly batch?: Readonly<Record<string, unknown>> | undefined
}

const longestId = 256
const daySeconds = 86_400

/**
 * Reads the visitor's cookie and says how to keep it.
 *
 * Only for requests of browsers, and only when all their events are one visitor's: a server speaks for many.
 *
 * @param request its Cookie header
 * @param rules name, domain, age and the consent that the cookie needs
 * @param sent the events as they came
 */
export function visitorOf(request: Request, rules: IdentityCookie, sent: Sent): Visitor {
  const name = rules.name ?? 'sw_id'
  const known = valueIn(request.headers.get('cookie'), name)
  if (known === undefined && !isBrowser(request)) return {}
  if (rules.consent !== undefined && !isAllowed(rules.consent, sent)) {
    // Whoever has taken consent back is forgotten.
    return known === undefined ? {} : { cookie: cookieOf(request, rules, { name, value: '', seconds: 0 }) }
  }
  const seconds = Math.floor((rules.maxAgeDays ?? 365) * daySeconds)
  if (known !== undefined)
    return { anonymousId: known, cookie: cookieOf(request, rules, { name, value: known, seconds }) }
  const own = onlyIdIn(sent.events)
  return own === undefined ? {} : { cookie: cookieOf(request, rules, { name, value: own, seconds }) }
}

/** Every event must allow it, and say so: a cookie that needs consent is not set on silence. */
function isAllowed(consent: NonNullable<IdentityCookie['consent']>, { events, batch }: Sent): boolean {
  const rules = [consent].flat().map((rule) => ({ ...rule, required: true }))
  return events.every((event) => {
    const own = isRecord(event) ? event['context'] : undefined
    const context = { ...(isRecord(batch?.['context']) ? batch['context'] : {}), ...(isRecord(own) ? own : {}) }
    return allows({ context }, rules)
  })
}

function onlyIdIn(events: readonly unknown[]): string | undefined {
  let only: string | undefined
  for (const event of events) {
    const id = isRecord(event) ? event['anonymousId'] : undefined
    if (typeof id !== 'string' || id.trim() === '' || id.length > longestId) return undefined
    if (only !== undefined && only !== id.trim()) return undefined
    only = id.trim()
  }
  return only
}

/** Fetches of pages bring Origin or Sec-Fetch-Site; images and old browsers at least say where they are from. */
const isBrowser = ({ headers }: Request): boolean =>
  headers.has('sec-fetch-site') || headers.has('origin') || headers.has('referer')

function valueIn(header: string | null, name: string): string | undefined {
  for (const pair of header?.split(';') ?? []) {
    const at = pair.indexOf('=')
    if (at < 0 || pair.slice(0, at).trim() !== name) continue
    try {
      const value = decodeURIComponent(pair.slice(at + 1).trim())
      return value !== '' && value.length <= longestId && !/\p{C}/u.test(value) ? value : undefined
    } catch {
      return undefined
    }
  }
  return undefined
}

function cookieOf(
  request: Request,
  { domain }: IdentityCookie,
  { name, value, seconds }: { readonly name: string; readonly value: string; readonly seconds: number },
): string {
  const secure = request.url.startsWith('https:') ? '; Secure' : ''
  const shared = domain === undefined ? '' : `; Domain=${domain}`
  return `${name}=${encodeURIComponent(value)}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Lax${secure}${shared}`
}
