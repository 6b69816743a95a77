import type { SourceConfig } from '../../src/core/config.ts'
import { ingestRoutes } from '../../src/ingest/routes.ts'
import { basic } from './call.ts'
import { fakeEdge, writeKey } from './fake-edge.ts'

/** What Cloudflare tells of a connection from a Telekom line in Bremen. */
export const bremen = {
  country: 'DE',
  region: 'Bremen',
  city: 'Bremen',
  postalCode: '28195',
  timezone: 'Europe/Berlin',
  latitude: '53.07516',
  longitude: '8.80777',
  asn: 3320,
  asOrganization: 'Deutsche Telekom AG',
}

/** The address that the requests come from. */
export const address = '203.0.113.9'

export const agents = {
  chrome:
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  iphone:
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.3 Mobile/15E148 Safari/604.1',
  pixel:
    'Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36',
  reducedAndroid:
    'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36',
  googlebot: 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)',
  headless:
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/140.0.0.0 Safari/537.36',
  gmail: 'Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)',
  requests: 'python-requests/2.32.3',
} as const

interface Sending {
  readonly source?: Partial<SourceConfig>
  /** What Cloudflare tells; nothing when left out. */
  readonly cf?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
  readonly path?: string
  readonly method?: 'GET' | 'POST'
}

/** Sends events over HTTP and says what became of them. */
export async function send(events: readonly unknown[], sending: Sending = {}) {
  const { source, cf, headers, path = '/v1/batch', method = 'POST' } = sending
  const edge = fakeEdge(source === undefined ? {} : { source })
  const request = new Request(`https://edge.example${path}`, {
    method,
    headers: { authorization: basic(writeKey), 'cf-connecting-ip': address, ...headers },
    ...(method === 'POST' ? { body: JSON.stringify({ batch: events }) } : {}),
  })
  const response = await ingestRoutes.fetch(cf === undefined ? request : Object.assign(request, { cf }), edge.context)
  const text = await response.text()
  return {
    edge,
    answer: text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {},
    events: edge.events(),
    contexts: edge.events().map((event) => event['context'] as Record<string, unknown>),
    facts: edge.envelopes()[0]?.header.facts,
  }
}
