// What layout.test.ts serves, again and again: with another number of partitions, and without some of its targets.
import { defineConfig } from 'sluiceway/config'
import { webhook } from 'sluiceway/destinations/webhook'
import { log } from 'sluiceway/streams/log'
import { queues } from 'sluiceway/streams/queues'
import { d1 } from 'sluiceway/warehouses/d1'

export default defineConfig<string, string>((env) => {
  const partitions = Number(env.PARTITIONS)
  const has = (name: string) => !`${env.WITHOUT}`.split(',').includes(name)
  const hook = (url: string | undefined) => ({ use: webhook({ url, secret: env.WEBHOOK_SECRET, allowPrivate: true }) })
  return {
    stream: env.STREAM === 'queues' ? queues({ partitions }) : log({ partitions }),
    sources: { web: { writeKey: env.WRITE_KEY } },
    destinations: {
      hook: hook(env.HOOK),
      ...(has('crm') ? { crm: hook(env.CRM) } : {}),
    },
    warehouses: has('tables') ? { tables: { use: d1(), stageSeconds: Number(env.STAGE_SECONDS ?? 1) } } : {},
    admin: { token: env.ADMIN_TOKEN },
  }
})
