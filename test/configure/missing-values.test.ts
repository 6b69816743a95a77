import { describe, expect, test } from 'vitest'
import demoConfig from '../../src/config.ts'
import { detailsOf, missingValues } from '../../src/configure/missing-values.ts'
import { resolveConfig } from '../../src/configure/resolve-config.ts'
import { defineConfig } from '../../src/configure/define-config.ts'
import type { ConfigOf, Vars } from '../../src/core/config.ts'
import { SluicewayError } from '../../src/core/errors.ts'
import { log } from '../../src/streams/log.ts'

function missingOf(configOf: ConfigOf, env: Vars): string[] {
  try {
    resolveConfig(configOf, env)
  } catch (thrown) {
    if (thrown instanceof SluicewayError) return missingValues(configOf, env, thrown)
    throw thrown
  }
  throw new Error('the config is valid')
}

describe('the missing values of a config', () => {
  test('the missing values of a config are those that it cannot work without, not the optional ones that it asks for as well', () => {
    expect(missingOf(demoConfig, {})).toEqual(['WRITE_KEY', 'WEBHOOK_URL', 'WEBHOOK_SECRET'])
    expect(missingOf(demoConfig, { WRITE_KEY: 'keyOfTheShop', WEBHOOK_SECRET: 'secret of the shop' })).toEqual([
      'WEBHOOK_URL',
    ])
  })

  test('the missing values of a config do not include one that is there and wrong', () => {
    expect(
      missingOf(demoConfig, {
        WRITE_KEY: 'keyOfTheShop',
        WEBHOOK_URL: 'http://10.0.0.1/',
        WEBHOOK_SECRET: 'secret of the shop',
      }),
    ).toEqual([])
  })

  test('the missing values of a config include one that is empty', () => {
    expect(
      missingOf(demoConfig, {
        WRITE_KEY: '',
        WEBHOOK_URL: 'https://crm.ada.dev/',
        WEBHOOK_SECRET: 'secret of the shop',
      }),
    ).toEqual(['WRITE_KEY'])
  })

  test('the missing values of a config are found although the config cannot be evaluated without the first', () => {
    const config = defineConfig((env) => ({
      stream: log(),
      sources: Object.fromEntries(
        (env.SHOPS as string).split(',').map((shop) => [shop, { writeKey: env[`KEY_OF_${shop}`] }]),
      ),
    }))
    const [first, ...others] = missingOf(config, {})
    expect(first).toBe('SHOPS')
    expect(others).toHaveLength(1)
    expect(missingOf(config, { SHOPS: 'ada,bob', KEY_OF_ada: 'keyOfAda' })).toEqual(['KEY_OF_bob'])
  })

  test('the missing values of a config are none when the error has no details', () => {
    expect(detailsOf(new SluicewayError('config_invalid', 'no'))).toEqual({ problems: [], unset: [] })
  })
})
