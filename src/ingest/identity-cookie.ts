import type { IdentityCookie } from '../core/identity-cookie.ts'
import { isAllowed, readConsent } from '../privacy/consent.ts'
import { isSecure } from './secure.ts'
import { isRecord } from '../core/json.ts'

/** Which visitor sent a request. */
export interface CookieVisitor {
  /** Known from the cookie: wins over what the SDK made up after its storage was cleared. */
  readonly anonymousId?: string
  /** Value of a `Set-Cookie` header. */
  readonly cookie?: string
}

interface CookieEvents {
  readonly events: readonly unknown[]
  readonly batch?: Readonly<Record<string, unknown>> | undefined
}

const longestId = 256
const daySeconds = 86_400

/**
 * Reads the visitor's cookie and says how to keep it.
 *
 * Only for requests of browsers, and only when all their events are one visitor's: a server speaks for many. Not for those
 * that another site caused (see `isForeign`).
 *
 * @param request its Cookie header
 * @param rules name, domain, age and the consent that the cookie needs
 * @param sent the events as they came
 */
export function visitorOf(request: Request, rules: IdentityCookie, sent: CookieEvents): CookieVisitor {
  if (isForeign(request)) return {}
  const known = valueIn(request.headers.get('cookie'), nameOf(rules))
  if (known === undefined && !isBrowser(request)) return {}
  if (rules.consent !== undefined && !isConsentGiven(rules.consent, sent))
    // Whoever has taken consent back is forgotten; an event from before the banner, or an image, says nothing.
    return known === undefined || !isConsentDenied(rules.consent, sent)
      ? {}
      : { cookie: deletionCookieOf(request, rules) }
  const ids = idsIn(sent.events)
  const seconds = Math.floor((rules.maxAgeDays ?? 365) * daySeconds)
  const keep = (value: string) => cookieOf(request, rules, { value, seconds })
  if (known !== undefined) return { ...(ids.size > 1 ? {} : { anonymousId: known }), cookie: keep(known) }
  const [own] = ids
  return own === undefined || ids.size > 1 || !isId(own) ? {} : { cookie: keep(own) }
}

/**
 * Makes the browser forget its visitor: on a device that people share, `reset()` of an SDK alone would let the cookie bring
 * the old anonymousId back.
 *
 * @returns value of a `Set-Cookie` header
 */
export const deletionCookieOf = (request: Request, rules: IdentityCookie): string =>
  cookieOf(request, rules, { value: '', seconds: 0 })

const nameOf = ({ name = 'sw_id' }: IdentityCookie): string => name

/**
 * True for a request that a page of another site caused, or that a browser made in order to show its answer. A link or a form
 * elsewhere could otherwise give a visitor the id of somebody else, or take the own one away: SameSite=Lax does not keep
 * answers to navigations from setting cookies
 * (https://datatracker.ietf.org/doc/draft-ietf-httpbis-rfc6265bis/, "Storage Model", checked 2026-11-25).
 */
export const isForeign = ({ headers }: Request): boolean =>
  headers.get('sec-fetch-site') === 'cross-site' || headers.get('sec-fetch-mode') === 'navigate'

type CookieConsent = NonNullable<IdentityCookie['consent']>

/** Every event must allow it, and say so: a cookie that needs consent is not set on silence. */
function isConsentGiven(consent: CookieConsent, sent: CookieEvents): boolean {
  const rules = [consent].flat().map((rule) => ({ ...rule, required: true }))
  return contextsIn(sent).every((context) => isAllowed(readConsent(context), rules))
}

/** One event that denies it is enough. */
function isConsentDenied(consent: CookieConsent, sent: CookieEvents): boolean {
  const rules = [consent].flat().map((rule) => ({ ...rule, required: false }))
  return contextsIn(sent).some((context) => !isAllowed(readConsent(context), rules))
}

const contextsIn = ({ events, batch }: CookieEvents): Record<string, unknown>[] =>
  events.map((event) => {
    const own = isRecord(event) ? event['context'] : undefined
    return { ...(isRecord(batch?.['context']) ? batch['context'] : {}), ...(isRecord(own) ? own : {}) }
  })

/** The visitors that events name; an event without an anonymousId is of whoever sent it. */
function idsIn(events: readonly unknown[]): Set<string> {
  const ids = new Set<string>()
  for (const event of events) {
    const id = isRecord(event) ? event['anonymousId'] : undefined
    if ((typeof id === 'string' || typeof id === 'number') && String(id).trim() !== '') ids.add(String(id).trim())
  }
  return ids
}

const isId = (value: string): boolean => value !== '' && value.length <= longestId && !/\p{C}/u.test(value)

/** Fetches of pages bring Origin or Sec-Fetch-Site; images and old browsers at least say where they are from. */
const isBrowser = ({ headers }: Request): boolean =>
  headers.has('sec-fetch-site') || headers.has('origin') || headers.has('referer')

function valueIn(header: string | null, name: string): string | undefined {
  for (const pair of header?.split(';') ?? []) {
    const end = pair.indexOf('=')
    if (end < 0 || pair.slice(0, end).trim() !== name) continue
    const value = decodeOrUndefined(pair.slice(end + 1).trim())
    // Browsers may have several of one name, of different hosts or paths.
    if (value !== undefined && isId(value)) return value
  }
  return undefined
}

function decodeOrUndefined(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

function cookieOf(
  request: Request,
  rules: IdentityCookie,
  { value, seconds }: { readonly value: string; readonly seconds: number },
): string {
  const secure = isSecure(request) ? '; Secure' : ''
  const shared = rules.domain === undefined ? '' : `; Domain=${rules.domain}`
  const rest = `Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Lax${secure}${shared}`
  return `${nameOf(rules)}=${encodeURIComponent(value)}; ${rest}`
}
