import { defineConfig } from 'sluiceway/config'
import { webhook } from 'sluiceway/destinations/webhook'
import { log } from 'sluiceway/streams/log'
import * as dropBots from 'sluiceway/transforms/drop-bots'
import { d1 } from 'sluiceway/warehouses/d1'
import * as centsToEuros from './transforms/cents-to-euros.ts'

/** What this deployment does. Keys and secrets come from `env`; mistakes are listed all at once. */
export default defineConfig((env) => ({
  // Where events rest until they are delivered.
  stream: log({ partitions: 1 }),

  // Where events come from. They go to every destination and warehouse below, unless `to` names some.
  sources: {
    web: { writeKey: env.WRITE_KEY, transforms: [dropBots, centsToEuros] },
  },

  // Where events are sent, one by one or in small batches, as they come.
  destinations: {
    webhook: {
      use: webhook({
        url: env.WEBHOOK_URL ?? env.SINK_URL,
        secret: env.WEBHOOK_SECRET,
        allowPrivate: env.LOCAL === '1',
      }),
    },
  },

  // Where events become tables, loaded every minute.
  warehouses: {
    tables: { use: d1(), stageSeconds: env.LOCAL === '1' ? 1 : 10 },
  },

  // The admin API under /admin; without a token there is none.
  admin: { token: env.ADMIN_TOKEN },

  // The demo page under /demo, on a developer's machine.
  demo: (env.DEMO === '1' || env.DEMO === 'token') && {
    sinkSecret: env.WEBHOOK_SECRET,
    tokenOnly: env.DEMO === 'token',
  },
}))
