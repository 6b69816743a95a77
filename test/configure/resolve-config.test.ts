import { describe, expect, test } from 'vitest'
import { webhook } from '../../destinations/webhook.ts'
import { type Config, type Vars } from '../../src/core/config.ts'
import { SluicewayError } from '../../src/core/errors.ts'
import { resolveConfig } from '../../src/configure/resolve-config.ts'
import { log } from '../../src/streams/log.ts'
import { d1 } from '../../src/warehouses/d1.ts'
import { postgres } from '../../src/warehouses/postgres.ts'
import * as dropBots from '../../transforms/drop-bots.ts'
import demoConfig from '../../src/config.ts'
import { defineConfig } from '../../src/configure/define-config.ts'

const crm = webhook({ url: 'https://crm.ada.dev/' })
const good: Config = { stream: log(), sources: { web: { writeKey: 'keyOfTheShop' } } }
const resolve = (config: object, env: Vars = {}) => resolveConfig(() => ({ ...good, ...config }) as Config, env)

const hintFor = (names: string): string =>
  `The config asks env for ${names} not set. Set what you need: for a deployment with "npx wrangler secret put NAME", and the name under [secrets] of wrangler.toml; on this machine in a file of NAME=value lines that "npm start -- --env-file FILE" names, or with "--var NAME=value" where it is no secret.`

function errorOf(run: () => unknown): SluicewayError {
  try {
    run()
  } catch (error) {
    if (error instanceof SluicewayError) return error
  }
  throw new Error('that should have been refused')
}

const problemsOf = (config: object): unknown => errorOf(() => resolve(config)).details['problems']

describe('a config that is all right', () => {
  test('a config that is all right has its sources by name and by write key, each with all targets unless it names some', () => {
    const { sources, sourcesByKey, targets } = resolve({
      sources: { web: { writeKey: 'keyOfTheShop' }, app: { writeKey: 'keyOfTheApp', to: ['tables'], enabled: false } },
      destinations: { crm: { use: crm, displayName: 'Our CRM' } },
      warehouses: { tables: { use: d1() } },
    })
    expect([...targets.values()].map(({ kind, name, displayName }) => [kind, name, displayName])).toEqual([
      ['destination', 'crm', 'Our CRM'],
      ['warehouse', 'tables', 'd1'],
    ])
    expect(sourcesByKey.get('keyOfTheShop')).toBe(sources.get('web'))
    expect(sources.get('web')).toMatchObject({ enabled: true, transforms: [] })
    expect(sources.get('web')?.targets.map(({ name }) => name)).toEqual(['crm', 'tables'])
    expect(sources.get('app')?.targets.map(({ name }) => name)).toEqual(['tables'])
    expect(sources.get('app')?.enabled).toBe(false)
  })

  test('a config that is all right has defaults for what it leaves out', () => {
    const { limits, demo, adminToken } = resolve({})
    expect(limits).toMatchObject({ bodyBytes: 4_096_000, eventBytes: 32_768, batchEvents: 5_000, deadLetterDays: 30 })
    expect([demo, adminToken]).toEqual([false, undefined])
    expect(resolve({ limits: { eventBytes: 1000 } }).limits).toMatchObject({ eventBytes: 1000, batchEvents: 5_000 })
  })

  test('a config that is all right may hold a transform that was imported as a whole', () => {
    const { sources } = resolve({ sources: { web: { writeKey: 'keyOfTheShop', transforms: [dropBots] } } })
    expect(sources.get('web')?.transforms[0]?.name).toBe('drop-bots')
  })
})

