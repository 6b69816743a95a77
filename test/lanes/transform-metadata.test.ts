import { expect, test } from 'vitest'
import { webhook } from '../../destinations/webhook.ts'
import { resolveConfig } from '../../src/configure/resolve-config.ts'
import { Envelope } from '../../src/core/envelope.ts'
import type { Target } from '../../src/core/resolved-config.ts'
import type { Transform } from '../../src/core/transform.ts'
import { decide } from '../../src/lanes/decide.ts'
import { shopify } from '../../src/sources/shopify.ts'
import { log } from '../../src/streams/log.ts'
import { d1 } from '../../src/warehouses/d1.ts'
import { fakePort } from '../support/fake-context.ts'
import { headerOf, plainOrder } from '../support/sample-events.ts'

test('a transform in front of a target is told of which kind the source and the target are', async () => {
  const told: unknown[] = []
  const asks: Transform = {
    name: 'asks',
    transformEvent: (event, metadata) => {
      const { sourceId, sourceType, destinationId, destinationType, workspaceId } = metadata(event)
      told.push([sourceId, sourceType, destinationId, destinationType, workspaceId])
      return event
    },
  }
  const { targets } = resolveConfig(
    () => ({
      stream: log(),
      sources: {
        shop: { writeKey: 'key-of-the-shop' },
        orders: { writeKey: 'key-of-the-orders', webhook: shopify({ secret: 'of the shop' }) },
      },
      destinations: {
        crm: { use: webhook({ url: 'https://crm.example.com', secret: 'the-secret-of-the-crm' }), transforms: [asks] },
      },
      warehouses: { tables: { use: d1(), transforms: [asks] } },
    }),
    {},
  )
  const envelopes = ['shop', 'orders', 'gone'].map(
    (source) => new Envelope(headerOf(source, { source }), JSON.stringify(plainOrder(source))),
  )
  for (const name of ['crm', 'tables']) await decide(envelopes, targets.get(name) as Target, { port: fakePort() })
  expect(told).toEqual([
    ['shop', 'HTTP', 'crm', 'WEBHOOK', 'sluiceway'],
    ['orders', 'shopify', 'crm', 'WEBHOOK', 'sluiceway'],
    ['gone', undefined, 'crm', 'WEBHOOK', 'sluiceway'],
    ['shop', 'HTTP', 'tables', 'D1', 'sluiceway'],
    ['orders', 'shopify', 'tables', 'D1', 'sluiceway'],
    ['gone', undefined, 'tables', 'D1', 'sluiceway'],
  ])
})
