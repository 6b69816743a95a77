import { createHash } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { PrivacyRules } from '../../src/core/privacy.ts'
import { applyPrivacy, applyPrivacyToFacts, applyPrivacyToAny } from '../../src/privacy/privacy.ts'
import { orderCompleted } from '../support/sample-events.ts'
import { withSeed } from '../support/seed.ts'

/** From `printf %s ada@example.com | sha256sum`. */
const ada = 'b5fc85e55755f9e0d030a10ab4429b6b2944855f9a0d60077fe832becbc41d72'
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

const after = (event: Record<string, unknown>, rules: PrivacyRules): Record<string, unknown> => {
  applyPrivacy(event, rules)
  return event
}
const context = (more: object) => ({ context: more })
const properties = (more: object) => ({ properties: more })

describe('hash', () => {
  test.each<[string, unknown, unknown]>([
    ['text', 'ada@example.com', sha256('ada@example.com')],
    ['text is trimmed and lower-cased', '  Ada@Example.COM ', sha256('ada@example.com')],
    ['a number is text', 42, sha256('42')],
    ['a boolean is text', true, sha256('true')],
    ['a hash is left', sha256('ada'), sha256('ada')],
    ['a hash in capitals is left', sha256('ada').toUpperCase(), sha256('ada').toUpperCase()],
    ['63 hex digits are no hash', 'a'.repeat(63), sha256('a'.repeat(63))],
    ['empty text is left', ' ', ' '],
    ['null is left', null, null],
    ['every element of an array', ['a', null, 'B'], [sha256('a'), null, sha256('b')]],
    [
      'every value of an object, at any depth',
      { city: 'London', at: [{ zip: 1815 }] },
      { city: sha256('london'), at: [{ zip: sha256('1815') }] },
    ],
  ])('a privacy rule that hashes treats values as it says: %s', (_what, value, hashed) => {
    expect(after(context({ traits: { email: value } }), { hash: ['context.traits.email'] })).toEqual(
      context({ traits: { email: hashed } }),
    )
  })

  test('the hash of a privacy rule is the SHA-256 that other tools make', () => {
    expect(after({ userId: 'Ada@Example.com' }, { hash: ['userId'] })).toEqual({ userId: ada })
  })

  test('the salt of a hash stands before the text', () => {
    expect(after({ userId: 'Ada' }, { hash: ['userId'], salt: 'pepper' })).toEqual({ userId: sha256('pepperada') })
  })

  test('a second run of a hash changes nothing', () => {
    const rules = { hash: ['userId', 'context.traits'], mask: ['context.ip'], salt: 'pepper' }
    const once = after({ userId: 'ada', context: { ip: '198.51.100.7', traits: { age: 36 } } }, rules)
    expect(after(structuredClone(once), rules)).toEqual(once)
  })
})

describe('mask, drop', () => {
  test('mask replaces values, and every value of objects and arrays', () => {
    expect(
      after(properties({ name: 'Ada', age: 36, none: null, tags: ['a', 1], place: { city: 'London' } }), {
        mask: ['properties.*'],
      }),
    ).toEqual(properties({ name: '***', age: '***', none: null, tags: ['***', '***'], place: { city: '***' } }))
  })

  test('drop removes the field itself from an event', () => {
    const event = after(context({ ip: '198.51.100.7', locale: 'en' }), { drop: ['context.ip', 'request_ip', 'a.b.c'] })
    expect(JSON.stringify(event)).toBe('{"context":{"locale":"en"}}')
    expect('ip' in (event['context'] as object)).toBe(false)
  })

  test('drop wins over hash, and mask wins over hash', () => {
    expect(after({ a: 1, b: 2, c: 3 }, { hash: ['a', 'b', 'c'], drop: ['a'], mask: ['b'] })).toEqual({
      b: '***',
      c: sha256('3'),
    })
  })
})

