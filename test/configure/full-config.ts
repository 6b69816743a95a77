import { expect } from 'vitest'
import { webhook } from '../../destinations/webhook.ts'
import type { ConfigOf } from '../../src/core/config.ts'
import { SluicewayError } from '../../src/core/errors.ts'
import { resolveConfig } from '../../src/configure/resolve-config.ts'
import { stripe } from '../../src/sources/stripe.ts'
import { log } from '../../src/streams/log.ts'
import { d1 } from '../../src/warehouses/d1.ts'
import * as dropBots from '../../transforms/drop-bots.ts'

/** A config in which every setting has a value. */
export const full = () => ({
  stream: log(),
  sources: {
    web: {
      writeKey: 'keyOfTheShop',
      enabled: true,
      transforms: [dropBots],
      to: ['crm'],
      enrich: {
        geo: true,
        userAgent: true,
        campaign: true,
        rudderId: true,
        bots: { action: 'flag', score: 30, dataCenters: true },
        ip: 'keep',
      },
      privacy: {
        hash: ['userId'],
        salt: 'salt',
        mask: ['properties.a'],
        drop: ['properties.b'],
        allow: ['properties'],
      },
      identityCookie: { name: 'id', domain: 'example.com', maxAgeDays: 30, consent: { categories: ['functional'] } },
      rate: { eventsPerSecond: 10, burst: 100 },
    },
    pay: { writeKey: 'keyOfThePayments', webhook: stripe({ secret: 'whsec_of_the_payments' }) },
  },
  destinations: {
    crm: {
      use: webhook({ url: 'https://crm.ada.dev/' }),
      only: { types: ['track', 'identify'], events: ['Order *'], where: { 'properties.plan': ['pro', 'team'] } },
      except: { events: ['Debug Ping'] },
      fields: { allow: ['properties', 'context.traits'], deny: ['context.ip'] },
      transforms: [dropBots],
      filter: () => true,
      displayName: 'CRM',
      ordered: true,
      retryDays: 3,
      rate: { requestsPerSecond: 50, parallel: 4 },
      consent: [{ categories: ['ads'], provider: 'oneTrust', strategy: 'and', required: true }],
      privacy: { drop: ['properties.c'] },
    },
  },
  warehouses: {
    tables: {
      use: d1(),
      displayName: 'Tables',
      everyMinutes: 5,
      syncStartAt: '02:30',
      excludeWindow: { start: '22:00', end: '06:00' },
      stageSeconds: 10,
      consent: { categories: ['ads'] },
      privacy: { drop: ['properties.c'] },
      mapping: {
        storeFullEvent: true,
        jsonPaths: ['a.b'],
        skipTracksTable: false,
        skipUsersTable: false,
        underscoreDivideNumbers: true,
        allowUsersContextTraits: true,
        resolveIdentities: true,
      },
    },
  },
  admin: { token: 'correct-horse-battery-staple' },
  demo: { sinkSecret: 'secret of the sink', tokenOnly: true },
  limits: {
    bodyBytes: 4_096_000,
    eventBytes: 32_768,
    batchEvents: 5_000,
    deadLetterDays: 30,
    pastDays: 3_650,
    futureMinutes: 60,
    appendMs: 2_000,
  },
  paths: { ingest: '/e', sdk: '/s', beacon: '/n' },
})

/** What `resolveConfig` says; the test fails where it throws anything but its own error. */
export function problemsOf(make: ConfigOf): readonly string[] {
  try {
    resolveConfig(make, {})
    return []
  } catch (error) {
    expect(error).toBeInstanceOf(SluicewayError)
    const { code, message, details } = error as SluicewayError
    expect([code, message]).toEqual([
      'config_invalid',
      expect.not.stringMatching(/undefined|is not a function|Cannot|\[object|could not be read/),
    ])
    return details['problems'] as string[]
  }
}

/** What the error lists, whatever its words are. */
export function listed(make: ConfigOf): unknown {
  try {
    return resolveConfig(make, {})
  } catch (error) {
    expect(error).toBeInstanceOf(SluicewayError)
    return (error as SluicewayError).details['problems']
  }
}
