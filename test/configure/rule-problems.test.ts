import { expect, test } from 'vitest'
import type { IdentityCookie } from '../../src/core/identity-cookie.ts'
import type { Route } from '../../src/core/config.ts'
import { choiceProblems, sourceProblems } from '../../src/configure/rule-problems.ts'
import { fakeDestination } from '../support/fake-destination.ts'

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

test.each<[Partial<Route>, string]>([
  [{ only: {} }, '"only" must have types, events or where'],
  [{ except: { where: {} } }, '"except" must have types, events or where'],
  [{ only: { types: [] } }, '"only.types" must not be an empty list'],
  [{ only: { types: ['page'], events: ['Order Completed'] } }, '"only.events" are names of track events'],
  [{ only: { events: ['Order Completed', ''] } }, '"only.events" must not hold empty text'],
  [{ except: { where: { '.plan': 'pro' } } }, '"except.where" has ".plan", which is no path'],
  [{ fields: {} }, '"fields" must have allow or deny'],
  [{ fields: { deny: ['messageId'] } }, '"fields.deny" must not have "messageId"'],
  [{ fields: { allow: ['properties..plan'] } }, '"fields.allow" has "properties..plan", which is no path'],
])('the choice %j of a destination is refused by the config', (route, problem) => {
  expect(choiceProblems({ use: fakeDestination('crm'), ...route })).toEqual([expect.stringContaining(problem)])
})
