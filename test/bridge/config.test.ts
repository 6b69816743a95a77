// A wrong config of the bridge is refused when it starts, and the message says what to do.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { parseConfig, readConfig } from '../../scripts/bridge/config.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluiceway-bridge-config-'))
afterAll(() => rmSync(folder, { recursive: true }))

const kafka = { brokers: ['kafka.internal:9092'] }
const users = [{ name: 'shop', password: 'secret-7', write: ['orders'] }]
const parse = (input: unknown, env: Record<string, string> = {}) => parseConfig(input, { env, folder })

test.each([
  [{ users }, 'kafka'],
  [{ kafka: { brokers: [] }, users }, 'kafka.brokers'],
  [{ kafka: { brokers: ['http://kafka:9092'] }, users }, 'kafka.brokers.0: is host:port'],
  [{ kafka }, 'nobody could call it'],
  [{ kafka, users: [{ name: 'shop', pasword: 'x' }] }, 'users.0.pasword'],
  [{ kafka, users: [{ ...users[0], name: 'a:b' }] }, 'has no colon'],
  [{ kafka, users: [{ ...users[0], write: ['or*ders'] }] }, 'users.0.write.0'],
  [{ kafka, users: [...users, ...users] }, '"shop" is there twice'],
  [{ kafka, users: [{ name: 'shop', password: { env: 'SHOP_PASSWORD' } }] }, 'SHOP_PASSWORD is not set'],
  [{ kafka, users: [{ name: 'shop', password: { file: 'no-such-file' } }] }, 'no-such-file cannot be read'],
  [{ kafka: { ...kafka, tls: { cert: 'bridge.pem' } }, users }, 'cert and key are a pair'],
  [{ kafka: { ...kafka, tls: { ca: 'ca.pem' } }, users }, 'kafka.tls.ca: ca.pem cannot be read'],
  [{ kafka: { ...kafka, sasl: { mechanism: 'gssapi', username: 'a', password: 'b' } }, users }, 'kafka.sasl.mechanism'],
  [{ kafka, users, limits: { bodyBytes: 1 } }, 'limits.bodyBytes'],
  [{ kafka, users, limit: {} }, 'limit'],
])('the config %j of a bridge is refused with the place that is wrong', (input, says) => {
  expect(() => parse(input)).toThrow(says)
})

test('a config finds its secrets in the environment and in files beside it', () => {
  writeFileSync(join(folder, 'token'), 'from-a-file\n')
  writeFileSync(
    join(folder, 'bridge.json'),
    JSON.stringify({
      kafka,
      users: [{ name: 'shop', password: { env: 'SHOP_PASSWORD' }, write: ['orders'] }],
      tokens: [{ name: 'edge', token: { file: 'token' }, read: ['*'] }],
    }),
  )
  const config = readConfig(join(folder, 'bridge.json'), { SHOP_PASSWORD: 'from-env' })
  expect(config.users[0]).toMatchObject({
    secret: 'from-env',
    write: ['orders'],
    read: [],
    groups: ['*'],
    admin: false,
  })
  expect(config.tokens[0]).toMatchObject({ secret: 'from-a-file' })
  expect(config.limits).toMatchObject({ bodyBytes: 10_485_760, bufferBytes: 67_108_864, deliveryMs: 30_000 })
})

const run = (args: string[], env: Record<string, string> = {}) =>
  new Promise<{ code: number | string | null | undefined; text: string }>((done) => {
    execFile(
      process.execPath,
      [resolve(import.meta.dirname, '../../scripts/bridge.ts'), ...args],
      { env: { PATH: process.env['PATH'] ?? '', ...env } as unknown as NodeJS.ProcessEnv },
      (error, stdout, stderr) => done({ code: error === null ? 0 : error.code, text: stdout + stderr }),
    )
  })

test('the bridge ends with what is wrong, and checks a config without serving', async () => {
  const path = join(folder, 'checked.json')
  writeFileSync(path, JSON.stringify({ kafka, users: [{ ...users[0], passwort: 'x' }] }))
  const wrong = await run(['--config', path, '--check'])
  expect(wrong.code).toBe(1)
  expect(wrong.text).toContain('users.0.passwort')
  expect(wrong.text).not.toContain('secret-7')
  expect(wrong.text).not.toContain('    at ')
  writeFileSync(path, JSON.stringify({ kafka, users }))
  expect(await run(['--config', path, '--check'])).toEqual({ code: 0, text: 'The config is right.\n' })
  expect(await run(['--check'], { BRIDGE_PASSWORD: 'x' })).toEqual({ code: 0, text: 'The config is right.\n' })
  expect((await run([])).text).toContain('--config')
  expect((await run(['--brokers', 'kafka'], { BRIDGE_PASSWORD: 'x' })).text).toContain('"kafka" is not host:port')
  expect((await run(['--nope'])).code).toBe(1)
})