describe('paths', () => {
  const cart = () => properties({ products: [{ sku: 'a', price: 1 }, 'loose', { sku: 'b', price: 2 }], total: 3 })

  test.each<[string, Record<string, unknown>, string, Record<string, unknown>]>([
    [
      'go through arrays',
      cart(),
      'properties.products.price',
      properties({ products: [{ sku: 'a' }, 'loose', { sku: 'b' }], total: 3 }),
    ],
    [
      'with a star for elements',
      cart(),
      'properties.products.*.price',
      properties({ products: [{ sku: 'a' }, 'loose', { sku: 'b' }], total: 3 }),
    ],
    [
      'that end with a star at an array empty it',
      cart(),
      'properties.products.*',
      properties({ products: [], total: 3 }),
    ],
    ['that end with a star at an object empty it', cart(), 'properties.*', properties({})],
    [
      'with a star for members',
      { traits: { home: { zip: 1 }, work: [{ zip: 2 }], zip: 3 } },
      'traits.*.zip',
      { traits: { home: {}, work: [{}], zip: 3 } },
    ],
    ['go through arrays in arrays', { a: [[{ b: 1 }], { b: 2 }] }, 'a.b', { a: [[{}], {}] }],
    [
      'that lead into text change nothing',
      properties({ name: 'Ada' }),
      'properties.name.first',
      properties({ name: 'Ada' }),
    ],
    ['do not see what objects inherit', properties({}), 'properties.constructor.name', properties({})],
  ])('privacy rules change what their paths lead to: paths %s', (_what, event, path, left) => {
    expect(after(event, { drop: [path] })).toEqual(left)
  })
})

describe('allow', () => {
  const event = () => ({
    ...orderCompleted(),
    request_ip: '198.51.100.7',
    secret_note: 'call her',
    integrations: { All: true },
    context: { ip: '198.51.100.7', page: { path: '/cart', url: 'https://shop.example/cart?email=ada' }, locale: 'en' },
    traits: { email: 'ada@example.com' },
  })

  test('an allow-list keeps what it names and what lies below, and the fields of the specification', () => {
    const kept = after(event(), { allow: ['properties.revenue', 'properties.products.sku', 'context.page.path'] })
    expect(kept).toEqual({
      type: 'track',
      event: 'Order Completed',
      messageId: 'order-1',
      anonymousId: 'anon-ada',
      userId: 'ada',
      originalTimestamp: '2026-11-22T09:59:58.000Z',
      sentAt: '2026-11-22T10:00:00.000Z',
      integrations: { All: true },
      properties: { revenue: 39.95, products: [{ sku: '45790-32' }] },
      context: { page: { path: '/cart' } },
      traits: {},
    })
  })

  test.each<[string, string[], unknown]>([
    ['a field by a star', ['properties.*.sku'], { a: { sku: 1 }, list: [{ sku: 2 }] }],
    ['elements by a star', ['properties.list.*.sku'], { list: [{ sku: 2 }] }],
    ['a whole object', ['properties.a'], { a: { sku: 1, price: 1 } }],
    ['everything', ['properties'], { a: { sku: 1, price: 1 }, list: [{ sku: 2, price: 2 }, 'loose'], note: 'x' }],
    ['nothing', [], {}],
    ['a path that is not there', ['properties.b.c', 'properties.note.deeper'], {}],
  ])('an allow-list keeps what its paths name: %s', (_what, allow, left) => {
    const given = properties({ a: { sku: 1, price: 1 }, list: [{ sku: 2, price: 2 }, 'loose'], note: 'x' })
    expect(after(given, { allow })).toEqual({ properties: left })
  })

  test('an allow-list keeps other fields that it names', () => {
    expect(after(event(), { allow: ['request_ip'] })).toMatchObject({ request_ip: '198.51.100.7', context: {} })
  })

  test('an allow-list comes first: what it keeps may still be hashed', () => {
    expect(after(event(), { allow: ['traits.email'], hash: ['traits.email'] })['traits']).toEqual({
      email: sha256('ada@example.com'),
    })
  })
})

describe('what an event says about consent', () => {
  const said = { consentManagement: { deniedConsentIds: ['C0004'] }, consent: { categoryPreferences: { Ads: false } } }

  test.each<[string, PrivacyRules]>([
    ['allow', { allow: [] }],
    ['drop', { drop: ['context'] }],
    ['drop with a star', { drop: ['context.*'] }],
    ['mask', { mask: ['context'] }],
    ['hash with a star', { hash: ['*.*'] }],
  ])('what an event says about consent outlives the privacy rule %s', (_rule, rules) => {
    const { context: left } = after(context({ ...structuredClone(said), ip: '198.51.100.7' }), rules)
    expect(left).toMatchObject(said)
    expect((left as Record<string, unknown>)['ip']).not.toBe('198.51.100.7')
  })

  test('what an event says about consent goes when a path names it', () => {
    expect(after(context(structuredClone(said)), { drop: ['context.consent', 'context.*'] })).toEqual(
      context({ consentManagement: said.consentManagement }),
    )
  })
})

