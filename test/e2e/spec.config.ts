// What spec.test.ts serves: two destinations whose display names the examples switch on and off, and tables that have all.
import { defineConfig } from 'sluiceway/config'
import { webhook } from 'sluiceway/destinations/webhook'
import { log } from 'sluiceway/streams/log'
import { d1 } from 'sluiceway/warehouses/d1'

export default defineConfig((env) => {
  const to = (url: string | undefined) => webhook({ url, secret: env.WEBHOOK_SECRET, allowPrivate: true })
  return {
    stream: log(),
    sources: { shop: { writeKey: env.WRITE_KEY } },
    destinations: {
      sink: { use: to(env.SINK), displayName: 'Sink' },
      crm: { use: to(env.CRM), displayName: 'CRM' },
    },
    warehouses: { tables: { use: d1(), displayName: 'Warehouse', stageSeconds: 1 } },
    admin: { token: env.ADMIN_TOKEN },
  }
})
