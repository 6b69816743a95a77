// A config that only accepts: no destination, no warehouse.
import { defineConfig } from '../../src/core/config.ts'
import { log } from '../../src/streams/log.ts'

export default defineConfig((env) => ({
  stream: log(),
  sources: { shop: { writeKey: env['WRITE_KEY'] } },
  admin: { token: env['ADMIN_TOKEN'] },
}))
