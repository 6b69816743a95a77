import type { Facts } from '../core/envelope.ts'
import type { Source } from '../core/resolve.ts'
import type { Geo } from '../pipeline/enrich.ts'
import type { Sight } from '../pipeline/sight.ts'

const longestUserAgent = 512
const address = /^[0-9a-f:.]{2,45}$/i

/**
 * Says who sent a request, from where.
 *
 * The address is CF-Connecting-IP, which nobody can forge on Cloudflare. Only where that header is missing (a local
 * server, or one behind another proxy) it is the first of X-Forwarded-For, else X-Real-IP, which are the client's word.
 *
 * @returns facts for the envelope, and the place for `context.geo` when the platform knows one
 */
export function factsOf(
  request: Request,
  _source: Source,
): { readonly facts: Facts; readonly geo: Geo | undefined; readonly sight?: Sight } {
  const { headers } = request
  const ip = addressIn(
    headers.get('cf-connecting-ip') ?? headers.get('x-forwarded-for')?.split(',', 1)[0] ?? headers.get('x-real-ip'),
  )
  const userAgent = headers.get('user-agent')?.slice(0, longestUserAgent)
  const cf = (request as { readonly cf?: Readonly<Record<string, unknown>> | null }).cf ?? undefined
  const geo = cf === undefined ? undefined : placeOf(cf)
  const bot = textIn(cf?.['verifiedBotCategory'])
  const facts: { -readonly [K in keyof Facts]: Facts[K] } = {}
  if (ip !== undefined) facts.ip = ip
  if (userAgent !== undefined) facts.userAgent = userAgent
  if (geo?.country !== undefined) facts.country = geo.country
  if (geo?.region !== undefined) facts.region = geo.region
  if (geo?.city !== undefined) facts.city = geo.city
  if (bot !== undefined) facts.bot = bot
  return { facts, geo }
}

const placeMembers = ['country', 'region', 'city', 'postalCode', 'timezone', 'latitude', 'longitude'] as const

function placeOf(cf: Readonly<Record<string, unknown>>): Geo | undefined {
  let geo: { -readonly [K in keyof Geo]: Geo[K] } | undefined
  for (const member of placeMembers) {
    const value = textIn(cf[member])
    if (value !== undefined) (geo ??= {})[member] = value
  }
  return geo
}

const textIn = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)

function addressIn(header: string | null | undefined): string | undefined {
  const text = header?.trim()
  return text !== undefined && address.test(text) ? text : undefined
}
