// What slow-destination.test.ts serves: a webhook with what comes by default, and the connections of each invocation counted.
import * as campaignFromUrl from '#transforms/campaign-from-url'
import { defineConfig } from 'sluiceway/config'
import { webhook } from 'sluiceway/destinations/webhook'
import { log } from 'sluiceway/streams/log'
import { limitConnections } from '../support/limited-connections.ts'

export default defineConfig((env) => {
  limitConnections(env)
  return {
    stream: log(),
    sources: { shop: { writeKey: env.WRITE_KEY } },
    destinations: {
      sink: {
        use: webhook({ url: env.SINK, secret: env.WEBHOOK_SECRET, allowPrivate: true }),
        transforms: env.ISOLATED === '1' ? [campaignFromUrl.isolated] : [],
      },
    },
    admin: { token: env.ADMIN_TOKEN },
  }
})
