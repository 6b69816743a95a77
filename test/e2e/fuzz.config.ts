// What fuzz.test.ts serves: a source whose events are counted at the sink, and sources for what is only not to do harm.
import { defineConfig } from 'sluiceway/config'
import { webhook as webhookDestination } from 'sluiceway/destinations/webhook'
import { webhook } from 'sluiceway/sources/webhook'
import { log } from 'sluiceway/streams/log'
import { d1 } from 'sluiceway/warehouses/d1'

const enrich = { userAgent: true, campaign: true, ip: 'truncate' } as const

export default defineConfig((env) => ({
  stream: log(),
  sources: {
    shop: { writeKey: 'fuzzKeyOfTheShop', to: ['sink', 'tables'], enrich },
    pixels: { writeKey: 'fuzzKeyOfThePixels', to: ['other'], enrich, identityCookie: {} },
    hooks: { writeKey: 'fuzzKeyOfTheHooks', to: ['other'], webhook: webhook({ requestDetails: true }) },
    signed: {
      writeKey: 'fuzzKeyOfTheSigned',
      to: ['other'],
      webhook: webhook({ secret: 'whsec_b2YgdGhlIGZ1enplcg==' }),
    },
  },
  destinations: {
    sink: {
      use: webhookDestination({ url: env.SINK, secret: env.WEBHOOK_SECRET, allowPrivate: true, batch: true }),
      consent: { categories: ['Advertising'] },
    },
    other: { use: webhookDestination({ url: env.OTHER, secret: env.WEBHOOK_SECRET, allowPrivate: true, batch: true }) },
  },
  warehouses: { tables: { use: d1(), stageSeconds: 1 } },
  admin: { token: env.ADMIN_TOKEN },
}))
