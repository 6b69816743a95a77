import { webhook } from '../../destinations/webhook.ts'
import type { Bindings } from '../../src/core/bindings.ts'
import type { SourceConfig } from '../../src/core/config.ts'
import type { Consent } from '../../src/core/consent.ts'
import type { Event } from '../../src/core/event.ts'
import { fingerprint } from '../../src/storage/fingerprint.ts'
import { resolveConfig } from '../../src/configure/resolve-config.ts'
import type { Stream } from '../../src/core/stream.ts'
import { Random } from './random.ts'
import type { ResolvedConfig } from '../../src/core/resolved-config.ts'

/** What happens to an event between its parsing and the append, beside what always does. */
export const features = [
  'geo',
  'user agent',
  'campaign',
  'bots',
  'address',
  'privacy',
  'consent',
  'suppression',
] as const

export type Feature = (typeof features)[number]

/** What Cloudflare tells of a connection. */
export const connection = {
  country: 'DE',
  region: 'Bremen',
  city: 'Bremen',
  postalCode: '28195',
  timezone: 'Europe/Berlin',
  latitude: '53.07516',
  longitude: '8.80777',
  asn: 3320,
  asOrganization: 'Deutsche Telekom AG',
  botManagement: { score: 90, corporateProxy: false, verifiedBot: false },
}

export const writeKey = 'yardstick'
const suppressedUsers = 10_000

/** The config with these features switched on, and all others off. */
export function configWith(on: ReadonlySet<Feature>, stream: Stream): ResolvedConfig {
  const consent = (...categories: string[]): { consent?: Consent } =>
    on.has('consent') ? { consent: { categories, provider: 'oneTrust' } } : {}
  const source: SourceConfig = {
    writeKey,
    enrich: {
      geo: on.has('geo'),
      userAgent: on.has('user agent'),
      campaign: on.has('campaign'),
      bots: on.has('bots') ? { action: 'drop', dataCenters: true } : 'keep',
      ip: on.has('address') ? 'truncate' : 'keep',
    },
    ...(on.has('privacy') ? { privacy: { hash: ['userId', 'context.traits.email', 'context.traits.phone'] } } : {}),
  }
  const use = webhook({ url: 'https://sink.example.com/events' })
  return resolveConfig(
    () => ({
      stream,
      sources: { shop: source },
      destinations: {
        ads: { use, displayName: 'Ads', ...consent('C0004') },
        analytics: { use, displayName: 'Analytics', ...consent('C0002', 'C0003') },
      },
      // Without a token nobody could have put anybody on the list of suppressed users: it is not looked at.
      ...(on.has('suppression') ? { admin: { token: 'a token of the benchmark' } } : {}),
    }),
    {},
  )
}

/** The binding of a list of suppressed users, none of whom sends anything. */
export function suppressionList(): Pick<Bindings, 'SUPPRESSION'> {
  const random = new Random(10_000)
  const prints = new Uint32Array(2 * suppressedUsers)
  for (let i = 0; i < suppressedUsers; i++) fingerprint('userId', `gone-${random.hex(12)}`, prints, 2 * i)
  const snapshot = (version: number | undefined) => Promise.resolve(version === 1 ? null : { version: 1, prints })
  return { SUPPRESSION: { getByName: () => ({ snapshot }) } } as unknown as Pick<Bindings, 'SUPPRESSION'>
}

/** Gives an event what the features look at: a known user with personal data, and the answer of a consent banner. */
export const identified = (event: Event, i: number): Event => ({
  ...event,
  userId: event.userId ?? `customer-${100_000 + (i % 50_000)}`,
  context: {
    ...event.context,
    traits: { email: `ada.lovelace${i}@example.com`, phone: `+44 20 7946 ${1_000 + (i % 9_000)}` },
    consentManagement: { provider: 'oneTrust', deniedConsentIds: ['C0005'], allowedConsentIds: ['C0002', 'C0004'] },
  },
})
