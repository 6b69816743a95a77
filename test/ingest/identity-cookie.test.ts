import { describe, expect, test } from 'vitest'
import type { IdentityCookie } from '../../src/core/identity-cookie.ts'
import { fakeEdge, writeKey } from '../support/fake-edge.ts'
import { orderCompleted } from '../support/sample-events.ts'
import { call } from '../support/call.ts'

const origin = 'https://www.shop.example'

function browser(identityCookie?: IdentityCookie) {
  const edge = fakeEdge(identityCookie === undefined ? {} : { source: { identityCookie } })
  const send = (events: readonly Record<string, unknown>[], headers: Record<string, string> = { origin }) =>
    call(edge, '/v1/batch', { body: { batch: events }, headers })
  return { edge, send }
}

const idsAt = (edge: ReturnType<typeof fakeEdge>) => edge.events().map(({ anonymousId }) => anonymousId)
const consent = { provider: 'oneTrust', categories: ['C0002'] } as const
const setCookie = async (answer: ReturnType<ReturnType<typeof browser>['send']>) =>
  (await answer).headers.get('set-cookie')

describe('the identity cookie', () => {
  test('the identity cookie is off by default', async () => {
    const { edge, send } = browser()
    expect(await setCookie(send([orderCompleted()], { origin, cookie: 'sw_id=anon-old' }))).toBeNull()
    expect(idsAt(edge)).toEqual(['anon-ada'])
  })

  test('the identity cookie is set in the answer to the first event, out of reach of scripts', async () => {
    expect(await setCookie(browser({}).send([orderCompleted()]))).toBe(
      'sw_id=anon-ada; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax; Secure',
    )
  })

  test('the identity cookie has the name, domain and age of the config', async () => {
    const rules = { name: 'visitor', domain: 'shop.example', maxAgeDays: 400 }
    expect(await setCookie(browser(rules).send([orderCompleted({ anonymousId: 'ada; Lovelace' })]))).toBe(
      'visitor=ada%3B%20Lovelace; Path=/; Max-Age=34560000; HttpOnly; SameSite=Lax; Secure; Domain=shop.example',
    )
  })

  test('the identity cookie has no Secure on plain http, where a browser would not keep it', async () => {
    const { visitorOf } = await import('../../src/ingest/identity-cookie.ts')
    const request = new Request('http://localhost:8787/v1/track', { method: 'POST', headers: { origin } })
    expect(visitorOf(request, {}, { events: [orderCompleted()] }).cookie).not.toContain('Secure')
  })

  test('the identity cookie brings the old anonymousId back, and is renewed', async () => {
    const { edge, send } = browser({})
    const headers = { origin, cookie: 'theme=dark; sw_id=anon-ada; other=1' }
    expect(await setCookie(send([orderCompleted({ anonymousId: 'anon-new' })], headers))).toContain('sw_id=anon-ada;')
    expect(idsAt(edge)).toEqual(['anon-ada'])
  })

  test('the identity cookie is never set for a server', async () => {
    const { edge, send } = browser({})
    expect(await setCookie(send([orderCompleted()], { 'user-agent': 'analytics-node/3.1.0' }))).toBeNull()
    expect(idsAt(edge)).toEqual(['anon-ada'])
  })

  test('the identity cookie takes no sides in a request of several visitors', async () => {
    const { edge, send } = browser({})
    const both = [orderCompleted(), orderCompleted({ messageId: 'order-2', anonymousId: 'anon-grace' })]
    expect(await setCookie(send(both))).toBeNull()
    await send(both, { origin, cookie: 'sw_id=anon-old' })
    expect(idsAt(edge)).toEqual(['anon-ada', 'anon-grace', 'anon-ada', 'anon-grace'])
  })

  test.each(['sw_id=', 'sw_id=%', `sw_id=${'a'.repeat(257)}`, 'sw_id=a%0Ab', 'xsw_id=anon-old', 'sw_id'])(
    'the identity cookie is no visitor when it is %s',
    async (cookie) => {
      const { edge, send } = browser({})
      expect(await setCookie(send([orderCompleted()], { origin, cookie }))).toContain('sw_id=anon-ada;')
      expect(idsAt(edge)).toEqual(['anon-ada'])
    },
  )

  test('the identity cookie is the first that is a visitor, where a browser has several of its name', async () => {
    const { edge, send } = browser({})
    await send([orderCompleted()], { origin, cookie: 'sw_id=; sw_id=%; sw_id=anon-old; sw_id=anon-older' })
    expect(idsAt(edge)).toEqual(['anon-old'])
  })

  test.each([
    [
      'a page of another site',
      { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' },
    ],
    ['a form of another site', { origin: 'null', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }],
    ['a link in a chat', { 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate' }],
  ])('the identity cookie is neither given, changed nor read by what %s sends', async (_, headers) => {
    const { edge, send } = browser({})
    expect(await setCookie(send([orderCompleted({ anonymousId: 'anon-mallory' })], headers))).toBeNull()
    const cookie = 'sw_id=anon-ada'
    expect(await setCookie(send([orderCompleted({ anonymousId: 'anon-mallory' })], { ...headers, cookie }))).toBeNull()
    expect(idsAt(edge)).toEqual(['anon-mallory', 'anon-mallory'])
    const link = `/pixel/v1/page?writeKey=${writeKey}&anonymousId=anon-mallory`
    expect((await call(edge, link, { method: 'GET', key: null, headers })).headers.get('set-cookie')).toBeNull()
  })

  test('the identity cookie is kept for pages of the same site', async () => {
    const headers = { origin, 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'cors' }
    expect(await setCookie(browser({}).send([orderCompleted()], headers))).toContain('sw_id=anon-ada;')
  })

  test('the identity cookie comes with a pixel as well', async () => {
    const { edge } = browser({})
    const answer = await call(edge, `/pixel/v1/page?writeKey=${writeKey}&anonymousId=anon-new`, {
      method: 'GET',
      key: null,
      headers: { referer: origin, cookie: 'sw_id=anon-ada' },
    })
    expect(answer.headers.get('set-cookie')).toContain('sw_id=anon-ada;')
    expect(idsAt(edge)).toEqual(['anon-ada'])
  })
})

describe('with consent, the identity cookie', () => {
  const allowed = { consentManagement: { provider: 'oneTrust', allowedConsentIds: ['C0002'], deniedConsentIds: [] } }
  const denied = { consentManagement: { provider: 'oneTrust', allowedConsentIds: [], deniedConsentIds: ['C0002'] } }

  test('the identity cookie of a source with consent is set once an event allows it', async () => {
    expect(await setCookie(browser({ consent }).send([orderCompleted({ context: allowed })]))).toContain('anon-ada')
  })

  test('the identity cookie of a source with consent is not set when no event speaks of consent', async () => {
    expect(await setCookie(browser({ consent }).send([orderCompleted({ context: {} })]))).toBeNull()
  })

  test.each([
    ['says nothing', {}],
    ['says nothing of these categories', { consentManagement: { provider: 'oneTrust', allowedConsentIds: ['C0001'] } }],
  ])(
    'the identity cookie of a source with consent is neither read nor deleted by an event that %s, as one from before the banner',
    async (_, context) => {
      const { edge, send } = browser({ consent })
      expect(await setCookie(send([orderCompleted({ context })], { origin, cookie: 'sw_id=anon-old' }))).toBeNull()
      expect(idsAt(edge)).toEqual(['anon-ada'])
    },
  )

  test('the identity cookie of a source with consent stays when one event of a batch is no event', async () => {
    const events = [orderCompleted({ context: allowed }), null as unknown as Record<string, unknown>]
    const { send } = browser({ consent })
    expect(await setCookie(send(events, { origin, cookie: 'sw_id=anon-old' }))).toBeNull()
  })

  test('the identity cookie of a source with consent is neither set nor read for events that deny it, and is deleted', async () => {
    const { edge, send } = browser({ consent })
    expect(await setCookie(send([orderCompleted({ context: denied })]))).toBeNull()
    const headers = { origin, cookie: 'sw_id=anon-old' }
    expect(await setCookie(send([orderCompleted({ context: denied })], headers))).toContain(
      'sw_id=; Path=/; Max-Age=0;',
    )
    expect(idsAt(edge)).toEqual(['anon-ada', 'anon-ada'])
  })
})

describe('POST /v1/reset', () => {
  const reset = (identityCookie?: IdentityCookie) =>
    call(browser(identityCookie).edge, `/v1/reset?writeKey=${writeKey}`, { key: null, headers: { origin } })

  test('POST /v1/reset deletes the identity cookie', async () => {
    const answer = await reset({ domain: 'shop.example' })
    expect([answer.status, answer.json()]).toEqual([200, { success: true }])
    expect(answer.headers.get('set-cookie')).toBe(
      'sw_id=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure; Domain=shop.example',
    )
  })

  test.each(['cross-site', 'none'])('POST /v1/reset is not for forms, links and other sites (%s)', async (site) => {
    const headers = { 'sec-fetch-site': site, 'sec-fetch-mode': 'navigate' }
    const answer = await call(browser({}).edge, `/v1/reset?writeKey=${writeKey}`, { key: null, headers })
    expect([answer.status, answer.json(), answer.headers.get('set-cookie')]).toMatchObject([
      400,
      { code: 'bad_request' },
      null,
    ])
  })

  test('POST /v1/reset does nothing where there is no cookie, and asks for a write key', async () => {
    expect((await reset()).headers.get('set-cookie')).toBeNull()
    expect((await call(browser({}).edge, '/v1/reset', { key: null })).status).toBe(401)
  })
})
