import { createHmac } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { shopify } from '../../src/sources/shopify.ts'
import { topicOf } from '../../src/sources/shopify/topics.ts'
import { call } from '../support/call.ts'
import { type FakeEdge, fakeEdge, type EdgeOptions, writeKey } from '../support/fake-edge.ts'
import { IdentityHarness } from './identity-harness.ts'

const secret = 'hush-of-the-shop'
const cart = 'Z2NwLXVzLWVhc3QxOjAxSjk3UFg4RlFZMjVTVkRHRlc1RlI3SlRY'
const client = '1f4a2d8c-9b1e-4f57-9a53-0f2f6f1c7a11'

let identity: IdentityHarness
beforeAll(async () => void (identity = await IdentityHarness.start()))
afterAll(() => identity.stop())

const noBucket = { put: () => Promise.reject(new Error('R2 is unavailable')) }

/** An edge whose shop remembers in the real object, under a name of its own. */
const shopEdge = (name: string, options: EdgeOptions = {}): FakeEdge =>
  fakeEdge({
    ...options,
    source: { webhook: shopify({ secret }) },
    // What the log does not take has nowhere else to go.
    bindings: { IDENTITY: { getByName: () => identity.of(name) }, BUCKET: noBucket, ...options.bindings },
  })

/** What the pixel sends from Ada's browser. */
const sendPixel = (edge: FakeEdge, name: string, id: string, event: { data?: unknown; path?: string } = {}) =>
  call(edge, `/v1/webhook?writeKey=${writeKey}&version=pixel`, {
    key: null,
    body: {
      id,
      name,
      clientId: client,
      type: 'standard',
      timestamp: '2026-11-22T09:58:00.000Z',
      pixelEventLabel: true,
      data: event.data ?? {},
      context: { document: { location: { pathname: event.path ?? '/' } } },
    },
  })

/** What Shopify sends. */
function sendHook(
  edge: FakeEdge,
  topic: string,
  body: unknown,
  { id = 'hook-1', key = secret, query = '&version=pixel' } = {},
) {
  const raw = JSON.stringify(body)
  return call(edge, `/v1/webhook?writeKey=${writeKey}${query}`, {
    key: null,
    raw,
    headers: {
      'x-shopify-topic': topic,
      'x-shopify-webhook-id': id,
      'x-shopify-hmac-sha256': createHmac('sha256', key).update(raw).digest('base64'),
    },
  })
}

const variant = {
  id: '808950810',
  price: { amount: 19, currencyCode: 'GBP' },
  product: { id: '632910392', title: 'Monopoly' },
}
const order = {
  id: 5778367414385,
  cart_token: cart,
  total_price: '39.95',
  total_tax: '1.95',
  currency: 'GBP',
  updated_at: '2026-11-22T09:59:30Z',
  customer: { id: 7474569543, email: 'ada@example.com', first_name: 'Ada', last_name: 'Lovelace' },
  line_items: [{ product_id: 632910392, name: 'Monopoly', price: '19.00', quantity: 2 }],
}

test('the order of a visitor who looks, puts into the cart and checks out is theirs, and they are known afterwards', async () => {
  const edge = shopEdge('story')
  await sendPixel(edge, 'product_viewed', 'sh-1', { data: { productVariant: variant }, path: '/products/monopoly' })
  await sendPixel(edge, 'product_added_to_cart', 'sh-2', { data: { cartLine: { quantity: 2, merchandise: variant } } })
  await sendPixel(edge, 'checkout_started', 'sh-3', {
    data: { checkout: {} },
    path: `/checkouts/cn/${cart}/information`,
  })
  // Whoever has the cart is still known when the object starts anew.
  await identity.restart()
  expect(await sendHook(edge, 'orders/create', order)).toMatchObject({ status: 200, text: 'OK' })
  await sendPixel(edge, 'page_viewed', 'sh-4')

  expect(edge.events().map((event) => [event['type'], event['event'], event['anonymousId'], event['userId']])).toEqual([
    ['track', 'Product Viewed', client, undefined],
    ['track', 'Product Added', client, undefined],
    ['track', 'Checkout Started', client, undefined],
    ['track', 'Order Created', client, '7474569543'],
    ['identify', undefined, client, '7474569543'],
    ['page', undefined, client, '7474569543'],
  ])
  const [, , , created, identified] = edge.events()
  expect(created).toMatchObject({
    messageId: 'hook-1',
    timestamp: '2026-11-22T09:59:30.000Z',
    properties: { order_id: '5778367414385', value: '39.95', products: [{ title: 'Monopoly', quantity: 2 }] },
  })
  expect(identified).toMatchObject({
    messageId: 'hook-1-identify',
    traits: { email: 'ada@example.com', firstName: 'Ada', lastName: 'Lovelace' },
  })
  // All of it goes one way, so that it stays in order.
  expect(new Set(edge.envelopes().map(({ key }) => key))).toEqual(new Set([client]))
})

