// What lake.test.ts serves: a lake in the bucket that is bound, and one in a store of the test.
import { defineConfig } from 'sluiceway/config'
import { log } from 'sluiceway/streams/log'
import { lake } from 'sluiceway/warehouses/lake'

export default defineConfig((env) => ({
  stream: log({ partitions: 2 }),
  sources: { shop: { writeKey: env.WRITE_KEY } },
  warehouses: {
    bound: { use: lake({ folder: '.' }), stageSeconds: 1 },
    store: {
      use: lake({
        folder: '.',
        provider: 'other',
        endpoint: env['SINK_URL'],
        bucket: 'events',
        accessKeyId: 'AKIAADA',
        secretAccessKey: env['WEBHOOK_SECRET'],
        allowPrivate: true,
      }),
      stageSeconds: 1,
    },
  },
  admin: { token: env.ADMIN_TOKEN },
}))
