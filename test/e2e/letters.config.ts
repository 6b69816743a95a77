// What letters.test.ts serves: a destination that refuses some events, and one that no source sends to.
import { defineConfig } from 'sluiceway/config'
import { webhook } from 'sluiceway/destinations/webhook'
import type { Event } from 'sluiceway/event'
import { log } from 'sluiceway/streams/log'

const priced = {
  name: 'priced',
  transformEvent: (event: Event) => ({ ...event, properties: { ...event.properties, currency: 'EUR' } }),
}

export default defineConfig((env) => ({
  stream: log({ partitions: 2 }),
  sources: {
    web: { writeKey: env.WRITE_KEY, to: ['shop'] },
  },
  destinations: {
    shop: {
      use: webhook({
        url: `${env.SHOP}?api_key=key-of-the-shop`,
        secret: env.WEBHOOK_SECRET,
        headers: { 'x-account': 'account-of-the-shop' },
        allowPrivate: true,
      }),
      transforms: [priced],
    },
    fresh: { use: webhook({ url: env.FRESH, secret: env.WEBHOOK_SECRET, allowPrivate: true }) },
  },
  admin: { token: env.ADMIN_TOKEN, tokens: { ada: 'token-of-ada-lovelace' } },
}))
