// What spec.test.ts serves: two destinations whose display names the examples switch on and off, and tables that have all.
import { webhook } from '../../destinations/webhook.ts'
import { log } from '../../src/streams/log.ts'
import { d1 } from '../../src/warehouses/d1.ts'
import { defineConfig } from '../../src/configure/define-config.ts'

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
