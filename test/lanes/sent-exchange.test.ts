import { expect, test } from 'vitest'
import { webhook } from '../../destinations/webhook.ts'
import { redactorOf, SentExchange } from '../../src/lanes/sent-exchange.ts'

const secret = 'secret of the shop, with "quotes" & more'
const destination = webhook({
  url: 'https://crm.example.com/hook',
  secret,
  headers: { 'x-account': 'shop-1843', authorization: 'Bearer abc.def' },
})
const item = { id: 'order-1', text: '{"messageId":"order-1"}' }
const exchangeOf = (request: object = {}, response: object = {}) =>
  new SentExchange(destination, item, {
    request: { method: 'POST', url: 'https://crm.example.com/hook', headers: {}, body: item.text, ...request },
    response: { status: 400, headers: {}, body: '', ...response },
  }).toJSON()

test('a dead letter holds the request and its answer as they were', () => {
  expect(exchangeOf({ headers: { 'content-type': 'application/json' } }, { body: 'total must be text' })).toEqual({
    request: {
      method: 'POST',
      url: 'https://crm.example.com/hook',
      headers: { 'content-type': 'application/json' },
      body: '{"messageId":"order-1"}',
    },
    response: { status: 400, headers: {}, body: 'total must be text' },
  })
})

test('what the destination made of the event is held where the body of the request is something else', () => {
  expect(exchangeOf({ body: '[{"messageId":"order-1"}]' }).sent).toBe('{"messageId":"order-1"}')
})

test('no credential is held: not in headers, not in the URL, not in what the other side says', () => {
  const { request, response } = exchangeOf(
    {
      url: `https://ada:pass@crm.example.com/hook?api_key=k-1843&user=ada&echo=${encodeURIComponent(secret)}`,
      headers: {
        authorization: 'Bearer abc.def',
        'webhook-signature': 'v1,abc',
        'X-Account': 'shop-1843',
        'x-api-key': 'k-1843',
        cookie: 'a=b',
        'webhook-id': 'order-1',
      },
      body: JSON.stringify({ note: secret, total: 42 }),
    },
    { headers: { 'set-cookie': 'session=1' }, body: `the secret ${secret} is wrong` },
  )
  expect(request).toEqual({
    method: 'POST',
    url: 'https://***@crm.example.com/hook?api_key=***&user=ada&echo=***',
    headers: {
      authorization: '***',
      'webhook-signature': '***',
      'X-Account': '***',
      'x-api-key': '***',
      cookie: '***',
      'webhook-id': 'order-1',
    },
    body: '{"note":"***","total":42}',
  })
  expect(response).toEqual({ status: 400, headers: { 'set-cookie': '***' }, body: 'the secret *** is wrong' })
  expect(redactorOf(destination).text(`no: ${secret}`)).toBe('no: ***')
})

test.each([
  ['{"api_key":"k\\"1843","author":"Ada","token": "t"}', '{"api_key":"***","author":"Ada","token": "***"}'],
  ['[{"properties":{"access-token":"t","total":42}}]', '[{"properties":{"access-token":"***","total":42}}]'],
  ['apiKey=k-1843&author=Ada&token=t', 'apiKey=***&author=Ada&token=***'],
])('a credential is hidden in a body by the name that it stands under: %s', (body, expected) => {
  expect(exchangeOf({ body }).request?.body).toBe(expected)
})

test('what is too long for a row is cut, and the letter says so', () => {
  const { request, cut } = exchangeOf({ body: 'ä'.repeat(100_000) })
  expect(request?.body).toHaveLength(32_768)
  expect(cut).toEqual(['Only the first 32768 of 100000 characters of the body of the request were kept.'])
})
