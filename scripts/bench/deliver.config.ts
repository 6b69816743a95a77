// A config with a webhook lane that is as its vars say: one event a request and in order, unless BATCH and UNORDERED are set.
import { defineConfig } from 'sluiceway/config'
import { webhook } from 'sluiceway/destinations/webhook'
import { log } from 'sluiceway/streams/log'

export default defineConfig((env) => ({
  stream: log(),
  sources: { shop: { writeKey: env['WRITE_KEY'] } },
  destinations: {
    sink: {
      use: webhook({
        url: env['WEBHOOK_URL'],
        secret: env['WEBHOOK_SECRET'],
        batch: env['BATCH'] === '1',
        allowPrivate: true,
      }),
      ordered: env['UNORDERED'] !== '1',
    },
  },
  admin: { token: env['ADMIN_TOKEN'] },
}))