describe('the facts of an envelope', () => {
  const facts = {
    ip: '198.51.100.7',
    userAgent: 'Mozilla/5.0',
    country: 'GB',
    region: 'ENG',
    city: 'London',
    bot: 'seo',
  }
  const { ip: _ip, ...noIp } = facts
  const { userAgent: _userAgent, ...noAgent } = facts
  const { city: _city, ...noCity } = facts
  const { country: _country, region: _region, ...noPlace } = noCity

  test.each<[PrivacyRules, object]>([
    [{}, facts],
    [{ drop: ['properties.email'] }, facts],
    [{ drop: ['context.ip'] }, noIp],
    [{ mask: ['request_ip'] }, noIp],
    [{ hash: ['context.userAgent'] }, noAgent],
    [{ drop: ['context.geo'] }, noPlace],
    [{ drop: ['*.geo.city'] }, noCity],
    [{ mask: ['context.*'] }, { bot: 'seo' }],
    [{ allow: [] }, { bot: 'seo' }],
    [{ allow: ['context'] }, facts],
    [{ allow: ['request_ip', 'context.userAgent', 'context.geo'] }, facts],
  ])('the facts of an envelope under the privacy rules %j are %j', (rules, left) => {
    expect(applyPrivacyToFacts(facts, rules)).toEqual(left)
  })
})

describe('what is no event', () => {
  const rules = { hash: ['userId'] }

  test('privacy rules mask text that is no event, leave other scalars, and go through arrays', () => {
    expect(applyPrivacyToAny('ada@example.com', rules)).toBe('***')
    expect(applyPrivacyToAny(7, rules)).toBe(7)
    expect(applyPrivacyToAny(null, rules)).toBeNull()
    expect(applyPrivacyToAny([{ userId: 'ada' }, 'ada'], rules)).toEqual([{ userId: sha256('ada') }, '***'])
  })

  test.each<[string, unknown]>([
    ['context is text', { context: 'ada@example.com' }],
    ['properties is a list', { properties: ['ada@example.com'], traits: 7 }],
    ['an id is an object', { userId: { email: 'ada@example.com' } }],
  ])('no personal data comes through privacy rules where %s', (_what, value) => {
    const kept = applyPrivacyToAny(value, { allow: [], hash: ['userId'] })
    expect(JSON.stringify(kept)).not.toContain('ada@example.com')
  })

  test('no prototype is touched by privacy rules, whatever comes, and what a path drops is gone', async () => {
    const key = fc.constantFrom('__proto__', 'constructor', 'prototype', 'context', 'traits', 'email', 'a', 'toString')
    const json = fc.letrec((tie) => ({
      value: fc.oneof({ depthSize: 'small' }, fc.string(), fc.integer(), fc.constant(null), tie('list'), tie('object')),
      list: fc.array(tie('value'), { maxLength: 4 }),
      object: fc
        .array(fc.tuple(key, tie('value')), { maxLength: 5 })
        .map((pairs) => `{${pairs.map(([name, value]) => `${JSON.stringify(name)}:${text(value)}`).join(',')}}`)
        .map((raw) => JSON.parse(raw) as unknown),
    }))
    const path = fc
      .array(fc.oneof(key, fc.constant('*')), { minLength: 1, maxLength: 4 })
      .map((segments) => segments.join('.'))
    const paths = fc.array(path, { maxLength: 3 })
    const before = Object.getOwnPropertyNames(Object.prototype).join()
    const property = fc.property(
      json.object,
      paths,
      paths,
      paths,
      fc.option(paths),
      (value, hash, mask, drop, allow) => {
        const event = { ...(value as Record<string, unknown>), traits: { email: 'ada@example.com' } }
        applyPrivacy(event, {
          hash,
          mask,
          drop: [...drop, 'traits.email'],
          ...(allow === null ? {} : { allow }),
        })
        expect(JSON.stringify(event)).not.toContain('ada@example.com')
        expect(Object.getOwnPropertyNames(Object.prototype).join()).toBe(before)
        expect(({} as Record<string, unknown>)['email']).toBeUndefined()
      },
    )
    await withSeed((_random, seed) => fc.assert(property, { seed }))
  })
})

const text = (value: unknown) => JSON.stringify(value)
