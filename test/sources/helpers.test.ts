import { expect, test } from 'vitest'
import { eachOf, idOf, payloadsOf, sayingOf } from '../../src/sources/shared/fields.ts'
import { auth0 } from '../../src/sources/auth0.ts'
import { cartTokenOf } from '../../src/sources/shopify/identity.ts'
import { camelOf } from '../../src/sources/shared/names.ts'
import { isSame } from '../../src/sources/shared/signature.ts'
import { utcStampOf } from '../../src/sources/shared/time.ts'

test.each([
  ['2026-11-22 09:59:48', '2026-11-22T09:59:48.000Z'],
  ['2026-11-22 09:59:48.308', '2026-11-22T09:59:48.308Z'],
  ['2026-11-22T09:59:48.395000', '2026-11-22T09:59:48.395Z'],
  ['2026-11-22T10:59:48+01:00', '2026-11-22T09:59:48.000Z'],
  [1_795_341_588, '2026-11-22T09:59:48.000Z'],
  ['yesterday', undefined],
])('the time %j without an offset is in UTC, wherever the clock stands', (value, stamp) => {
  expect(utcStampOf(value)).toBe(stamp)
})

test.each([
  ['event_timestamp_ms', 'eventTimestampMs'],
  ['partner_reward_supplier_id', 'partnerRewardSupplierId'],
  ['price', 'price'],
  ['$email', '$email'],
  ['', ''],
])('the name %j is %j in camel case', (name, camel) => {
  expect(camelOf(name)).toBe(camel)
})

test('an id is a text with something in it, or a number, and nothing else', () => {
  expect(['user-1843', 1843, 0, '', ' ', null, undefined, true, [], {}].map(idOf)).toEqual([
    'user-1843',
    '1843',
    '0',
    ...Array.from({ length: 7 }, () => undefined),
  ])
})

test('fields that say nothing are left out, false and zero are not', () => {
  expect(sayingOf({ name: 'Ada Lovelace', phone: '', city: null, orders: 0, admin: false })).toEqual({
    name: 'Ada Lovelace',
    orders: 0,
    admin: false,
  })
  expect([sayingOf(null), sayingOf('Ada'), sayingOf([1])]).toEqual([{}, {}, {}])
})

test('one payload or a list of them is taken, anything else is not', () => {
  expect(payloadsOf({ event: 'open' })).toEqual([{ event: 'open' }])
  expect(payloadsOf([{ event: 'open' }, { event: 'click' }])).toHaveLength(2)
  expect(() => payloadsOf(['open'])).toThrow('must be a JSON object')
  expect(() => payloadsOf(undefined)).toThrow('Malformed JSON')
})

test('two texts are the same only when every character is', () => {
  expect(isSame('meatyhamhock', 'meatyhamhock')).toBe(true)
  for (const other of ['', 'meatyhamhoc', 'meatyhamhocK', 'meatyhamhock ', undefined])
    expect(isSame(other, 'meatyhamhock')).toBe(false)
})

test('names and cart tokens of a million odd characters are read in a time that grows with their length only', () => {
  expect(camelOf(`${'_'.repeat(1_000_000)}!`)).toHaveLength(1_000_001)
  expect(cartTokenOf(`${'?'.repeat(1_000_000)}\n`)).toBe(undefined)
  expect(cartTokenOf('gid://shopify/Cart/Z2NwLXVz?key=a#b')).toBe('Z2NwLXVz')
})

test('a list becomes events unless it is too long, or too much would be written into each of them', () => {
  const note = 'x'.repeat(1_000_000)
  expect(eachOf([1, 2], note)).toEqual([1, 2])
  expect(() => eachOf(Array.from({ length: 17 }), note)).toThrow('too large to be written into each')
  expect(() => eachOf(Array.from({ length: 5_001 }))).toThrow('more than 5000 events')
  expect(() => payloadsOf(Array.from({ length: 5_001 }, () => ({})))).toThrow('more than 5000 events')
})

test('members that Auth0 says were added do not multiply the list of them', async () => {
  const members = Array.from({ length: 2_000 }, (_, i) => `auth0|member-${i}-of-the-analytical-engine`)
  const details = { request: { path: '/api/v2/organizations/org_1/members', body: { members } } }
  const entry = { type: 'sapi', description: 'Add members to an organization', log_id: 'log-1', details }
  const hook = { body: [entry] } as unknown as Parameters<ReturnType<typeof auth0>['map']>[0]
  const tools = { uuid: () => 'uuid-1' } as Parameters<ReturnType<typeof auth0>['map']>[1]
  await expect(auth0().map(hook, tools)).rejects.toThrow('too large to be written into each')
})
