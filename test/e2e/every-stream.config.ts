// What every-stream.test.ts and kafka-outage.test.ts serve: one deployment, whose stream is chosen by one line.
import { defineConfig } from 'sluiceway/config'
import { webhook } from 'sluiceway/destinations/webhook'
import type { Event } from 'sluiceway/event'
import { upstash } from 'sluiceway/fronts/upstash'
import { kafka } from 'sluiceway/streams/kafka'
import { log } from 'sluiceway/streams/log'
import { qstash } from 'sluiceway/streams/qstash'
import { queues } from 'sluiceway/streams/queues'
import * as hashEmail from 'sluiceway/transforms/hash-email'
import { d1 } from 'sluiceway/warehouses/d1'

type Env = Readonly<Record<string, string | undefined>>

const partitions = 3

const streams = {
  log: () => log({ partitions }),
  queues: () => queues({ partitions }),
  qstash: (env: Env) =>
    qstash({
      url: 'https://events.example.com',
      qstashUrl: env['QSTASH_URL'],
      token: env['QSTASH_TOKEN'],
      currentSigningKey: env['QSTASH_CURRENT_SIGNING_KEY'],
      nextSigningKey: env['QSTASH_NEXT_SIGNING_KEY'],
      partitions,
      allowPrivate: true,
    }),
  kafka: ({ KAFKA_URL: url, KAFKA_PASSWORD: password }: Env) =>
    kafka({ front: upstash({ url, username: 'router', password, allowPrivate: true }), topic: 'router', partitions }),
}

const shop = {
  name: 'shop',
  transformEvent: (event: Event) => {
    if (event.event === 'Debug') return null
    if (event.event === 'Order Broken') throw new Error('this transform does not like broken orders')
    return { ...event, properties: { ...event.properties, shop: 'lovelace.example' } }
  },
}

const noRefunds = {
  name: 'no-refunds',
  transformEvent: (event: Event) => (event.event === 'Order Refunded' ? null : event),
}

export default defineConfig((env) => ({
  stream: streams[env['STREAM'] as keyof typeof streams](env),
  sources: { web: { writeKey: env.WRITE_KEY, transforms: [hashEmail, shop], to: ['sink', 'tables'] } },
  destinations: {
    sink: {
      use: webhook({ url: env.SINK, secret: env.WEBHOOK_SECRET, allowPrivate: true }),
      transforms: [noRefunds],
    },
    fresh: { use: webhook({ url: env.FRESH ?? env.SINK, secret: env.WEBHOOK_SECRET, allowPrivate: true }) },
  },
  archive: true,
  trace: { transforms: 1 },
  warehouses: { tables: { use: d1(), stageSeconds: 1 } },
  admin: { token: env.ADMIN_TOKEN },
}))
