import { expect, test } from 'vitest'
import { webhook } from '../../destinations/webhook.ts'
import { defineConfig } from '../../src/configure/define-config.ts'
import type { Config, ConfigOf, Vars } from '../../src/core/config.ts'
import { log } from '../../src/streams/log.ts'
import { d1 } from '../../src/warehouses/d1.ts'
import { full, listed, problemsOf } from './full-config.ts'

test.each<[string, unknown, string]>([
  ['null', null, 'config: must be an object, not null: export default defineConfig((env) => ({ … }))'],
  ['a number', 7, 'config: must be an object, not a number: export default defineConfig((env) => ({ … }))'],
  [
    'a function',
    () => full(),
    'config: must be an object, not a function: export default defineConfig((env) => ({ … }))',
  ],
  [
    'nothing',
    undefined,
    'config: the function that defineConfig was given returns nothing: export default defineConfig((env) => ({ … })) needs the parentheses around the braces, or a "return"',
  ],
  [
    'a promise',
    Promise.resolve({}),
    'config: must be an object, not a promise: give defineConfig a function that is not async',
  ],
  [
    'an object that cannot be read',
    {
      ...full(),
      get sources(): never {
        throw new TypeError('no orders today')
      },
    },
    'config: it could not be read: no orders today',
  ],
])('a config that is %s is refused with what it must be', (_what, config, problem) => {
  expect(listed(() => config as Config)).toEqual([problem])
})

test('a config whose function is async and throws is refused as an async one, and nothing else is heard of it', async () => {
  const unheard: unknown[] = []
  const hear = (reason: unknown) => unheard.push(reason)
  process.on('unhandledRejection', hear)
  const make = async (env: Vars) => ({ ...full(), admin: { token: env.NOPE!.trim() } })
  expect(problemsOf(make as unknown as ConfigOf)).toEqual([
    'config: must be an object, not a promise: give defineConfig a function that is not async',
  ])
  await new Promise((resolve) => setTimeout(resolve, 20))
  process.off('unhandledRejection', hear)
  expect(unheard).toEqual([])
})

test.each<[string, unknown]>([
  ['is missing', undefined],
  ['is an object', full()],
  ['is a promise', Promise.resolve(full())],
])('a config whose default export %s is refused with what it must be', (_what, made) => {
  expect(problemsOf(made as ConfigOf)).toEqual([
    'config: its file must have "export default defineConfig((env) => ({ … }))", and has something else',
  ])
})

test('a config whose defineConfig is given an object is refused with what it must be given', () => {
  expect(problemsOf(defineConfig(full() as never))).toEqual([
    expect.stringContaining('defineConfig takes a function of env: defineConfig((env) => ({ … }))'),
  ])
})

test('all mistakes of a config are told at once, whatever their kind is', () => {
  const config = {
    ...full(),
    partitions: 2,
    sources: { web: { writeKey: 'keyOfTheShop', enabled: 'false', to: ['cmr'] }, app: { writeKey: 'keyOfTheShop' } },
    destinations: {
      crm: { use: d1(), retryDays: 'x', consent: { categorys: [] }, privacy: { drop: ['messageId'] } },
      hook: { use: webhook({ url: 'http://10.0.0.1/', secret: undefined }), filter: 'text' },
    },
    admin: { token: 'ada' },
    limits: { userCodeMs: '5' },
  }
  expect(problemsOf(() => config as unknown as Config)).toEqual([
    expect.stringMatching(/^config: "partitions" is no setting; there are: stream, /),
    'limits.userCodeMs: must be a number of milliseconds above 0 and at most 300,000, not text',
    'sources.web: "enabled" must be true or false, not text',
    expect.stringMatching(/^destinations\.crm: "use" must be a destination, such as webhook\({ … }\), not a warehouse/),
    'destinations.crm: "retryDays" must be a number of days above 0 and at most 36,500, not text',
    expect.stringMatching(/^destinations\.crm\.consent: "categorys" is no setting; did you mean "categories"\?/),
    'destinations.hook: "filter" must be a function, not text',
    expect.stringMatching(/^destinations\.crm: "privacy.drop" must not have "messageId"/),
    expect.stringMatching(/^destinations\.hook: "url" must begin with https:/),
    expect.stringMatching(/^destinations\.hook: "secret" has no value, so that nothing would be signed/),
    'sources.web: "to" names "cmr", but there are only: crm, hook, tables; did you mean "crm"?',
    'sources.app: "writeKey" is the same as that of sources.web; give each source a key of its own',
    'admin.token: must have at least 16 characters; make one with `openssl rand -hex 24`',
  ])
})

test('more partitions and lanes than a sweep can wake are refused with the number that would do', () => {
  const targets = (count: number) => ({
    ...full(),
    sources: { web: { writeKey: 'keyOfTheShop' } },
    stream: log({ partitions: 64 }),
    warehouses: {},
    destinations: Object.fromEntries(
      Array.from({ length: count }, (_, i) => [`crm-${i}`, { use: webhook({ url: 'https://crm.ada.dev/' }) }]),
    ),
  })
  expect(problemsOf(() => targets(7) as unknown as Config)).toEqual([])
  expect(problemsOf(() => targets(8) as unknown as Config)).toEqual([
    'stream: 64 partitions and a lane in each for 8 destinations and warehouses are 576 objects, and each minute all of them are woken: at most 512 can be. Lower "partitions" to 56',
  ])
})
