import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Webhook } from 'standardwebhooks'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { webhook } from '../../destinations/webhook.ts'
import { Envelope } from '../../src/core/envelope.ts'

const url = 'https://crm.ada.dev/events'
const secret = `whsec_${btoa('secret of the shop of Ada Lovelace')}`
const now = Date.parse('2026-11-22T10:00:01.500Z')

const envelope = (id: string, text: string) =>
  new Envelope({ id, key: 'ada', source: 'shop', receivedAt: '2026-11-22T10:00:01.000Z', to: [], facts: {} }, text)

async function send(settings: Parameters<typeof webhook>[0], ...events: [id: string, text: string][]) {
  const destination = webhook(settings)
  expect(destination.problems).toEqual([])
  const items = events.flatMap(([id, text]) => destination.encode(envelope(id, text)) ?? [])
  return destination.request(items, { now })
}

afterEach(() => {
  vi.useRealTimers()
})

/** Verifies as a receiver does, at the time of the request. */
function verify(given: Webhook, { body, headers }: Awaited<ReturnType<typeof send>>): unknown {
  vi.useFakeTimers({ now, toFake: ['Date'] })
  return given.verify(body ?? '', { ...headers })
}

describe('a webhook', () => {
  test('a webhook sends the text of an event byte for byte, without reading it', async () => {
    const text = '{"type": "track",  "total":1.00, "big":12345678901234567890, "name":"Ada\\u0020Lovelace"}'
    expect((await send({ url }, ['order-1', text])).body).toBe(text)
    expect((await send({ url, batch: true }, ['order-1', text], ['order-2', '{}'])).body).toBe(`[${text},{}]`)
  })

  test('a webhook is believed by the Standard Webhooks library', async () => {
    const text = '{"type":"identify","traits":{"city":"København"}}'
    const request = await send({ url, secret }, ['identify-ada', text])
    expect(verify(new Webhook(secret), request)).toEqual(JSON.parse(text))
    const plain = await send({ url, secret: 'secret of the shop' }, ['identify-ada', text])
    expect(verify(new Webhook('secret of the shop', { format: 'raw' }), plain)).toEqual(JSON.parse(text))
  })

  test('a webhook is believed with every id and in batches', async () => {
    for (const id of ['order.1', 'Bestellung 42 ü', '\ud800', '%', '日本', 'a~b'])
      expect(verify(new Webhook(secret), await send({ url, secret }, [id, '{}']))).toEqual({})
    const batch = await send({ url, secret, batch: true }, ['order-1', '{}'], ['order.2', '{}'])
    expect(verify(new Webhook(secret), batch)).toEqual([{}, {}])
  })

  test('a webhook names an event with a very long messageId by its hash, so that servers take the header', async () => {
    const id = 'ﷺ'.repeat(20_000)
    const request = await send({ url, secret }, [id, '{}'])
    expect(request.headers['webhook-id']).toMatch(/^sha256-[0-9a-f]{64}$/)
    expect((await send({ url, secret }, [id, '{}'])).headers['webhook-id']).toBe(request.headers['webhook-id'])
    expect(verify(new Webhook(secret), request)).toEqual({})
    const batch = await send({ url, secret, batch: true }, [id, '{}'], ['order-2', '{}'])
    expect(batch.headers['webhook-id']).toMatch(/^sha256-[0-9a-f]{64}~order-2~2$/)
  })

  test('a webhook is not believed when its body, id or secret is another', async () => {
    const request = await send({ url, secret }, ['order-1', '{"total":1}'])
    const another = new Webhook(`whsec_${btoa('secret of the shop of Charles Babbage')}`)
    expect(() => verify(another, request)).toThrow('No matching signature')
    expect(() => verify(new Webhook(secret), { ...request, body: '{"total":2}' })).toThrow('No matching signature')
    const headers = { ...request.headers, 'webhook-id': 'order-2' }
    expect(() => verify(new Webhook(secret), { ...request, headers })).toThrow('No matching signature')
  })

  test('a webhook keeps its id from attempt to attempt, while the time and the signature are those of the attempt', async () => {
    const destination = webhook({ url, secret })
    const item = { id: 'order-1', text: '{}' }
    const first = await destination.request([item], { now })
    const second = await destination.request([item], { now: now + 60_000 })
    expect(second.headers['webhook-id']).toBe(first.headers['webhook-id'])
    expect(Number(second.headers['webhook-timestamp']) - Number(first.headers['webhook-timestamp'])).toBe(60)
    expect(second.headers['webhook-signature']).not.toBe(first.headers['webhook-signature'])
  })

  test('a webhook destination signs with its own secret, also when several take turns', async () => {
    const other = `whsec_${btoa('secret of the shop of Charles Babbage')}`
    for (const one of [secret, other, secret])
      expect(verify(new Webhook(one), await send({ url, secret: one }, ['order-1', '{}']))).toEqual({})
  })

  test('a webhook destination takes as many events at once as maxBatch says, and one without batch', () => {
    expect(webhook({ url }).limits).toMatchObject({ events: 1, bytes: 1_000_000 })
    expect(webhook({ url, batch: true }).limits.events).toBe(100)
    expect(webhook({ url, batch: true, maxBatch: 10 }).limits.events).toBe(10)
    expect(webhook({ url, maxBatch: 10 }).limits.events).toBe(1)
  })
})

