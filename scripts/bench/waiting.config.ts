// Two webhook lanes with batches: one whose receiver is down for a while, and one that has live traffic. STREAM is log or queues.
import { defineConfig } from 'sluiceway/config'
import { webhook } from 'sluiceway/destinations/webhook'
import { log } from 'sluiceway/streams/log'
import { queues } from 'sluiceway/streams/queues'

export default defineConfig((env) => {
  const hook = (name: string) =>
    webhook({ url: env[name], secret: env['WEBHOOK_SECRET'], batch: true, allowPrivate: true })
  return {
    stream: env['STREAM'] === 'queues' ? queues({ partitions: 1 }) : log(),
    sources: {
      shop: { writeKey: env['WRITE_KEY'], to: ['sink'] },
      live: { writeKey: env['LIVE_KEY'], to: ['live'] },
    },
    destinations: {
      sink: { use: hook('WEBHOOK_URL'), quota: { megabytes: Number(env['QUOTA']) } },
      live: { use: hook('LIVE_URL') },
    },
    admin: { token: env['ADMIN_TOKEN'] },
  }
})
