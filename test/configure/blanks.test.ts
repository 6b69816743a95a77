import { describe, expect, test } from 'vitest'
import { webhook } from '../../destinations/webhook.ts'
import type { Config } from '../../src/core/config.ts'
import type { SluicewayError } from '../../src/core/errors.ts'
import { checkSettings } from '../../src/configure/settings.ts'
import { resolveConfig } from '../../src/configure/resolve-config.ts'
import { stripe } from '../../src/sources/stripe.ts'
import { log } from '../../src/streams/log.ts'

const good = { stream: log(), sources: { web: { writeKey: 'keyOfTheShop' } } }
const resolve = (more: object) => resolveConfig(() => ({ ...good, ...more }) as Config, {})
const problemsOf = (more: object): unknown => {
  try {
    return resolve(more) && []
  } catch (error) {
    return (error as SluicewayError).details['problems']
  }
}

describe('blanks around a secret, as shells and files leave them, are not part of it:', () => {
  test('blanks around a secret, as shells and files leave them, are not part of it: of a write key', () => {
    const { sourcesByKey, sources } = resolve({ sources: { web: { writeKey: ' keyOfTheShop\r\n' } } })
    expect(sourcesByKey.get('keyOfTheShop')).toBe(sources.get('web'))
    expect(sources.get('web')?.writeKey).toBe('keyOfTheShop')
  })

  test('blanks around a secret, as shells and files leave them, are not part of it: of the admin token, and of the demo', () => {
    const { adminToken, demo } = resolve({
      admin: { token: 'correct-horse-battery-staple\n' },
      demo: { sinkSecret: 'secret of the sink\n' },
    })
    expect(adminToken).toBe('correct-horse-battery-staple')
    expect(demo).toEqual({ sinkSecret: 'secret of the sink' })
  })

  test('blanks around a secret, as shells and files leave them, are not part of it: of every setting that is text', () => {
    const fields = {
      secret: { type: 'string', about: 'A secret.', secret: true },
      url: { type: 'url', about: 'A URL.' },
      region: { type: 'choice', about: 'A region.', choices: ['us', 'eu'] },
      headers: { type: 'headers', about: 'Headers.' },
    } as const
    const given = {
      secret: 'whsec_of_ada \n',
      url: 'https://crm.ada.dev/\n',
      region: 'eu\n',
      headers: { 'x-key': 'key-of-ada\n' },
    }
    expect(checkSettings(fields, given as never)).toMatchObject({
      problems: [],
      settings: {
        secret: 'whsec_of_ada',
        url: 'https://crm.ada.dev/',
        region: 'eu',
        headers: { 'x-key': 'key-of-ada' },
      },
    })
  })
})

describe('a secret that is nothing but blanks is missing:', () => {
  test('a secret that is nothing but blanks is missing: a write key', () => {
    expect(problemsOf({ sources: { web: { writeKey: ' \n' } } })).toEqual([
      'sources.web: "writeKey" is missing; set it in the config or as a secret in env',
    ])
  })
  test('a secret of a source, without which anybody could call', () => {
    expect(stripe({ secret: ' \n' }).problems).toHaveLength(1)
    expect(webhook({ url: ' ' }).problems).toEqual(['"url" is missing: Where events are sent.'])
  })
})

describe('a key that no client could send is a problem:', () => {
  test.each(['key of the shop', 'key:shop', 'schlüssel', 'key\tshop'])(
    'a write key that no client could send is a problem: %j',
    (writeKey) => {
      expect(problemsOf({ sources: { web: { writeKey } } })).toEqual([
        'sources.web: "writeKey" must be printable ASCII without blanks and colons: no client could send it',
      ])
    },
  )

  test.each(['correct horse battery staple', 'correct-hörse-battery-staple'])(
    'an admin token that no client could send is a problem: %j',
    (token) => {
      expect(problemsOf({ admin: { token } })).toEqual([
        'admin.token: must be printable ASCII without blanks: no client could send it',
      ])
    },
  )

  test('two write keys that differ in blanks only', () => {
    const sources = { web: { writeKey: 'keyOfTheShop' }, app: { writeKey: 'keyOfTheShop ' } }
    expect(problemsOf({ sources })).toEqual([
      'sources.app: "writeKey" is the same as that of sources.web; give each source a key of its own',
    ])
  })
})