describe('a config with mistakes', () => {
  test('a config with mistakes is one error that lists them all', () => {
    const error = errorOf(() =>
      resolve({
        stream: log({ partitions: 0 }),
        sources: { Web: { writeKey: 'a' }, web: { writeKey: 'a', to: ['crn'] } },
        destinations: { crm: { use: webhook({ url: 'http://10.0.0.1/', secret: 'ada' }) } },
      }),
    )
    expect(error.code).toBe('config_invalid')
    expect(error.message.split('\n')).toEqual([
      'The config has 6 problems:',
      '- stream: "partitions" must be a whole number from 1 to 64: each minute, the sweep wakes every one of them, and every lane of every target',
      '- destinations.crm: "url" must begin with https: (unless "allowPrivate" is true, for tests)',
      '- destinations.crm: "secret" must have at least 16 characters',
      '- sources.Web: a name starts with a letter and has at most 48 of a-z, 0-9, "_" and "-"',
      '- sources.web: "to" names "crn", but there are only: crm; did you mean "crm"?',
      '- sources.web: "writeKey" is the same as that of sources.Web; give each source a key of its own',
    ])
  })

  test.each<[string, object, string]>([
    [
      'a name that is no name',
      { destinations: { 'Our CRM': { use: crm } } },
      'destinations.Our CRM: a name starts with a letter and has at most 48 of a-z, 0-9, "_" and "-"',
    ],
    [
      'one name for two targets',
      { destinations: { crm: { use: crm } }, warehouses: { crm: { use: d1() } } },
      'warehouses.crm: the name is taken by a destination; give the warehouse another',
    ],
    [
      'a target where there is none',
      { sources: { web: { writeKey: 'k', to: ['crm'] } } },
      'sources.web: "to" names "crm", but there is neither a destination nor a warehouse',
    ],
    ['no source', { sources: {} }, 'sources: there is none; add one with a write key, or no event can arrive'],
    [
      'a transform that is none',
      { sources: { web: { writeKey: 'k', transforms: [{}] } } },
      'sources.web: "transforms[0]" exports exactly one of transformEvent and transformBatch, found neither',
    ],
    [
      'the module of a transform that the build made, without how it runs',
      { sources: { web: { writeKey: 'k', transforms: [{ inline: { name: 'score' }, isolated: { name: 'score' } }] } } },
      'sources.web: "transforms[0]" is the module "#transforms/score", which has two transforms: write .inline, or .isolated, behind its name',
    ],
    [
      'a transform that is two',
      {
        destinations: {
          crm: { use: crm, transforms: [dropBots, { transformEvent: () => null, transformBatch: () => [] }] },
        },
      },
      'destinations.crm: "transforms[1]" exports exactly one of transformEvent and transformBatch, found transformEvent and transformBatch',
    ],
    [
      'no time to retry',
      { destinations: { crm: { use: crm, retryDays: 0 } } },
      'destinations.crm: "retryDays" must be a number of days above 0 and at most 36,500',
    ],
    [
      'loads without end',
      { warehouses: { tables: { use: d1(), everyMinutes: 0 } } },
      'warehouses.tables: "everyMinutes" must be a whole number of minutes from 1 to 10,080',
    ],
    [
      'loads at broken minutes',
      { warehouses: { tables: { use: d1(), everyMinutes: 1.5 } } },
      'warehouses.tables: "everyMinutes" must be a whole number of minutes from 1 to 10,080',
    ],
    [
      'loads from a time on that no day has',
      { warehouses: { tables: { use: d1(), syncStartAt: '24:00' } } },
      'warehouses.tables: "syncStartAt" must be a time of day in UTC, as "02:30"',
    ],
    [
      'a window without an end',
      { warehouses: { tables: { use: d1(), excludeWindow: { start: '22:00' } as never } } },
      'warehouses.tables: "excludeWindow.end" is missing: it must be a time of day in UTC, as "02:30"',
    ],
    [
      'a window of a whole day',
      { warehouses: { tables: { use: d1(), excludeWindow: { start: '06:00', end: '06:00' } } } },
      'warehouses.tables: "excludeWindow" must end at another time than it starts: else nothing would be loaded',
    ],
    [
      'staging back in time',
      { warehouses: { tables: { use: d1(), stageSeconds: -1 } } },
      'warehouses.tables: "stageSeconds" must be a number of seconds from 0 to 86,400',
    ],
    [
      'an admin token that is too short',
      { admin: { token: 'ada' } },
      'admin.token: must have at least 16 characters; make one with `openssl rand -hex 24`',
    ],
    [
      'a limit of nothing',
      { limits: { eventBytes: 0 } },
      'limits.eventBytes: must be a whole number of bytes from 1 to 524,288',
    ],
  ])('a config with mistakes is refused for %s', (_what, config, problem) => {
    expect(problemsOf(config)).toEqual([problem])
  })

  test('a config with mistakes says which names of env are not set, and how to set them', () => {
    const make = defineConfig((env) => ({
      ...good,
      sources: { web: { writeKey: env['WRITE_KEY'] } },
      destinations: { crm: { use: webhook({ url: env['CRM_URL'] ?? env['OLD_URL'], secret: env['CRM_SECRET'] }) } },
    }))
    const error = errorOf(() => resolveConfig(make, { WRITE_KEY: '', CRM_SECRET: 'secret of the shop' }))
    expect(error.message.split('\n')).toEqual([
      'The config has 2 problems:',
      '- destinations.crm: "url" is missing: Where events are sent.',
      '- sources.web: "writeKey" is missing; set it in the config or as a secret in env',
      hintFor('WRITE_KEY, CRM_URL, OLD_URL, which are'),
    ])
  })

  test('a config with mistakes always says which names of env are not set, and nothing of env where all are', () => {
    const make = defineConfig((env) => ({ ...good, admin: { token: env['TOKEN'] ?? 'ada' } }))
    const problem =
      'The config has a problem:\n- admin.token: must have at least 16 characters; make one with `openssl rand -hex 24`'
    expect(errorOf(() => resolveConfig(make, {})).message).toBe(`${problem}\n${hintFor('TOKEN, which is')}`)
    expect(errorOf(() => resolveConfig(make, { TOKEN: 'Lovelace' })).message).toBe(problem)
  })

  test('a config with mistakes shows no secret in its message', () => {
    const error = errorOf(() =>
      resolve({
        destinations: { crm: { use: webhook({ url: undefined, secret: 'whsec_Lovelace!' }) } },
        warehouses: { tables: { use: postgres({ url: 'mysql://ada:Lovelace@db/' }) } },
        admin: { token: 'Lovelace' },
      }),
    )
    expect(JSON.stringify([error.message, error.details])).not.toContain('Lovelace')
  })

  test('a config that throws is an error that says what it threw', () => {
    const error = errorOf(() =>
      resolveConfig(() => {
        throw new Error('no orders today')
      }, {}),
    )
    expect(error.code).toBe('config_invalid')
    expect(error.message).toMatch(/^The config could not be evaluated: no orders today\n {4}at \S+:\d+:\d+/)
  })

  test('a config that throws because a value is not set says which, and where that was, and never names another', () => {
    const make = defineConfig((env) => {
      const nope = env['NOPE'] as string
      return { ...good, sources: { web: { writeKey: env['WRITE_KEY'], to: nope.trim().split(',') as never } } }
    })
    const error = errorOf(() => resolveConfig(make, {}))
    expect(error.message.split('\n').filter((line) => !line.startsWith('    at '))).toEqual([
      "The config could not be evaluated: TypeError: Cannot read properties of undefined (reading 'trim')",
      'env.NOPE is not set.',
      hintFor('NOPE, WRITE_KEY, which are'),
    ])
    expect(error.message).toMatch(/\n {4}at \S+resolve-config\.test\.ts:\d+:\d+\n/)
  })
})

