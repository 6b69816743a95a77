import { describe, expect, test } from 'vitest'
import { webhook } from '../../destinations/webhook.ts'
import type { Config } from '../../src/core/config.ts'
import { stripe } from '../../src/sources/stripe.ts'
import { log } from '../../src/streams/log.ts'
import { queues } from '../../src/streams/queues.ts'
import { d1 } from '../../src/warehouses/d1.ts'
import { postgres } from '../../src/warehouses/postgres.ts'
import * as dropBots from '../../transforms/drop-bots.ts'

import { full, problemsOf } from './full-config.ts'

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
        for (const problem of problems) expect(problem).toMatch(/^[a-z]+(\.[\w.[\]-]+)?: /)
      }
    },
  )

  test.each<[string, unknown, string]>([
    ['sources.web.writeKey', 42, 'sources.web: "writeKey" must be text, not a number'],
    ['sources.web.writeKey', null, 'sources.web: "writeKey" must be text, not null'],
    ['sources.web', null, 'sources.web: must be an object, not null'],
    ['sources.web.enabled', 'false', 'sources.web: "enabled" must be true or false, not text'],
    ['sources.web.to', 'crm', 'sources.web: "to" must be a list, not text'],
    ['sources.web.to', [7], 'sources.web: "to[0]" must be text, not a number'],
    ['sources.web.transforms', dropBots, 'sources.web: "transforms" must be a list, not an object'],
    ['sources.web.enrich.geo', 'no', 'sources.web: "enrich.geo" must be true or false, not text'],
    [
      'sources.web.enrich.bots',
      7,
      'sources.web: "enrich.bots" must be one of keep, flag, drop, or an object, not a number',
    ],
    ['sources.web.privacy.hash', 'userId', 'sources.web: "privacy.hash" must be a list, not text'],
    ['sources.web.rate.burst', '100', 'sources.web: "rate.burst" must be a number from 1 to 1,000,000,000, not text'],
    [
      'sources.pay.webhook',
      {},
      'sources.pay: "webhook" must be a webhook source, such as stripe({ … }), not an object',
    ],
    ['sources', [], 'sources: must be an object, not a list'],
    ['stream', 'log', 'stream: must be a stream, such as log(), not text'],
    [
      'destinations.crm.use',
      d1(),
      'destinations.crm: "use" must be a destination, such as webhook({ … }), not a warehouse, which belongs under "warehouses", as "use"',
    ],
    [
      'destinations.crm.use',
      undefined,
      'destinations.crm: "use" is missing: it must be a destination, such as webhook({ … })',
    ],
    ['destinations.crm.filter', 'text', 'destinations.crm: "filter" must be a function, not text'],
    [
      'destinations.crm.retryDays',
      'x',
      'destinations.crm: "retryDays" must be a number of days above 0 and at most 36,500, not text',
    ],
    [
      'destinations.crm.consent',
      { categorys: [] },
      'destinations.crm.consent: "categorys" is no setting; did you mean "categories"? There are: categories, provider, strategy, required',
    ],
    [
      'warehouses.tables.use',
      log(),
      'warehouses.tables: "use" must be a warehouse, such as d1(), not a stream, which belongs as "stream"',
    ],
    ['warehouses.tables.transforms', 'a', 'warehouses.tables: "transforms" must be a list, not text'],
    ['warehouses.tables.mapping.jsonPaths', 'a', 'warehouses.tables: "mapping.jsonPaths" must be a list, not text'],
    ['admin', 'token', 'admin: must be an object, not text'],
    ['admin.token', ['correct-horse-battery-staple'], 'admin.token: must be text, not a list'],
    ['demo', 'yes', 'demo: must be true or false or an object, not text'],
    ['limits.eventBytes', '1000', 'limits.eventBytes: must be a whole number of bytes from 1 to 524,288, not text'],
    ['paths.ingest', 7, 'paths.ingest: must be text, not a number'],
    [
      'destinations.crm',
      { retryDays: 3 },
      'destinations.crm: "use" is missing: it must be a destination, such as webhook({ … })',
    ],
    [
      'destinations.crm',
      webhook({ url: 'https://crm.ada.dev/' }),
      'destinations.crm: must be an object around the destination: { use: … }',
    ],
    [
      'destinations.crm.use',
      webhook,
      'destinations.crm: "use" must be a destination, such as webhook({ … }), not the function that makes it: call it',
    ],
    [
      'destinations.crm.use',
      stripe({}),
      'destinations.crm: "use" must be a destination, such as webhook({ … }), not a webhook source, which belongs under "sources", as "webhook"',
    ],
    [
      'destinations.crm.use',
      { kind: 'destination', name: 'crm', problems: [] },
      'destinations.crm: "use" must be a destination, such as webhook({ … }); this one lacks what a driver gives it',
    ],
    [
      'destinations.crm.consent',
      { categories: ['ads'], strategy: 'xor' },
      'destinations.crm: "consent.strategy" must be one of and, or',
    ],
    ['destinations.crm.consent', {}, 'destinations.crm: "consent.categories" is missing: it must be a list'],
    [
      'warehouses.tables.use',
      webhook({ url: 'https://crm.ada.dev/' }),
      'warehouses.tables: "use" must be a warehouse, such as d1(), not a destination, which belongs under "destinations", as "use"',
    ],
    [
      'sources.pay.webhook',
      webhook({ url: 'https://crm.ada.dev/' }),
      'sources.pay: "webhook" must be a webhook source, such as stripe({ … }), not a destination, which belongs under "destinations", as "use"',
    ],
    [
      'sources.web.transforms',
      [dropBots.transformEvent],
      'sources.web: "transforms[0]" must be the module, not the function: import * as myTransform from "./transforms/my-transform.ts"; a ready-made one with settings is called with them',
    ],
    [
      'sources.web.transforms',
      [{ transformEvent: 'text' }],
      'sources.web: "transforms[0].transformEvent" must be a function, not text',
    ],
    [
      'sources.web.transforms',
      [undefined],
      'sources.web: "transforms[0]" must be a transform: a module that exports transformEvent or transformBatch',
    ],
    [
      'sources.web.rate',
      { eventsPerSecond: Number.NaN },
      'sources.web: "rate.eventsPerSecond" must be a number above 0 and at most 1,000,000,000, not NaN: what it is made of is no number, or is not set',
    ],
    ['stream', log, 'stream: must be a stream, such as log(), not the function that makes it: call it'],
    [
      'stream',
      d1(),
      'stream: must be a stream, such as log(), not a warehouse, which belongs under "warehouses", as "use"',
    ],
    [
      'limits.userCodeMs',
      3_000_000_000,
      'limits.userCodeMs: must be a number of milliseconds above 0 and at most 300,000',
    ],
    ['limits.pastDays', Infinity, 'limits.pastDays: must be a number of days above 0 and at most 1,000,000,000'],
    ['limits.batchEvents', 0.5, 'limits.batchEvents: must be a whole number of events from 1 to 100,000'],
    [
      'stream',
      log({ partitions: 1.5 }),
      'stream: "partitions" must be a whole number from 1 to 64: each minute, the sweep wakes every one of them, and every lane of every target',
    ],
    [
      'stream',
      queues({ partitions: 1000 }),
      'stream: "partitions" must be a whole number from 1 to 64: each minute, the sweep wakes every one of them, and every lane of every target',
    ],
    ['stream', log({ partitions: '2' as never }), 'stream: "partitions" must be a whole number, not text'],
  ])(
    'a wrong value is a problem of the config that names its place, never a crash: %s = %j',
    (place, value, problem) => {
      expect(problemsOf(() => configWith(place, value))).toEqual([problem])
    },
  )
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
