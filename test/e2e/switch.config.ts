// What switch.test.ts serves, again and again: with another stream.
import { defineConfig } from 'sluiceway/config'
import { webhook } from 'sluiceway/destinations/webhook'
import { upstash } from 'sluiceway/fronts/upstash'
import { kafka } from 'sluiceway/streams/kafka'
import { log } from 'sluiceway/streams/log'
import { queues } from 'sluiceway/streams/queues'
import { d1 } from 'sluiceway/warehouses/d1'

export default defineConfig<string, string>((env) => {
  const events = () =>
    kafka({
      front: upstash({ url: env.KAFKA_URL, username: 'kafka', password: env.KAFKA_PASSWORD, allowPrivate: true }),
      topic: 'stream',
    })
  return {
    stream: env.STREAM === 'queues' ? queues() : env.STREAM === 'kafka' ? events() : log(),
    earlierStreams: env.KAFKA_URL !== '' && env.STREAM !== 'kafka' ? [events()] : [],
    sources: { web: { writeKey: env.WRITE_KEY } },
    destinations: { hook: { use: webhook({ url: env.HOOK, secret: env.WEBHOOK_SECRET, allowPrivate: true }) } },
    warehouses: { tables: { use: d1(), stageSeconds: Number(env.STAGE_SECONDS) } },
    admin: { token: env.ADMIN_TOKEN },
  }
})
