import { expect, test } from 'vitest'
import type { Consent } from '../../src/core/consent.ts'
import { mayReceive, reasonNotRouted, route } from '../../src/edge/route.ts'
import { plainOrder } from '../support/sample-events.ts'
import type { Source, Target } from '../../src/core/resolved-config.ts'

const target = (name: string, displayName: string, consent?: Consent) => ({
  kind: 'destination',
  name,
  displayName,
  route: consent === undefined ? {} : { consent },
})

const source = (...targets: object[]) => ({ name: 'shop', targets }) as unknown as Source
const shop = source(
  target('analytics', 'Google Analytics 4'),
  target('ads', 'Facebook', { categories: ['Advertising'] }),
  target('tables', 'D1'),
)
const all = ['analytics', 'ads', 'tables']

const order = (more: object = {}) => plainOrder('order-1', more)
const denied = { context: { consent: { categoryPreferences: { Advertising: false } } } }

test.each<[string, object, string[], Record<string, number>]>([
  ['nothing is said', {}, all, {}],
  ['null is said', { integrations: null }, all, {}],
  ['All is true', { integrations: { All: true } }, all, {}],
  [
    'All is false and one is on',
    { integrations: { All: false, Facebook: true } },
    ['ads'],
    { 'integrations:analytics': 1, 'integrations:tables': 1 },
  ],
  [
    'one has options',
    { integrations: { All: false, D1: { schema: 'shop' } } },
    ['tables'],
    { 'integrations:analytics': 1, 'integrations:ads': 1 },
  ],
  ['one is off', { integrations: { Facebook: false } }, ['analytics', 'tables'], { 'integrations:ads': 1 }],
  ['a value is neither', { integrations: { Facebook: 'no' } }, all, {}],
  ['the name of the config is no display name', { integrations: { ads: false } }, all, {}],
  [
    'All is no boolean',
    { integrations: { All: 'true', Facebook: true } },
    [],
    { 'integrations:analytics': 1, 'integrations:ads': 1, 'integrations:tables': 1 },
  ],
  [
    'integrations is no object',
    { integrations: ['Facebook'] },
    [],
    { 'integrations:analytics': 1, 'integrations:ads': 1, 'integrations:tables': 1 },
  ],
  ['consent is denied', denied, ['analytics', 'tables'], { 'consent:ads': 1 }],
  [
    'consent is denied to one that is off',
    { ...denied, integrations: { Facebook: false } },
    ['analytics', 'tables'],
    { 'integrations:ads': 1 },
  ],
  [
    'consent is denied to one of two that are on',
    { ...denied, integrations: { All: false, Facebook: true, D1: true } },
    ['tables'],
    { 'integrations:analytics': 1, 'consent:ads': 1 },
  ],
])('routing chooses the targets of an event: %s', (_what, event, to, counted) => {
  const counters: Record<string, number> = {}
  expect(route(order(event), shop, counters)).toEqual(to)
  expect(counters).toEqual(counted)
})

test('counters add up over the events of a request', () => {
  const counters: Record<string, number> = { 'dropped:bot': 2 }
  for (const event of [denied, {}, denied]) route(order(event), shop, counters)
  expect(counters).toEqual({ 'dropped:bot': 2, 'consent:ads': 2 })
})

test('equal choices are the same array, so that headers are written once', () => {
  const counters: Record<string, number> = {}
  expect(route(order(), shop, counters)).toBe(route(order({ integrations: { All: true } }), shop, counters))
  expect(route(order(denied), shop, counters)).toBe(route(order(denied), shop, counters))
  expect(route(order(denied), shop, counters)).not.toBe(route(order(), shop, counters))
})

test('the choices of clients do not fill the memory of the router', () => {
  const many = source(...Array.from({ length: 12 }, (_, i) => target(`t${i}`, `T${i}`)))
  const choices = Array.from({ length: 1 << 12 }, (_, mask) =>
    route(
      order({
        integrations: Object.fromEntries(many.targets.map((one, i) => [one.displayName, (mask >> i) % 2 === 1])),
      }),
      many,
      {},
    ),
  )
  expect(choices.map(({ length }) => length).reduce((a, b) => a + b)).toBe(12 * (1 << 11))
  expect(choices[5]).toEqual(['t0', 't2'])
  expect(choices[4094]).toEqual(Array.from({ length: 11 }, (_, i) => `t${i + 1}`))
})

test.each<[string, object, Source | undefined, string, string]>([
  ['its integrations', { integrations: { Facebook: false } }, shop, 'ads', '"integrations" of the event switch it off'],
  ['consent', denied, shop, 'ads', 'the event lacks the consent that it needs'],
  ['the "to" of its source', {}, shop, 'crm', '"to" of the source "shop" does not name it'],
  ['a source that is gone', {}, undefined, 'ads', 'its source is no longer in the config'],
  ['a config of another day', {}, shop, 'ads', 'the config was another when the event arrived'],
])('an event that was kept from a target by %s is told so', (_, more, from, name, reason) => {
  const event = order({ context: { consent: { categoryPreferences: { Advertising: true } } }, ...more })
  expect(reasonNotRouted(event, from, name)).toBe(reason)
})

test.each([
  {},
  { integrations: { All: false, Facebook: true } },
  { integrations: 'none' },
  { ...denied },
  { integrations: { D1: false } },
])('an event of the past may go where one of today would, whatever its source names (%#)', (more) => {
  const event = order(more)
  const routed = route(event, shop, {})
  const may = shop.targets.filter((one) => mayReceive(event, one as Target)).map(({ name }) => name)
  expect(may).toEqual([...routed])
})
