// The config of the benchmarks: one source, one webhook lane in batch mode, one warehouse lane.
import { defineConfig } from 'sluiceway/config'
import { webhook } from 'sluiceway/destinations/webhook'
import { log } from 'sluiceway/streams/log'
import { d1 } from 'sluiceway/warehouses/d1'

export default defineConfig((env) => ({
  stream: log(),
  sources: { shop: { writeKey: env['WRITE_KEY'] } },
  destinations: {
    sink: { use: webhook({ url: env['WEBHOOK_URL'], secret: env['WEBHOOK_SECRET'], batch: true, allowPrivate: true }) },
  },
  warehouses: { tables: { use: d1(), stageSeconds: Number(env['STAGE_SECONDS'] ?? 10) } },
  admin: { token: env['ADMIN_TOKEN'] },
}))
