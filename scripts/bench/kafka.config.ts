// The log as Kafka over HTTP: no destination, no warehouse.
import { defineConfig } from 'sluiceway/config'
import { log } from 'sluiceway/streams/log'

export default defineConfig((env) => ({
  stream: log({
    topics: { copies: {} },
    users: { kafka: { password: env['KAFKA_PASSWORD'], read: ['*'], write: ['*'] } },
  }),
  sources: { shop: { writeKey: env['WRITE_KEY'] } },
  admin: { token: env['ADMIN_TOKEN'] },
}))
