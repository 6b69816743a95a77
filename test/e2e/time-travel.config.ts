// What time-travel.test.ts serves: transforms of a source and of a destination, over a log of two partitions.
import { defineConfig } from 'sluiceway/config'
import { webhook } from 'sluiceway/destinations/webhook'
import type { Event } from 'sluiceway/event'
import { log } from 'sluiceway/streams/log'

const euros = {
  name: 'euros',
  transformEvent: (event: Event) => {
    const { cents } = event.properties ?? {}
    if (cents === 'unknown') throw new Error('the cents are unknown')
    return typeof cents === 'number' ? { ...event, properties: { ...event.properties, total: cents / 100 } } : event
  },
}

const label = {
  name: 'label',
  transformEvent: (event: Event) => ({ ...event, properties: { ...event.properties, label: 'shop' } }),
}

export default defineConfig((env) => ({
  stream: log({ partitions: 2 }),
  sources: {
    web: { writeKey: env.WRITE_KEY, transforms: [euros] },
    app: { writeKey: 'key-of-the-app' },
  },
  destinations: {
    sink: {
      use: webhook({ url: env.SINK, secret: env.WEBHOOK_SECRET, allowPrivate: true }),
      transforms: [label],
    },
  },
  admin: { token: env.ADMIN_TOKEN },
}))
