// What library.test.ts serves: destinations of `@segment/action-destinations`, imported as a user imports them.
import absmartly from '@segment/action-destinations/dist/destinations/absmartly/index.js'
import customerio from '@segment/action-destinations/dist/destinations/customerio/index.js'
import hubspot from '@segment/action-destinations/dist/destinations/hubspot/index.js'
import klime from '@segment/action-destinations/dist/destinations/klime/index.js'
import webhook from '@segment/action-destinations/dist/destinations/webhook/index.js'
import { defineConfig } from 'sluiceway/config'
import { segment } from 'sluiceway/destinations/library'
import { log } from 'sluiceway/streams/log'

export default defineConfig((env) => ({
  stream: log({ partitions: 1 }),
  sources: { web: { writeKey: env.WRITE_KEY, to: ['hook', 'klime', 'absmartly'] } },
  destinations: {
    hook: {
      use: segment(webhook, {
        settings: { sharedSecret: env.WEBHOOK_SECRET },
        mappings: {
          send: {
            when: 'type = "track" and event = "Order Completed"',
            batch: true,
            fields: { url: env.HOOK, method: 'POST', data: { '@path': '$.properties' } },
          },
        },
        variables: { ACTIONS_OF_NOBODY: env.WEBHOOK_SECRET },
        allowPrivate: true,
      }),
    },
    klime: {
      use: segment(klime, { settings: { writeKey: 'klime-1842', apiEndpoint: env.KLIME }, allowPrivate: true }),
    },
    absmartly: {
      use: segment(absmartly, {
        settings: { collectorEndpoint: env.ABSMARTLY, apiKey: 'absmartly-1842', environment: 'shop' },
        allowPrivate: true,
      }),
    },
    // Bundled and checked; their vendors have one address each, which a test does not call.
    customerio: { use: segment(customerio, { settings: { siteId: 'site', apiKey: env.WEBHOOK_SECRET } }) },
    hubspot: {
      use: segment(hubspot, {
        settings: { portalId: '1842' },
        mappings: { upsertContact: true },
        tokens: { accessToken: env.WEBHOOK_SECRET, refreshToken: env.WEBHOOK_SECRET },
      }),
    },
  },
  admin: { token: env.ADMIN_TOKEN },
}))
