import { describe, expect, test } from 'vitest'
import { ingestRoutes } from '../../src/ingest/routes.ts'
import { fakeEdge, writeKey } from '../support/fake-edge.ts'
import { orderCompleted } from '../support/sample-events.ts'
import { basic } from '../support/call.ts'

function mounted(ingest: string) {
  const edge = fakeEdge({ resolved: { paths: { ingest, sdk: '/s', beacon: '/n' } } })
  const ask = (path: string, init: RequestInit = {}) =>
    ingestRoutes.fetch(new Request(`https://shop.example${path}`, init), edge.context)
  return { edge, ask }
}

const event = JSON.stringify(orderCompleted())
const batch = JSON.stringify({ batch: [orderCompleted()] })
const headers = { authorization: basic(writeKey) }

/** Every surface, with a request that it answers with 200. */
const surfacesOf: [string, RequestInit][] = [
  ['/v1/track', { method: 'POST', body: event, headers }],
  ['/v1/t', { method: 'POST', body: event, headers }],
  ['/v1/batch/', { method: 'POST', body: batch, headers }],
  ['/v1/import', { method: 'POST', body: batch, headers }],
  [`/beacon/v1/batch?writeKey=${writeKey}`, { method: 'POST', body: batch }],
  [`/n/v1/batch?writeKey=${writeKey}`, { method: 'POST', body: batch }],
  [`/pixel/v1/page?writeKey=${writeKey}&anonymousId=ada`, {}],
  ['/sourceConfig/', { headers }],
  [`/v1/projects/${writeKey}/settings`, {}],
  ['/v1/m', { method: 'POST', body: '{"series":[]}' }],
  ['/v1/reset', { method: 'POST', headers }],
]

describe.each([['/e'], ['/collect/e']])('with paths.ingest %s', (prefix) => {
  test.each(surfacesOf)('the route %s is under paths.ingest, and nowhere else', async (path, init) => {
    const { ask } = mounted(prefix)
    expect((await ask(`${prefix}${path}`, init)).status).toBe(200)
    expect((await ask(path, init)).status).toBe(404)
    expect((await ask(`${prefix}er${path}`, init)).status).toBe(404)
  })

  test.each(['/', '/health', '/version', '/robots.txt'])(
    'the route %s is told at the root as well as under paths.ingest',
    async (path) => {
      expect((await mounted(prefix).ask(path)).status).toBe(200)
      expect((await mounted(prefix).ask(`${prefix}${path}`)).status).toBe(200)
    },
  )

  test('an event arrives under the prefix of paths.ingest', async () => {
    const { edge, ask } = mounted(prefix)
    await ask(`${prefix}/v1/t`, { method: 'POST', body: event, headers })
    expect(edge.events()).toMatchObject([{ event: 'Order Completed', messageId: 'order-1' }])
  })

  test('Segment’s SDK is sent to the prefix of paths.ingest too', async () => {
    const settings = await (await mounted(prefix).ask(`${prefix}/v1/projects/${writeKey}/settings`)).json()
    expect(settings).toMatchObject({ integrations: { 'Segment.io': { apiHost: `shop.example${prefix}/v1` } } })
  })
})

test.each(['//sourceConfig?p=ios&v=1.32.0', '//sourceConfig/'])(
  'mobile SDKs ask %s first, and are answered',
  async (path) => {
    expect((await mounted('').ask(path, { headers })).status).toBe(200)
    expect((await mounted('/e').ask(`/e${path}`, { headers })).status).toBe(200)
  },
)
