import { defineConfig } from 'sluiceway/config'
import { webhook } from 'sluiceway/destinations/webhook'
import { log } from 'sluiceway/streams/log'
import { queues } from 'sluiceway/streams/queues'
import * as campaignFromUrl from 'sluiceway/transforms/campaign-from-url'
import * as dropBots from 'sluiceway/transforms/drop-bots'
import * as hashEmail from 'sluiceway/transforms/hash-email'
import { d1 } from 'sluiceway/warehouses/d1'
import { postgres } from 'sluiceway/warehouses/postgres'

/** What this deployment does: the one file to edit. Keys and secrets come from `env`; mistakes are listed all at once. */
export default defineConfig((env) => ({
  // Where events rest until they are delivered.
  // Kafka's clients over HTTP read it, and topics beside it, under /kafka once KAFKA_PASSWORD is set.
  stream:
    env.STREAM === 'queues'
      ? queues()
      : log({
          partitions: 1,
          newTopics: { partitions: 3 },
          users:
            env.KAFKA_PASSWORD === undefined
              ? {}
              : { kafka: { password: env.KAFKA_PASSWORD, read: ['*'], write: ['*'] } },
        }),

  // Where events come from. They go to every destination and warehouse below, unless `to` names some.
  sources: {
    web: { writeKey: env.WRITE_KEY, transforms: [dropBots, campaignFromUrl, hashEmail] },
  },

  // Where events are sent, one by one or in small batches, as they come.
  destinations: {
    webhook: {
      use: webhook({
        url: env.WEBHOOK_URL ?? env.SINK_URL,
        secret: env.WEBHOOK_SECRET,
        batch: env.WEBHOOK_BATCH === '1',
        allowPrivate: env.LOCAL === '1',
      }),
    },
  },

  // Where events become tables, loaded every minute.
  warehouses: {
    tables: {
      use: env.POSTGRES_URL === undefined ? d1() : postgres({ url: env.POSTGRES_URL }),
      stageSeconds: env.LOCAL === '1' ? 1 : 10,
      // GET /admin/warehouses/tables/sql: on your machine only.
      sql: env.LOCAL === '1',
    },
  },

  // The admin API under /admin; without a token there is none.
  admin: { token: env.ADMIN_TOKEN },

  // The demo page under /demo, on a developer's machine.
  demo: (env.DEMO === '1' || env.DEMO === 'token') && {
    sinkSecret: env.WEBHOOK_SECRET,
    tokenOnly: env.DEMO === 'token',
  },
}))
