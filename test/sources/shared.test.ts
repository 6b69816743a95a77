import { expect, test } from 'vitest'
import { braze } from '../../src/sources/braze.ts'
import { renameKeys, titleOf } from '../../src/sources/shared/names.ts'
import { stampOf } from '../../src/sources/shared/time.ts'

test.each([
  ['seconds', 1_795_341_588, '2026-11-22T09:59:48.000Z'],
  ['milliseconds', 1_795_341_588_308, '2026-11-22T09:59:48.308Z'],
  ['seconds with decimals, as text', '1795341588.308399', '2026-11-22T09:59:48.308Z'],
  ['a date with an offset', '2026-11-22T10:59:48+01:00', '2026-11-22T09:59:48.000Z'],
  ['a date as Iterable writes it', '2026-11-22 09:59:48 +00:00', '2026-11-22T09:59:48.000Z'],
])('times like %s are read by sources', (_, value, stamp) => {
  expect(stampOf(value)).toBe(stamp)
})

test.each([[''], ['yesterday'], [Number.NaN], [1e300], [-1], [null], [undefined], [{}], [true]])(
  'the value %j is no time to a source',
  (value) => {
    expect(stampOf(value)).toBe(undefined)
  },
)

test.each([
  ['create_pulse', 'Create Pulse'],
  ['incident.priority_updated', 'Incident Priority Updated'],
  ['__update--name', 'Update Name'],
  ['', ''],
])('the words of %j are capitalized in a name', (name, title) => {
  expect(titleOf(name)).toBe(title)
})

test('an event has the name of the setting, which may itself have a "=" in it, or its own', () => {
  const names = ' message = Message Sent,reaction_added=a=b, '
  expect(['message', 'reaction_added', 'team_join'].map((event) => renameKeys(event, names))).toEqual([
    'Message Sent',
    'a=b',
    'team_join',
  ])
})

test('names that cannot be read are a problem of the config', () => {
  for (const names of ['message', 'message=', '=Message Sent', 'a=b,c'])
    expect(braze({ eventNames: names }).problems.join()).toContain('"eventNames" must look like')
  expect(braze({ eventNames: 'users.messages.email.Open=Email Opened' }).problems).toEqual([])
})