describe('the settings of a webhook', () => {
  test.each<[string, Parameters<typeof webhook>[0], string]>([
    ['no URL', { url: undefined }, '"url" is missing: Where events are sent.'],
    ['http', { url: 'http://crm.ada.dev/' }, '"url" must begin with https: (unless "allowPrivate" is true, for tests)'],
    [
      'an address of the cloud itself',
      { url: 'https://169.254.169.254/latest/' },
      '"url" must name a public host: 169.254.169.254 is link-local, where clouds keep their metadata (unless "allowPrivate" is true, for tests)',
    ],
    [
      'the same address as one number',
      { url: 'https://2852039166/' },
      '"url" must name a public host: 169.254.169.254 is link-local, where clouds keep their metadata (unless "allowPrivate" is true, for tests)',
    ],
    ['a user in the URL', { url: 'https://ada:pw@crm.ada.dev/' }, '"url" must not hold a user or password'],
    ['another scheme', { url: 'ftp://crm.ada.dev/' }, '"url" must be an http(s) URL'],
    ['a short secret', { url, secret: 'ada' }, '"secret" must have at least 16 characters'],
    [
      'a secret that is no base64',
      { url, secret: 'whsec_ä' },
      '"secret" must be "whsec_" and base64 of at least 24 bytes; make one with `openssl rand -base64 32`',
    ],
    [
      'a secret of few bytes',
      { url, secret: `whsec_${btoa('ada')}` },
      '"secret" must be "whsec_" and base64 of at least 24 bytes; make one with `openssl rand -base64 32`',
    ],
    [
      'a header that belongs to the signature',
      { url, headers: { 'Webhook-Id': '1' } },
      '"headers" cannot set "Webhook-Id": the webhook sets it',
    ],
    [
      'a header whose secret is not set',
      { url, headers: { 'x-key': undefined } },
      '"headers" has no value for "x-key"',
    ],
    ['a batch of none', { url, batch: true, maxBatch: 0 }, '"maxBatch" must be a whole number from 1 to 1000'],
  ])('the settings of a webhook are refused with %s', (_what, settings, problem) => {
    expect(webhook(settings).problems).toEqual([problem])
  })

  test('the settings of a webhook may name this machine when allowPrivate is set', () => {
    expect(webhook({ url: 'http://127.0.0.1:8787/demo/sink', allowPrivate: true }).problems).toEqual([])
  })

  test('the settings of a webhook are shown without secrets', () => {
    const { redacted } = webhook({ url, secret, headers: { authorization: 'Bearer token-of-ada' } })
    expect(redacted).toEqual({
      url,
      method: 'POST',
      secret: '***',
      headers: { authorization: '***' },
      batch: false,
      maxBatch: 100,
      allowPrivate: false,
    })
  })
})

test('the signatures of the golden cases are those of the Standard Webhooks library', () => {
  const file = resolve(import.meta.dirname, 'webhook/requests.json')
  const cases = JSON.parse(readFileSync(file, 'utf8')) as {
    settings: { secret?: string }
    requests: { headers: Record<string, string>; body: unknown }[]
  }[]
  let verified = 0
  for (const { settings, requests } of cases) {
    if (settings.secret === undefined) continue
    const receiver = settings.secret.startsWith('whsec_')
      ? new Webhook(settings.secret)
      : new Webhook(settings.secret, { format: 'raw' })
    vi.useFakeTimers({ now, toFake: ['Date'] })
    for (const { headers, body } of requests)
      expect(receiver.verify(JSON.stringify(body), headers), String(++verified)).toEqual(body)
  }
  expect(verified).toBeGreaterThan(5)
})
