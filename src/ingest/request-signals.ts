import type { Facts } from '../core/envelope.ts'
import type { Geo } from '../enrichment/enrich.ts'
import type { ClientSignals } from '../enrichment/client-signals.ts'
import { isRecord } from '../core/json.ts'
import type { Source } from '../core/resolved-config.ts'

const longestUserAgent = 512
const address = /^[0-9a-f:.]{2,45}$/i

type Writable<T> = { -readonly [K in keyof T]: T[K] }

/** What a request tells of who sent it. */
export interface RequestSignals {
  /** For the envelope. */
  readonly facts: Facts
  /** For `context.geo`; undefined when the platform knows no place, or the source wants none. */
  readonly geo: Geo | undefined
  /** For the verdict on bots; undefined when the source does not ask for it. */
  readonly signals: ClientSignals | undefined
}

/**
 * Says who sent a request, from where.
 *
 * The address is CF-Connecting-IP, which nobody can forge on Cloudflare. Only where that header is missing (a local
 * server, or one behind another proxy) it is the first of X-Forwarded-For, else X-Real-IP, which are the client's word.
 * The address is given as it is; what the source's `ip` switch says is done to it before anything is stored.
 */
export function requestSignalsOf(request: Request, { enrich, webhook }: Source): RequestSignals {
  const { headers } = request
  const ip = addressIn(
    headers.get('cf-connecting-ip') ?? headers.get('x-forwarded-for')?.split(',', 1)[0] ?? headers.get('x-real-ip'),
  )
  const userAgent = headers.get('user-agent')?.slice(0, longestUserAgent)
  const cf = (request as { readonly cf?: Readonly<Record<string, unknown>> | null }).cf ?? undefined
  const geo = cf === undefined || !enrich.geo ? undefined : placeOf(cf)
  const verifiedBot = textIn(cf?.['verifiedBotCategory'])
  const facts: Writable<Facts> = {}
  if (ip !== undefined) facts.ip = ip
  if (userAgent !== undefined) facts.userAgent = userAgent
  if (geo?.country !== undefined) facts.country = geo.country
  if (geo?.region !== undefined) facts.region = geo.region
  if (geo?.city !== undefined) facts.city = geo.city
  if (geo?.asn !== undefined) facts.asn = geo.asn
  if (verifiedBot !== undefined) facts.bot = verifiedBot
  // A vendor that calls a webhook is neither where its customers are, nor a bot among them.
  if (webhook !== undefined) return { facts, geo: undefined, signals: undefined }
  if (enrich.bots.action === 'keep' && !enrich.userAgent) return { facts, geo, signals: undefined }
  const signals: Writable<ClientSignals> = { browser: isBrowser(request, userAgent) }
  if (userAgent !== undefined) signals.userAgent = userAgent
  if (verifiedBot !== undefined) signals.verifiedBot = verifiedBot
  if (cf !== undefined) addNetwork(signals, cf)
  return { facts, geo, signals: signals }
}

/**
 * True for what browsers send and servers do not: fetch metadata, an Origin, a user agent of the old form. Only images are
 * asked for with GET. Of the fetch metadata, Node's fetch sends Sec-Fetch-Mode as well, but not Sec-Fetch-Site.
 */
const isBrowser = ({ method, headers }: Request, userAgent: string | undefined): boolean =>
  method === 'GET' ||
  userAgent?.startsWith('Mozilla/') === true ||
  headers.has('origin') ||
  headers.has('sec-fetch-site')

/** https://developers.cloudflare.com/bots/reference/bot-management-variables/ (checked 2026-11-25) */
function addNetwork(signals: Writable<ClientSignals>, cf: Readonly<Record<string, unknown>>): void {
  const management = isRecord(cf['botManagement']) ? cf['botManagement'] : {}
  const { score, corporateProxy } = management
  // 0 means that it was not computed.
  if (typeof score === 'number' && score > 0) signals.score = score
  if (typeof cf['asn'] === 'number' && corporateProxy !== true) signals.asn = cf['asn']
}

const placeMembers = ['country', 'region', 'city', 'postalCode', 'timezone', 'latitude', 'longitude'] as const

function placeOf(cf: Readonly<Record<string, unknown>>): Geo | undefined {
  let geo: Writable<Geo> | undefined
  for (const member of placeMembers) {
    const value = textIn(cf[member])
    if (value !== undefined) (geo ??= {})[member] = value
  }
  const { asn } = cf
  if (typeof asn === 'number') (geo ??= {}).asn = asn
  const asOrganization = textIn(cf['asOrganization'])
  if (asOrganization !== undefined) (geo ??= {}).asOrganization = asOrganization
  return geo
}

const textIn = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)

function addressIn(header: string | null | undefined): string | undefined {
  const text = header?.trim()
  return text !== undefined && address.test(text) ? text : undefined
}
