// The config of the benchmarks: one source, one webhook lane in batch mode, one warehouse lane.
import { webhook } from '../../destinations/webhook.ts'
import { log } from '../../src/streams/log.ts'
import { d1 } from '../../src/warehouses/d1.ts'
import { defineConfig } from '../../src/configure/define-config.ts'

export default defineConfig((env) => ({
  stream: log(),
  sources: { shop: { writeKey: env['WRITE_KEY'] } },
  destinations: {
    sink: { use: webhook({ url: env['WEBHOOK_URL'], secret: env['WEBHOOK_SECRET'], batch: true, allowPrivate: true }) },
  },
  warehouses: { tables: { use: d1(), stageSeconds: Number(env['STAGE_SECONDS'] ?? 10) } },
  admin: { token: env['ADMIN_TOKEN'] },
}))
