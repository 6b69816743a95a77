import { expect, test } from 'vitest'
import { defineDestination } from '../../src/configure/define-destination.ts'
import { defineSource } from '../../src/configure/define-source.ts'
import { log } from '../../src/streams/log.ts'
import { resolveConfig } from '../../src/configure/resolve-config.ts'
import { similarName } from '../../src/configure/similar-name.ts'

const spec = {
  name: 'crm',
  settings: { url: { type: 'url', about: 'Where events are sent.' } },
  encode: () => null,
  request: () => ({ method: 'POST', url: 'https://crm.ada.dev/', headers: {} }),
}
const given = { url: 'https://crm.ada.dev/' }
const destinationOf = (more: object | undefined) =>
  defineDestination((more === undefined ? undefined : { ...spec, ...more }) as never)(given as never)

test.each<[string, object | undefined, string]>([
  ['that is none', undefined, 'its definition must be an object'],
  ['without a name', { name: undefined }, 'its definition has no "name"'],
  ['without settings', { settings: undefined }, 'its definition has no "settings"; {} is none'],
  [
    'with a setting of an unknown type',
    { settings: { url: { type: 'text' } } },
    'the setting "url" of its definition must have a "type": one of string, url, number, boolean, choice, headers, secrets, list, texts, numbers, json',
  ],
  ['without encode', { encode: undefined }, 'its definition needs the function "encode"'],
  ['with verdicts that are no function', { verdicts: 'done' }, '"verdicts" of its definition must be a function'],
  [
    'that takes no events at once',
    { limits: { events: 0 } },
    '"limits.events" must be a whole number from 1 to 100,000',
  ],
  ['that sends too much at once', { limits: { parallel: 7 } }, '"limits.parallel" must be a whole number from 1 to 6'],
  [
    'with a misspelled limit',
    { limits: { event: 10 } },
    'limits: "event" is no setting; did you mean "events"? There are: events, bytes, parallel, timeoutSeconds',
  ],
  [
    'whose limits throw',
    {
      limits: () => {
        throw new Error('no orders today')
      },
    },
    'its limits could not be read: no orders today',
  ],
])('a definition of a destination %s is a problem of the config, and nothing throws', (_what, more, problem) => {
  expect(destinationOf(more).problems).toEqual([problem])
  const config = {
    stream: log(),
    sources: { web: { writeKey: 'k' } },
    destinations: { crm: { use: destinationOf(more) } },
  }
  expect(() => resolveConfig(() => config, {})).toThrow(`- destinations.crm: ${problem}`)
})

test.each<[string, unknown, string]>([
  ['that is none', undefined, 'its definition must be an object'],
  ['without map', { name: 'crm', settings: {} }, 'its definition needs the function "map"'],
  [
    'with verify that is no function',
    { name: 'crm', settings: {}, map: () => [], verify: true },
    '"verify" of its definition must be a function',
  ],
])('a definition of a source %s is a problem of the config, and nothing throws', (_what, made, problem) => {
  expect(defineSource(made as never)({}).problems).toEqual([problem])
})

test.each([
  ['categorys', 'categories'],
  ['Transforms', 'transforms'],
  ['usreId', 'userId'],
  ['hashed', 'hash'],
  ['x', undefined],
  ['somethingElseAltogether', undefined],
  ['a'.repeat(100_000), undefined],
])('a name that somebody may have meant is the nearest one, or none: %.30s', (name, meant) => {
  expect(similarName(name, ['categories', 'transforms', 'userId', 'hash', 'drop'])).toBe(meant)
})
