import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fitVars, readEnvFiles, readingsOf } from '../../scripts/start/env-file.ts'

describe('env files of npm start', () => {
  let root: string
  const write = (name: string, text: string): string => {
    const path = join(root, name)
    writeFileSync(path, text)
    return path
  }
  const read = (...names: string[]) =>
    readEnvFiles(
      names.map((name) => join(root, name)),
      root,
    ).vars

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'sluiceway-env-file-'))
  })
  afterEach(() => rmSync(root, { recursive: true }))

  it('env files of npm start are read as dotenv files are: comments, quotes, export, several lines', () => {
    write(
      'prod.env',
      `# The shop of Ada Lovelace.
WRITE_KEY=keyOfAda
export CRM_SECRET = "with # and =" # not this

EMPTY=
URL='https://shop.example.com/?a=b'
PEM="-----BEGIN-----
no assignment here
-----END-----"
`,
    )
    expect(read('prod.env')).toEqual({
      WRITE_KEY: 'keyOfAda',
      CRM_SECRET: 'with # and =',
      EMPTY: '',
      URL: 'https://shop.example.com/?a=b',
      PEM: '-----BEGIN-----\nno assignment here\n-----END-----',
    })
  })

  it('env files of npm start may come from Windows, with a byte order mark and its ends of lines', () => {
    write('prod.env', '\uFEFFWRITE_KEY=keyOfAda\r\nADMIN_TOKEN=tokenOfAdaLovelace\r\n')
    expect(read('prod.env')).toEqual({ WRITE_KEY: 'keyOfAda', ADMIN_TOKEN: 'tokenOfAdaLovelace' })
  })

  it('the later of several env files of npm start wins', () => {
    write('base.env', 'WRITE_KEY=keyOfAda\nSTREAM=log\n')
    write('prod.env', 'WRITE_KEY=keyOfGrace\n')
    expect(read('base.env', 'prod.env')).toEqual({ WRITE_KEY: 'keyOfGrace', STREAM: 'log' })
  })

  it('without --env-file npm start reads .dev.vars, or else .env and .env.local, as wrangler dev does', () => {
    expect(readEnvFiles(undefined, root)).toEqual({ vars: {}, paths: [] })
    const [env, local] = [write('.env', 'A=1\nB=1\n'), write('.env.local', 'B=2\n')]
    expect(readEnvFiles(undefined, root)).toEqual({ vars: { A: '1', B: '2' }, paths: [env, local] })
    const dev = write('.dev.vars', 'C=3\n')
    expect(readEnvFiles(undefined, root)).toEqual({ vars: { C: '3' }, paths: [dev] })
    expect(readEnvFiles([], root).vars).toEqual({})
  })

  it.each([
    ['a line without =', 'WRITE_KEY=keyOfAda\n\nADMIN_TOKEN tokenOfAda\n', 3],
    ['a name that is none', 'crm-secret=whsec_abc\n', 1],
    ['a quote that never ends', 'A="one\nwhsec_abc\n', 2],
  ])(
    'an env file of npm start with %s is refused by the number of the line, without what stands there',
    (_, text, line) => {
      const path = write('prod.env', text)
      expect(() => read('prod.env')).toThrow(`${path}: line ${line} is not NAME=value`)
    },
  )

  it('an env file of npm start that is not there is refused with its path', () => {
    const path = join(root, 'none.env')
    expect(() => read('none.env')).toThrow(`--env-file ${path} cannot be read: there is no such file`)
  })

  it('what is written for wrangler dev fits a start: its own sink, no second ticker, a demo behind the token', () => {
    write('.dev.vars', 'WEBHOOK_URL=http://demo.localhost/demo/sink\nDEMO=1\nTICK_SECONDS=5\nDB=shop\n')
    const files = readEnvFiles(undefined, root)
    const made = { SINK_URL: 'http://127.0.0.1:9000/demo/sink', DEMO: 'token' }
    const fitted = fitVars(files.vars, { made, bound: new Set(['DB']) })
    expect(fitted.vars).toEqual({ WEBHOOK_URL: 'http://127.0.0.1:9000/demo/sink', DEMO: 'token' })
    expect(readingsOf(files, fitted, root)).toEqual([
      'Read .dev.vars: DEMO, WEBHOOK_URL',
      'Left out of .dev.vars: DB, which wrangler.toml binds',
    ])
  })
})
