// What failures.test.ts and promises.test.ts serve: a destination that takes batches, one that is choosy, and a source whose
// transform misbehaves.
import * as campaignFromUrl from '#transforms/campaign-from-url'
import { defineConfig } from 'sluiceway/config'
import { webhook } from 'sluiceway/destinations/webhook'
import type { Event } from 'sluiceway/event'
import { log } from 'sluiceway/streams/log'
import { d1 } from 'sluiceway/warehouses/d1'

const moods = {
  name: 'moods',
  transformEvent: (event: Event) => {
    if (event.event === 'Explode') throw new Error('this transform does not like explosions')
    if (event.event === 'Forget') return null
    if (event.event === 'Twins') return [event, { ...event, properties: { ...event.properties, twin: true } }]
    return event
  },
}

const noRefunds = {
  name: 'no-refunds',
  transformEvent: (event: Event) => {
    if (event.event === 'Order Broken') throw new Error('this transform does not like broken orders')
    return event.event === 'Order Refunded' ? null : event
  },
}

const booked = {
  name: 'booked',
  transformEvent: (event: Event) => {
    if (event.event === 'Cart Broken') throw new Error('this transform does not like broken carts')
    if (event.event === 'Cart Emptied') return null
    if (event.event !== 'Cart Split') return event
    return ['left', 'right'].map((half) => ({ ...event, properties: { ...event.properties, half } }))
  },
}

export default defineConfig((env) => ({
  stream: log(),
  sources: {
    web: { writeKey: env.WRITE_KEY, to: ['sink', 'tables'] },
    moody: { writeKey: 'keyOfTheMoodySource', to: ['sink'], transforms: [moods] },
    choice: { writeKey: 'keyOfTheChoiceSource', to: ['sink', 'choosy'], transforms: [moods] },
    bulk: { writeKey: 'keyOfTheBulkSource', to: ['batches'] },
  },
  destinations: {
    sink: { use: webhook({ url: env.SINK, secret: env.WEBHOOK_SECRET, allowPrivate: true }) },
    choosy: {
      use: webhook({ url: env.CHOOSY, secret: env.WEBHOOK_SECRET, allowPrivate: true }),
      filter: (event) => event.properties?.['total'] !== 0,
      transforms: [noRefunds],
    },
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
  warehouses: { tables: { use: d1(), stageSeconds: 1, transforms: [booked, campaignFromUrl.isolated] } },
  admin: { token: env.ADMIN_TOKEN },
}))
