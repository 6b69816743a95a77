// What browser-sdks.test.ts serves: sources with and without an identity cookie, mounted where the test says.
import { defineConfig } from 'sluiceway/config'
import { webhook } from 'sluiceway/destinations/webhook'
import { log } from 'sluiceway/streams/log'

export default defineConfig((env) => ({
  stream: log(),
  sources: {
    shop: { writeKey: env.WRITE_KEY },
    visitors: { writeKey: 'keyOfTheVisitors', identityCookie: { maxAgeDays: 30 } },
    closed: { writeKey: 'keyOfTheClosedShop', enabled: false },
  },
  destinations: { sink: { use: webhook({ url: env.SINK, secret: env.WEBHOOK_SECRET, allowPrivate: true }) } },
  admin: { token: env.ADMIN_TOKEN },
  paths: { ingest: env.INGEST ?? '', sdk: env.SDK ?? '/sdk', beacon: env.BEACON ?? '/beacon' },
  limits: { eventBytes: 200_000 },
}))
