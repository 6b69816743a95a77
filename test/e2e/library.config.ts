// What library.test.ts serves: destinations of `@segment/action-destinations`, imported as a user imports them.
import absmartly from '@segment/action-destinations/dist/destinations/absmartly/index.js'
import customerio from '@segment/action-destinations/dist/destinations/customerio/index.js'
import hubspot from '@segment/action-destinations/dist/destinations/hubspot/index.js'
import klime from '@segment/action-destinations/dist/destinations/klime/index.js'
import extensible from '@segment/action-destinations/dist/destinations/webhook-extensible/index.js'
import webhook from '@segment/action-destinations/dist/destinations/webhook/index.js'
import xtremepush from '@segment/action-destinations/dist/destinations/xtremepush/index.js'
import { defineConfig } from 'sluiceway/config'
import { segment } from 'sluiceway/destinations/library'
import { log } from 'sluiceway/streams/log'

export default defineConfig((env) => ({
  stream: log({ partitions: 1 }),
  sources: { web: { writeKey: env.WRITE_KEY, to: ['hook', 'klime', 'absmartly', 'pair', 'oauth', 'push'] } },
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
    // Two mappings, of which one goes to a receiver of its own.
    pair: {
      displayName: 'Pair',
      use: segment(webhook, {
        mappings: {
          ledger: {
            action: 'send',
            when: 'type = "track"',
            fields: { url: env.LEDGER, method: 'POST', data: { '@path': '$.properties' } },
          },
          archive: {
            action: 'send',
            when: 'type = "track"',
            fields: { url: env.ARCHIVE, method: 'POST', data: { '@path': '$.properties' } },
          },
        },
        allowPrivate: true,
      }),
      only: { events: ['Split *'], where: { 'properties.country': ['GB', 'IE'] } },
      except: { events: ['Split Refunded'] },
      fields: { deny: ['properties.margin'] },
    },
    oauth: {
      displayName: 'OAuth',
      use: segment(extensible, {
        settings: {
          dynamicAuthSettings: {
            oauth: { type: 'authCode', refreshTokenServerUrl: env.TOKENS, scopes: 'events' },
          },
        } as never,
        mappings: {
          send: {
            when: 'type = "track"',
            fields: { url: env.GUARDED, method: 'POST', data: { '@path': '$.properties' } },
          },
        },
        tokens: {
          accessToken: 'access-1',
          refreshToken: 'refresh-1',
          clientId: 'shop',
          clientSecret: env.WEBHOOK_SECRET,
        },
        allowPrivate: true,
      }),
      only: { events: ['Token *'] },
    },
    push: {
      use: segment(xtremepush, { settings: { url: env.PUSH, apiKey: 'push-1842' }, allowPrivate: true }),
      only: { events: ['Pushed'] },
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
