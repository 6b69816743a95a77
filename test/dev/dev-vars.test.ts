import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { makeDevVars } from '../../scripts/dev/dev-vars.ts'
import { openState } from '../../scripts/start/state.ts'
import demoConfig from '../../src/config.ts'
import { resolveConfig } from '../../src/configure/resolve-config.ts'

describe('.dev.vars', () => {
  let root: string
  let said: string[]
  const make = () => makeDevVars({ root, say: (line) => said.push(line) })
  const path = () => join(root, '.dev.vars')
  const varsOf = (text: string): Record<string, string> =>
    Object.fromEntries(
      [...text.matchAll(/^(\w+)=(.*)$/gm)].map(([, name = '', value = '']): [string, string] => [name, value]),
    )

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'sluiceway-dev-vars-'))
    said = []
  })
  afterEach(() => rmSync(root, { recursive: true }))

  test('.dev.vars is made once, readable by the owner only, and its path and keys are printed once', () => {
    make()
    const text = readFileSync(path(), 'utf8')
    const { WRITE_KEY = '-', ADMIN_TOKEN = '-' } = varsOf(text)
    expect(statSync(path()).mode & 0o777).toBe(0o600)
    expect(said.join('\n')).toContain(path())
    expect(said.join('\n')).toContain(WRITE_KEY)
    expect(said.join('\n')).toContain(ADMIN_TOKEN)
    said = []
    make()
    expect(readFileSync(path(), 'utf8')).toBe(text)
    expect(said).toEqual([])
  })

  test('.dev.vars has the keys that npm start has made, so that both take the same', async () => {
    const state = await openState(join(root, '.sluiceway'))
    state.release()
    make()
    const { writeKey, adminToken, webhookSecret } = state.secrets
    expect(varsOf(readFileSync(path(), 'utf8'))).toMatchObject({
      WRITE_KEY: writeKey,
      ADMIN_TOKEN: adminToken,
      WEBHOOK_SECRET: webhookSecret,
    })
  })

  test('.dev.vars has other keys in every clone', () => {
    make()
    const first = varsOf(readFileSync(path(), 'utf8'))
    rmSync(path())
    make()
    const second = varsOf(readFileSync(path(), 'utf8'))
    for (const name of ['WRITE_KEY', 'ADMIN_TOKEN', 'WEBHOOK_SECRET']) expect(second[name]).not.toBe(first[name])
  })

  test('.dev.vars gives the config all that it needs, and the demo', () => {
    make()
    const { sources, targets, demo } = resolveConfig(demoConfig, varsOf(readFileSync(path(), 'utf8')))
    expect([...sources.keys()]).toEqual(['web'])
    expect([...targets.keys()]).toEqual(['webhook', 'tables'])
    expect(demo).toMatchObject({ tokenOnly: false })
  })

  test('.dev.vars names nothing that wrangler would leave out, because wrangler.toml has it neither as a secret nor as a var', () => {
    make()
    const toml = readFileSync(resolve(import.meta.dirname, '../../wrangler.toml'), 'utf8')
    const [, secrets = ''] = /^\[secrets\]\nrequired = (\[.*\])$/m.exec(toml) ?? []
    const [, vars = ''] = /^\[vars\]\n((?:\w+ = .*\n)+)/m.exec(toml) ?? []
    const known = [...(JSON.parse(secrets) as string[]), ...[...vars.matchAll(/^(\w+) =/gm)].map(([, name]) => name)]
    expect(Object.keys(varsOf(readFileSync(path(), 'utf8'))).toSorted()).toEqual(known.toSorted())
  })

  test('.dev.vars is not made beside an .env that gives the write key, since wrangler would read it instead', () => {
    writeFileSync(join(root, '.env'), 'OTHER=1\nexport WRITE_KEY=keyOfAda\n')
    make()
    expect(existsSync(path())).toBe(false)
    expect(said).toEqual([])
  })

  test('.dev.vars is made beside an .env of something else', () => {
    writeFileSync(join(root, '.env'), '# WRITE_KEY=none\nEDITOR=vi\n')
    make()
    expect(existsSync(path())).toBe(true)
  })
})
