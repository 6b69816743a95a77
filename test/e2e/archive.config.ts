// What archive.test.ts serves: a log that keeps little, an archive, and a destination that no source sends to. The clock can be
// put forward, as nobody waits for the end of an hour.
import { defineConfig } from 'sluiceway/config'
import { webhook } from 'sluiceway/destinations/webhook'
import { log } from 'sluiceway/streams/log'

const realNow = Date.now.bind(Date)

export default defineConfig((env) => {
  const forwardMs = Number(env['FORWARD_HOURS'] ?? 0) * 3_600_000
  Date.now = () => realNow() + forwardMs
  return {
    stream: log({ partitions: 2, retentionDays: 0.01 }),
    sources: {
      web: { writeKey: env.WRITE_KEY, to: ['shop'] },
      server: { writeKey: 'key-of-the-server', to: ['shop'] },
    },
    destinations: {
      shop: { use: webhook({ url: env.SHOP, secret: env.WEBHOOK_SECRET, allowPrivate: true }) },
      fresh: { use: webhook({ url: env.FRESH, secret: env.WEBHOOK_SECRET, allowPrivate: true }) },
    },
    archive: { days: 30 },
    admin: { token: env.ADMIN_TOKEN },
  }
})
