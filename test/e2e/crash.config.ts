// What crash.test.ts serves: staged and loaded every second, so that kills come in the middle of that as well, and the limits of
// the platform hold.
import { defineConfig } from 'sluiceway/config'
import { webhook } from 'sluiceway/destinations/webhook'
import { log } from 'sluiceway/streams/log'
import { d1 } from 'sluiceway/warehouses/d1'
import { postgres } from 'sluiceway/warehouses/postgres'
import { limitedWarehouse, limitPlatform } from '../support/limited-platform.ts'

export default defineConfig((env) => {
  limitPlatform(env, 'sink')
  return {
    stream: log(),
    sources: { clients: { writeKey: env.WRITE_KEY } },
    destinations: { sink: { use: webhook({ url: env.SINK, secret: env.WEBHOOK_SECRET, allowPrivate: true }) } },
    warehouses: {
      tables: {
        use: env.POSTGRES_URL === undefined ? limitedWarehouse(d1()) : postgres({ url: env.POSTGRES_URL }),
        stageSeconds: 1,
      },
    },
    admin: { token: env.ADMIN_TOKEN },
  }
})
