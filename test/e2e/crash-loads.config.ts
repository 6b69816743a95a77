// What crash-loads.test.ts serves: one warehouse, whose lanes stage every second.
import { defineConfig } from 'sluiceway/config'
import { log } from 'sluiceway/streams/log'
import { bigquery } from 'sluiceway/warehouses/bigquery'
import { clickhouse } from 'sluiceway/warehouses/clickhouse'
import { d1 } from 'sluiceway/warehouses/d1'
import { lake } from 'sluiceway/warehouses/lake'
import { postgres } from 'sluiceway/warehouses/postgres'

const warehouseOf = (env: Readonly<Record<string, string | undefined>>) => {
  if (env['BIGQUERY'] !== undefined) return bigquery(JSON.parse(env['BIGQUERY']) as Parameters<typeof bigquery>[0])
  if (env['CLICKHOUSE'] !== undefined)
    return clickhouse(JSON.parse(env['CLICKHOUSE']) as Parameters<typeof clickhouse>[0])
  if (env['LAKE'] !== undefined) return lake(JSON.parse(env['LAKE']) as Parameters<typeof lake>[0])
  return env['POSTGRES_URL'] === undefined ? d1() : postgres({ url: env['POSTGRES_URL'], schema: 'sluiceway' })
}

export default defineConfig((env) => ({
  stream: log({ partitions: 2 }),
  sources: { shop: { writeKey: env.WRITE_KEY } },
  warehouses: {
    tables: {
      use: warehouseOf(env),
      stageSeconds: 1,
    },
  },
  admin: { token: env.ADMIN_TOKEN },
}))
