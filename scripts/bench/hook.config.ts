// A config with a webhook lane and no warehouse.
import { webhook } from '../../destinations/webhook.ts'
import { log } from '../../src/streams/log.ts'
import { defineConfig } from '../../src/configure/define-config.ts'

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
