// A config with a webhook lane and no warehouse.
import { defineConfig } from 'sluiceway/config'
import { webhook } from 'sluiceway/destinations/webhook'
import { log } from 'sluiceway/streams/log'

export default defineConfig((env) => ({
  stream: log(),
  sources: { shop: { writeKey: env['WRITE_KEY'] } },
  destinations: {
    sink: {
      use: webhook({ url: env['WEBHOOK_URL'], secret: env['WEBHOOK_SECRET'], batch: true, allowPrivate: true }),
    },
  },
  admin: { token: env['ADMIN_TOKEN'] },
}))
