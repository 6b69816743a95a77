// A config that only accepts: no destination, no warehouse.
import { log } from '../../src/streams/log.ts'
import { defineConfig } from '../../src/configure/define-config.ts'

export default defineConfig((env) => ({
  stream: log(),
  sources: { shop: { writeKey: env['WRITE_KEY'] } },
  admin: { token: env['ADMIN_TOKEN'] },
}))