test('a pixel in the sandbox of the browser may read the answer, and may ask for it first', async () => {
  const edge = shopEdge('browser')
  const path = `/v1/webhook?writeKey=${writeKey}&version=pixel`
  const headers = { origin: 'null', 'content-type': 'application/json' }
  const asked = await call(edge, path, { key: null, method: 'OPTIONS', headers })
  const answered = await call(edge, path, { key: null, headers, body: { name: 'clicked', pixelEventLabel: true } })
  for (const { headers } of [asked, answered]) expect(headers.get('access-control-allow-origin')).toBe('null')
  expect([answered.status, answered.text, answered.headers.get('content-type')]).toEqual([200, 'OK', 'text/plain'])
})

test('the cart is forgotten after 12 hours, the visitor after 24', async () => {
  const edge = shopEdge('forgetful')
  const hour = 3_600_000
  await sendPixel(edge, 'checkout_started', 'sh-1', { path: `/checkouts/cn/${cart}` })
  await identity.ahead(12 * hour - 60_000)
  await sendHook(edge, 'orders/create', order)
  await identity.ahead(12 * hour + 60_000)
  await sendHook(edge, 'orders/paid', { ...order, customer: undefined }, { id: 'hook-2' })
  await identity.ahead(36 * hour - 120_000)
  await sendPixel(edge, 'page_viewed', 'sh-2')
  await identity.ahead(36 * hour)
  await sendPixel(edge, 'page_viewed', 'sh-3')
  await identity.ahead(0)
  const ids = edge.events().map((event) => [event['event'] ?? event['type'], event['anonymousId'], event['userId']])
  expect(ids).toEqual([
    ['Checkout Started', client, undefined],
    ['Order Created', client, '7474569543'],
    ['identify', client, '7474569543'],
    ['Order Paid', '746d27b2-fafe-5519-9547-3bc9d9da3f8d', undefined],
    ['page', client, '7474569543'],
    ['page', client, undefined],
  ])
})

test('the older tracker tells whose cart it is, and changes of the cart are told once', async () => {
  const edge = shopEdge('tracker')
  const tell = { query: '' }
  const path = `/v1/webhook?writeKey=${writeKey}`
  const body = { event: 'rudderIdentifier', anonymousId: 'anon-of-ada', cartToken: cart }
  expect(await call(edge, path, { key: null, body })).toMatchObject({ status: 200, text: 'OK' })
  const held = { id: cart, token: cart, line_items: order.line_items }
  await sendHook(edge, 'carts/update', held, { ...tell, id: 'hook-1' })
  await sendHook(edge, 'carts/update', { ...held, note: 'gift' }, { ...tell, id: 'hook-2' })
  await sendHook(edge, 'carts/update', { ...held, line_items: [] }, { ...tell, id: 'hook-3' })
  expect(edge.events().map((event) => [event['event'], event['messageId'], event['anonymousId']])).toEqual([
    ['Cart Update', 'hook-1', 'anon-of-ada'],
    ['Cart Update', 'hook-3', 'anon-of-ada'],
  ])
})

test('a change of the cart that could not be stored is told when Shopify repeats it', async () => {
  let broken = true
  const edge = shopEdge('repeats', {
    onAppend: () => {
      if (broken) throw new Error('the log is unavailable')
    },
  })
  const held = { id: cart, token: cart, line_items: order.line_items }
  expect((await sendHook(edge, 'carts/update', held, { id: 'hook-1' })).status).toBe(503)
  broken = false
  expect((await sendHook(edge, 'carts/update', held, { id: 'hook-1' })).status).toBe(200)
  expect(edge.events().map(({ messageId }) => messageId)).toEqual(['hook-1'])
})