describe('the config of this repository', () => {
  const env = {
    WRITE_KEY: 'keyOfTheShop',
    ADMIN_TOKEN: 'correct-horse-battery-staple',
    WEBHOOK_URL: 'https://crm.ada.dev/',
    WEBHOOK_SECRET: 'secret of the shop',
  }

  test('the config of this repository needs a write key and a URL, and says so', () => {
    const error = errorOf(() => resolveConfig(demoConfig, {}))
    expect(error.details['problems']).toEqual([
      'destinations.webhook: "url" is missing: Where events are sent.',
      expect.stringContaining('destinations.webhook: "secret" has no value, so that nothing would be signed'),
      'sources.web: "writeKey" is missing; set it in the config or as a secret in env',
    ])
    expect(error.details['unset']).toEqual(expect.arrayContaining(['WRITE_KEY', 'WEBHOOK_URL', 'ADMIN_TOKEN']))
  })

  test('the config of this repository is one of a deployment: the log, a webhook, tables in D1, no demo', () => {
    const { stream, sources, targets, demo } = resolveConfig(demoConfig, env)
    expect([stream.name, demo]).toEqual(['log', false])
    expect(sources.get('web')?.transforms.map(({ name }) => name)).toEqual([
      'drop-bots',
      'campaign-from-url',
      'hash-email',
    ])
    expect([...targets.values()].map(({ route }) => route.use?.name)).toEqual(['webhook', 'd1'])
  })

  test('the config of this repository takes queues, PostgreSQL and batches from env', () => {
    const { stream, targets } = resolveConfig(demoConfig, {
      ...env,
      STREAM: 'queues',
      POSTGRES_URL: 'postgres://ada:pw@db.ada.dev/shop',
      WEBHOOK_BATCH: '1',
    })
    expect(stream.name).toBe('queues')
    expect(targets.get('tables')?.route.use?.name).toBe('postgres')
    expect(targets.get('webhook')).toMatchObject({ route: { use: { limits: { events: 100 } } } })
  })

  test('the config of this repository is the demo on one machine, and sends to its own sink', () => {
    const local = {
      WRITE_KEY: 'keyOfTheShop',
      SINK_URL: 'http://127.0.0.1:8787/demo/sink',
      WEBHOOK_SECRET: 'secret of the shop',
    }
    expect(resolveConfig(demoConfig, { ...local, LOCAL: '1', DEMO: '1' }).demo).toEqual({
      sinkSecret: 'secret of the shop',
      tokenOnly: false,
    })
    expect(resolveConfig(demoConfig, { ...local, LOCAL: '1', DEMO: 'token' }).demo).toMatchObject({ tokenOnly: true })
    expect(errorOf(() => resolveConfig(demoConfig, local)).message).toContain('must begin with https:')
  })
})
