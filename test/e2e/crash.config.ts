// What crash.test.ts serves: staged and loaded every second, so that kills come in the middle of that as well.
import { webhook } from '../../destinations/webhook.ts'
import { log } from '../../src/streams/log.ts'
import { d1 } from '../../src/warehouses/d1.ts'
import { postgres } from '../../src/warehouses/postgres.ts'
import { defineConfig } from '../../src/configure/define-config.ts'

export default defineConfig((env) => ({
  stream: log(),
  sources: { clients: { writeKey: env.WRITE_KEY } },
  destinations: { sink: { use: webhook({ url: env.SINK, secret: env.WEBHOOK_SECRET, allowPrivate: true }) } },
  warehouses: {
    tables: { use: env.POSTGRES_URL === undefined ? d1() : postgres({ url: env.POSTGRES_URL }), stageSeconds: 1 },
  },
  admin: { token: env.ADMIN_TOKEN },
}))
