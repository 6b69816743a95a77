import { expect, test } from 'vitest'
import type { IdentityCookie } from '../../src/core/identity-cookie.ts'
import { sourceProblems } from '../../src/configure/rule-problems.ts'

const problemsOf = (identityCookie: IdentityCookie) => sourceProblems({ writeKey: 'keyOfTheShop', identityCookie })

test.each([
  [{ name: 'sw id' }, '"identityCookie.name" must be a cookie name'],
  [{ name: 'sw_id=x; Domain=evil.example' }, '"identityCookie.name" must be a cookie name'],
  [{ domain: 'shop.example; Max-Age=0' }, '"identityCookie.domain" must be a domain'],
  [{ domain: 'com' }, '"identityCookie.domain" must be a domain'],
  [{ name: '__Host-sw', domain: 'shop.example' }, '"identityCookie.domain" must be left out'],
])('the identity cookie %j is refused by the config', (rules, problem) => {
  expect(problemsOf(rules)).toEqual([expect.stringContaining(problem)])
})

test.each([{}, { name: '__Host-sw' }, { name: '__Secure-sw', domain: 'shop.example', maxAgeDays: 400 }])(
  'the identity cookie %j is taken by the config',
  (rules) => {
    expect(problemsOf(rules)).toEqual([])
  },
)
