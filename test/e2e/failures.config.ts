// What test/e2e/failures.test.ts serves: two destinations, and a source whose transforms misbehave.
import { webhook } from '../../destinations/webhook.ts'
import { defineConfig } from '../../src/core/config.ts'
import type { Event } from '../../src/core/event.ts'
import { log } from '../../src/streams/log.ts'
import { d1 } from '../../src/warehouses/d1.ts'

const moods = {
  name: 'moods',
  transformEvent: (event: Event) => {
    if (event.event === 'Explode') throw new Error('this transform does not like explosions')
    if (event.event === 'Forget') return null
    if (event.event === 'Twins') return [event, { ...event, properties: { ...event.properties, twin: true } }]
    return event
  },
}

export default defineConfig((env) => ({
  stream: log(),
  sources: {
    web: { writeKey: env.WRITE_KEY, to: ['sink', 'tables'] },
    moody: { writeKey: 'keyOfTheMoodySource', to: ['sink'], transforms: [moods] },
    bulk: { writeKey: 'keyOfTheBulkSource', to: ['batches'] },
  },
  destinations: {
    sink: { use: webhook({ url: env.SINK, secret: env.WEBHOOK_SECRET, allowPrivate: true }) },
    batches: {
      use: webhook({
        url: env.BATCHES,
        secret: env.WEBHOOK_SECRET,
        allowPrivate: true,
        batch: true,
        maxBatch: 10,
      }),
    },
  },
  warehouses: { tables: { use: d1(), stageSeconds: 1 } },
  admin: { token: env.ADMIN_TOKEN },
}))
