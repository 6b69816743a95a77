// What quota.test.ts serves: a stream that pushes, and a destination whose events may take little in its lanes.
import { defineConfig } from 'sluiceway/config'
import { webhook } from 'sluiceway/destinations/webhook'
import { queues } from 'sluiceway/streams/queues'

export default defineConfig((env) => ({
  stream: queues({ partitions: 1 }),
  sources: { web: { writeKey: env.WRITE_KEY } },
  destinations: {
    sink: {
      use: webhook({ url: env.SINK, secret: env.WEBHOOK_SECRET, batch: true, allowPrivate: true }),
      quota: { megabytes: Number(env['QUOTA']) },
    },
  },
  admin: { token: env.ADMIN_TOKEN },
}))
