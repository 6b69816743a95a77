// What broken-warehouse.test.ts serves: a PostgreSQL that the test breaks, a D1 that is well, and one that is not bound.
import { defineConfig } from 'sluiceway/config'
import { log } from 'sluiceway/streams/log'
import { d1 } from 'sluiceway/warehouses/d1'
import { postgres } from 'sluiceway/warehouses/postgres'

export default defineConfig((env) => ({
  // Events and dead letters of the loader are in different partitions.
  stream: log({ partitions: 3 }),
  sources: {
    shop: { writeKey: env.WRITE_KEY, to: ['tables', 'analytics'] },
    unlucky: { writeKey: 'keyOfTheUnluckySource', to: ['unbound'] },
  },
  warehouses: {
    tables: { use: d1(), stageSeconds: 1 },
    analytics: { use: postgres({ url: env.POSTGRES_URL }), stageSeconds: 1 },
    unbound: { use: d1({ binding: 'ANALYTICS' }), stageSeconds: 1 },
  },
  admin: { token: env.ADMIN_TOKEN },
}))
