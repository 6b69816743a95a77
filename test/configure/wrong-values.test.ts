import { describe, expect, test } from 'vitest'
import { webhook } from '../../destinations/webhook.ts'
import type { Config, ConfigOf } from '../../src/core/config.ts'
import { SluicewayError } from '../../src/core/errors.ts'
import { resolveConfig } from '../../src/configure/resolve-config.ts'
import { stripe } from '../../src/sources/stripe.ts'
import { log } from '../../src/streams/log.ts'
import { queues } from '../../src/streams/queues.ts'
import { d1 } from '../../src/warehouses/d1.ts'
import { postgres } from '../../src/warehouses/postgres.ts'
import * as dropBots from '../../transforms/drop-bots.ts'

/** A config in which every setting has a value. */
const full = () => ({
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
      transforms: [dropBots],
      filter: () => true,
      displayName: 'CRM',
      ordered: true,
      retryDays: 3,
      consent: [{ categories: ['ads'], provider: 'oneTrust', strategy: 'and', required: true }],
      privacy: { drop: ['properties.c'] },
    },
  },
  warehouses: {
    tables: {
      use: d1(),
      displayName: 'Tables',
      everyMinutes: 5,
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

type Node = Record<string, unknown>

/** Every place of a config where a user writes something: dotted, without what a driver made. */
function placesIn(value: unknown, path: readonly string[] = []): string[] {
  const isOurs = typeof value !== 'object' || value === null || path.at(-1) === 'use' || path.at(-1) === 'webhook'
  const isModule = path.at(-2) === 'transforms'
  const here = path.length === 0 ? [] : [path.join('.')]
  if (isOurs || isModule || path.join('.') === 'stream') return here
  return [...here, ...Object.entries(value).flatMap(([name, one]) => placesIn(one, [...path, name]))]
}

function configWith(place: string, value: unknown): Config {
  const config = full() as unknown as Node
  const path = place.split('.')
  let holder = config
  for (const name of path.slice(0, -1)) {
    // A list or a module that others share is not changed.
    holder[name] = Array.isArray(holder[name]) ? [...(holder[name] as unknown[])] : { ...(holder[name] as Node) }
    holder = holder[name] as Node
  }
  holder[path.at(-1) as string] = value
  return config as unknown as Config
}

/** What `resolveConfig` says; the test fails where it throws anything but its own error. */
function problemsOf(make: ConfigOf): readonly string[] {
  try {
    resolveConfig(make, {})
    return []
  } catch (error) {
    expect(error).toBeInstanceOf(SluicewayError)
    const { code, message, details } = error as SluicewayError
    expect([code, message]).toEqual([
      'config_invalid',
      expect.not.stringMatching(/undefined|not a function|Cannot|\[object/),
    ])
    return details['problems'] as string[]
  }
}

const hostile: readonly unknown[] = [
  42,
  -1,
  0,
  Number.NaN,
  true,
  'text',
  '',
  null,
  [],
  [42],
  [null],
  {},
  { a: 1 },
  () => 1,
  Symbol('x'),
  10n,
]

test('a config in which every setting has a value is all right', () => {
  expect(problemsOf(() => full() as unknown as Config)).toEqual([])
})

describe('a wrong value is a problem of the config that names its place, never a crash', () => {
  test.each(placesIn(full()))(
    'a wrong value is a problem of the config that names its place, never a crash: at %s',
    (place) => {
      for (const value of hostile) {
        const problems = problemsOf(() => configWith(place, value))
        // Some of these values are right in some places.
        for (const problem of problems) expect(problem).toMatch(/^[a-z]+(\.[\w.-]+)?: /)
      }
    },
  )

  test.each<[string, unknown, string]>([
    ['sources.web.writeKey', 42, 'sources.web: "writeKey" must be text'],
    ['sources.web.writeKey', null, 'sources.web: "writeKey" must be text'],
    ['sources.web', null, 'sources.web: must be an object'],
    ['sources.web.enabled', 'false', 'sources.web: "enabled" must be true or false'],
    ['sources.web.to', 'crm', 'sources.web: "to" must be a list'],
    ['sources.web.to', [7], 'sources.web: "to[0]" must be text'],
    ['sources.web.transforms', dropBots, 'sources.web: "transforms" must be a list'],
    ['sources.web.enrich.geo', 'no', 'sources.web: "enrich.geo" must be true or false'],
    ['sources.web.enrich.bots', 7, 'sources.web: "enrich.bots" must be text or an object'],
    ['sources.web.privacy.hash', 'userId', 'sources.web: "privacy.hash" must be a list'],
    ['sources.web.rate.burst', '100', 'sources.web: "rate.burst" must be a number'],
    ['sources.pay.webhook', {}, 'sources.pay: "webhook" must be a webhook source, such as stripe({ … })'],
    ['sources', [], 'sources: must be an object'],
    ['stream', 'log', 'stream: must be a stream, such as log()'],
    ['destinations.crm.use', d1(), 'destinations.crm: "use" must be a destination, such as webhook({ … })'],
    ['destinations.crm.use', undefined, 'destinations.crm: "use" must be a destination, such as webhook({ … })'],
    ['destinations.crm.filter', 'text', 'destinations.crm: "filter" must be a function'],
    ['destinations.crm.retryDays', 'x', 'destinations.crm: "retryDays" must be a number'],
    ['destinations.crm.consent', { categorys: [] }, 'destinations.crm: "consent.categories" must be a list'],
    ['warehouses.tables.use', log(), 'warehouses.tables: "use" must be a warehouse, such as d1()'],
    ['warehouses.tables.mapping.jsonPaths', 'a', 'warehouses.tables: "mapping.jsonPaths" must be a list'],
    ['admin', 'token', 'admin: must be an object'],
    ['admin.token', ['correct-horse-battery-staple'], 'admin.token: must be text'],
    ['demo', 'yes', 'demo: must be true or false or an object'],
    ['limits.eventBytes', '1000', 'limits.eventBytes: must be a number'],
    ['paths.ingest', 7, 'paths.ingest: must be text'],
  ])(
    'a wrong value is a problem of the config that names its place, never a crash: %s = %j',
    (place, value, problem) => {
      expect(problemsOf(() => configWith(place, value))).toEqual([problem])
    },
  )

  test.each<[unknown, string]>([
    [undefined, 'config: must be an object'],
    [null, 'config: must be an object'],
    [7, 'config: must be an object'],
    [Promise.resolve({}), 'config: must be an object, not a promise: give defineConfig a function that is not async'],
  ])('a config that is %j', (config, problem) => {
    expect(problemsOf(() => config as Config)).toEqual([problem])
  })
})

test.each<[string, (input: never) => { readonly problems: readonly string[] }]>([
  ['a destination', webhook],
  ['a source', stripe],
  ['a stream', log],
  ['another stream', queues],
  ['a warehouse', postgres],
  ['another warehouse', d1],
])('the settings of %s are a problem when they are no object', (_what, make) => {
  for (const input of [null, 42, 'text', [1], true])
    expect(make(input as never).problems).toContain('the settings must be an object')
  for (const name of ['toString', '__proto__', 'constructor'])
    expect(make(JSON.parse(`{"${name}":1}`) as never).problems.join()).toContain(`"${name}" is no setting`)
})
