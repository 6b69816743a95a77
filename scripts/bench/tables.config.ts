// The config of the benchmark of tables: one warehouse, no destination.
import { defineConfig } from 'sluiceway/config'
import { log } from 'sluiceway/streams/log'
import { d1 } from 'sluiceway/warehouses/d1'
import { postgres } from 'sluiceway/warehouses/postgres'

export default defineConfig((env) => {
  const url = env['POSTGRES_URL']
  const idIndex = env['ID_INDEX'] === '1'
  return {
    stream: log(),
    sources: { shop: { writeKey: env['WRITE_KEY'] } },
    warehouses: {
      tables: { use: url === undefined || url === '' ? d1({ idIndex }) : postgres({ url }), stageSeconds: 1 },
    },
    admin: { token: env['ADMIN_TOKEN'] },
  }
})
