// A Sluiceway whose log others read and write as a Kafka, under /kafka.
import { defineConfig } from 'sluiceway/config'
import { log } from 'sluiceway/streams/log'

export default defineConfig((env) => ({
  stream: log({
    topics: { router: { partitions: 3 } },
    users: { router: { password: env['KAFKA_PASSWORD'] ?? '', read: ['*'], write: ['*'] } },
  }),
  sources: { web: { writeKey: env.WRITE_KEY } },
  destinations: {},
  admin: { token: env.ADMIN_TOKEN },
}))
