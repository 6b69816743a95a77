import { expect, test } from 'vitest'
import { resolveConfig } from '../../src/configure/resolve-config.ts'
import { type Draft, type WebhookCall, type SourceTools } from '../../src/core/webhook-source.ts'
import { facebookLeadAdsNative } from '../../src/sources/facebook-lead-ads-native.ts'
import { stripe } from '../../src/sources/stripe.ts'
import { webhook } from '../../src/sources/webhook.ts'
import { fakeEdge } from '../support/fake-edge.ts'
import { defineSource } from '../../src/configure/define-source.ts'

test.each([
  ['nothing', undefined],
  ['an empty text', ''],
])('a secret whose variable holds %s is a problem, not a source that takes calls of anybody', (_, secret) => {
  expect(stripe({ secret }).problems).toMatchObject([expect.stringContaining('"secret" has no value')])
  expect(facebookLeadAdsNative({ verifyToken: secret }).problems).toHaveLength(1)
  const { stream } = fakeEdge().context.resolved
  const configOf = () => ({ stream, sources: { payments: { writeKey: 'keyOfStripe', webhook: stripe({ secret }) } } })
  expect(() => resolveConfig(configOf, {})).toThrow('sources.payments: webhook: "secret" has no value')
})

test('a secret that is not named at all is no problem: the source takes calls without one', () => {
  expect(stripe().problems).toEqual([])
  expect(stripe({ secret: 'whsec_test' }).problems).toEqual([])
})

test.each(['whsec_', 'whsec_short', 'whsec_-----------------------'])(
  'the Standard Webhooks secret %s, which would be a key of few bytes, is a problem',
  (secret) => {
    expect(webhook({ secret }).problems.join()).toContain('must have base64')
  },
)

test('a call of more than 5,000 events cannot be mapped', async () => {
  const many = defineSource({
    name: 'many',
    settings: {},
    map: ({ body }): Draft[] =>
      Array.from({ length: body as number }, () => ({ type: 'track', event: 'Order Completed' })),
  })()
  const hook = (body: number) => ({ body }) as unknown as WebhookCall
  expect(await many.map(hook(5_000), {} as SourceTools)).toHaveLength(5_000)
  await expect(many.map(hook(5_001), {} as SourceTools)).rejects.toThrow('more than 5000 events')
})