test('a memory that is unavailable for a moment loses nothing; one that stays away lets Shopify call again, and keeps what no page repeats', async () => {
  let failures = 0
  const memory = identity.of('deploy')
  const reach = <T>(work: () => Promise<T>) =>
    failures-- > 0 ? Promise.reject(Object.assign(new Error('the object was reset'), { retryable: true })) : work()
  const object = {
    get: (key: string) => reach(() => memory.get(key)),
    set: (...given: Parameters<typeof memory.set>) => reach(() => memory.set(...given)),
  }
  const edge = shopEdge('deploy', { bindings: { IDENTITY: { getByName: () => object } } })
  failures = 1
  expect((await sendPixel(edge, 'checkout_started', 'sh-1', { path: `/checkouts/cn/${cart}` })).status).toBe(200)
  failures = 1
  expect((await sendHook(edge, 'orders/create', order)).status).toBe(200)
  expect(edge.events().map(({ anonymousId }) => anonymousId)).toEqual([client, client, client])

  failures = 2
  const later = await sendHook(edge, 'orders/paid', order, { id: 'hook-2' })
  expect([later.status, later.headers.get('retry-after')]).toEqual([503, '2'])
  expect(edge.deadLetters).toEqual([])

  failures = 2
  const path = `/v1/webhook?writeKey=${writeKey}&version=pixel`
  const body = {
    pixelEventLabel: true,
    name: 'checkout_started',
    id: 'sh-2',
    clientId: client,
    data: { checkout: { token: cart } },
  }
  const headers = { origin: 'https://ada.myshopify.com' }
  expect((await call(edge, path, { key: null, body, headers })).status).toBe(503)
  expect(edge.deadLetters).toMatchObject([
    { code: 'source_failed', source: 'shop', event: expect.stringContaining('sh-2') },
  ])
})

test('a call that nobody signed makes no order, whatever it claims', async () => {
  const edge = shopEdge('forged')
  const label = { pixelEventLabel: true, clientId: client, name: 'orders_create' }
  expect((await sendHook(edge, 'orders/create', order, { key: 'guessed' })).status).toBe(401)
  const path = `/v1/webhook?writeKey=${writeKey}&version=pixel&topic=orders_create`
  expect((await call(edge, path, { key: null, body: order })).status).toBe(401)
  expect((await call(edge, path, { key: null, body: { ...order, ...label } })).status).toBe(200)
  expect((await call(edge, path, { key: null, body: { ...order, event: 'rudderIdentifier' } })).status).toBe(200)
  expect(edge.events()).toEqual([])
  expect(edge.deadLetters).toEqual([])
  await expect.poll(() => edge.counters, { timeout: 3_000 }).toEqual({ 'refused:shop': 2, 'ignored:shop': 2 })
})

test.each([
  [
    'orders_create&version=pixel',
    '{"id":{"toString":1},"line_items":[{"product_id":{"toString":1}},null,5],"customer":{"id":{}}}',
  ],
  [
    'carts_update',
    '{"token":{"toString":1},"updated_at":{"toString":1},"note_attributes":[null,{"name":"rudderAnonymousId","value":{}}]}',
  ],
  ['__proto__', '{"__proto__":{"topic":1}}'],
  [
    '',
    '{"pixelEventLabel":1,"name":"page_viewed","clientId":{"toString":1},"context":{"document":{"location":{"pathname":{"toString":1},"search":5}}}}',
  ],
  [
    '',
    '{"pixelEventLabel":1,"name":"checkout_completed","data":{"checkout":{"lineItems":{"a":1},"discountApplications":[null]}}}',
  ],
  ['', '{"event":"rudderIdentifier","anonymousId":{"toString":1},"cart":null}'],
])('a payload whose fields are none of what they should be harms nobody: %s %s', async (topic, raw) => {
  const edge = fakeEdge({ source: { webhook: shopify({}) }, bindings: { IDENTITY: identity.binding } })
  const path = `/v1/webhook?writeKey=${writeKey}&topic=${topic}`
  expect((await call(edge, path, { key: null, raw })).status).toBe(200)
  expect(edge.deadLetters).toEqual([])
})

const names = (pixel: boolean, topics: readonly string[]) => topics.map((topic) => topicOf(topic, { pixel })?.event)

test('the orders, checkouts and fulfilments of both generations have the names that RudderStack gives them', () => {
  const topics = ['checkouts_create', 'checkouts_update', 'orders_create', 'orders_updated', 'orders_cancelled']
  expect(names(false, topics)).toEqual([
    'Checkout Started',
    'Checkout Updated',
    'Order Created',
    'Order Updated',
    'Order Cancelled',
  ])
  expect(names(true, topics)).toEqual([
    'Checkout Started Webhook',
    'Checkout Updated',
    'Order Created',
    'Order Updated',
    'Order Cancelled',
  ])
  const others = ['carts_update', 'orders_paid', 'orders_delete', 'fulfillments_create', 'orders_partially_fullfilled']
  for (const pixel of [false, true])
    expect(names(pixel, others)).toEqual([
      'Cart Update',
      'Order Paid',
      'Order Deleted',
      'Fulfillments Create',
      'Order Partially Fulfilled',
    ])
})
