// A config that only accepts: no destination, no warehouse.
import { defineConfig } from 'sluiceway/config'
import { log } from 'sluiceway/streams/log'

export default defineConfig((env) => ({
  stream: log(),
  sources: { shop: { writeKey: env['WRITE_KEY'] } },
  admin: { token: env['ADMIN_TOKEN'] },
}))
