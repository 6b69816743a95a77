import { describe, expect, test } from 'vitest'
import { fakeEdge, writeKey } from '../support/fake-edge.ts'
import { orderCompleted } from '../support/sample-events.ts'
import { call } from '../support/call.ts'

const edge = fakeEdge()
const origin = 'https://shop.example'
const settings = (key: string, more = {}) =>
  call(edge, `/v1/projects/${key}/settings`, { method: 'GET', key: null, headers: { origin }, ...more })

describe('settings', () => {
  test("the settings for Segment's SDK point analytics-next here, without a destination in the page", async () => {
    const answer = await settings(writeKey)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('access-control-allow-origin')).toBe(origin)
    expect(answer.headers.get('cache-control')).toBe('private, max-age=60')
    const json = answer.json()
    expect(Object.keys(json['integrations'] as object)).toEqual(['Segment.io'])
    expect(json).toMatchObject({
      integrations: {
        'Segment.io': { apiKey: writeKey, apiHost: 'edge.example/v1', protocol: 'https', unbundledIntegrations: [] },
      },
      metrics: { sampleRate: 0 },
      legacyVideoPluginsEnabled: false,
      remotePlugins: [],
      edgeFunction: {},
    })
  })

  test("the settings for Segment's SDK ask for cookies across origins only where the source keeps one", async () => {
    const strategy = async (of: typeof edge) => {
      const answer = await call(of, `/v1/projects/${writeKey}/settings`, { method: 'GET', key: null })
      const { integrations } = answer.json() as { integrations: Record<string, { deliveryStrategy: unknown }> }
      return integrations['Segment.io']?.deliveryStrategy
    }
    expect(await strategy(edge)).toEqual({ strategy: 'standard', config: { keepalive: true } })
    expect(await strategy(fakeEdge({ source: { identityCookie: {} } }))).toEqual({
      strategy: 'standard',
      config: { keepalive: true, credentials: 'include' },
    })
  })

  test('ask for no keepalive where an event may be larger than browsers let that be', async () => {
    const large = fakeEdge({ limits: { eventBytes: 200_000 } })
    const answer = await call(large, `/v1/projects/${writeKey}/settings`, { method: 'GET', key: null })
    expect(answer.json()).toMatchObject({
      integrations: { 'Segment.io': { deliveryStrategy: { strategy: 'standard', config: {} } } },
    })
    expect(answer.text).not.toContain('keepalive')
  })

  test.each([
    ['nobodysKey', 401, 'write_key_invalid'],
    ['closedKey', 404, 'source_disabled'],
  ])('the settings of %s are answered with a %i that a page may read', async (key, status, code) => {
    const answer = await settings(key)
    expect([answer.status, answer.json()]).toEqual([status, expect.objectContaining({ success: false, code })])
    expect(answer.headers.get('access-control-allow-origin')).toBe(origin)
  })

  test("the settings for Segment's SDK are got by GET only, and say so before they are asked", async () => {
    expect((await settings(writeKey, { method: 'POST' })).status).toBe(405)
    expect((await settings(writeKey, { method: 'OPTIONS' })).status).toBe(204)
  })
})

describe('metrics of the SDK', () => {
  test("metrics of Segment's SDK are answered and not stored", async () => {
    const series = [{ type: 'Counter', metric: 'analytics_js.invoke', value: 1, tags: { library: 'analytics.js' } }]
    const answer = await call(edge, '/v1/m', { body: { series }, key: null, headers: { origin } })
    expect([answer.status, answer.json()]).toEqual([200, { success: true }])
    expect(edge.appends).toEqual([])
  })

  test.each([
    ['an event', orderCompleted()],
    ['a batch', { batch: [orderCompleted()] }],
  ])('%s in the place of metrics are refused, not lost', async (_, body) => {
    const answer = await call(edge, '/v1/m', { body })
    expect([answer.status, answer.json()]).toMatchObject([400, { success: false, code: 'bad_request' }])
  })
})
