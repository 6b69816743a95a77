import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { readEnvFiles } from '../../scripts/start/env-file.ts'
import { readFlags } from '../../scripts/start/flags.ts'
import { blocks, filesOf } from '../support/documents.ts'

const blockAt = (path: string): string => blocks.find((block) => block.path === path)?.text ?? ''
const unit = blockAt('sluiceway.service')
const valueOf = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1] ?? ''

const folder = mkdtempSync(join(tmpdir(), 'sluiceway-unit-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('the service of the document starts what npm start starts, with options that there are', () => {
  const [node, dashes, script = '', start = '', ...argv] = valueOf('ExecStart').replace('/usr/bin/env ', '').split(' ')
  // What stands before the dashes, or without them anywhere, is Node's own: it has an --env-file, too.
  expect([node, dashes]).toEqual(['node', '--'])
  expect(filesOf('scripts/*.{ts,mjs}')).toEqual(expect.arrayContaining([script, start]))
  const path = argv[argv.indexOf('--env-file') + 1] ?? ''
  const file = join(folder, 'env')
  writeFileSync(file, blockAt(path))
  const flags = readFlags({
    argv: argv.map((one) => (one === path ? file : one)),
    env: {},
    cwd: '/',
    root: valueOf('WorkingDirectory'),
  })
  expect(flags).toMatchObject({ host: '127.0.0.1', port: 8787, vars: { LOCAL: '0', DEMO: '0' } })
  expect(flags.state).toBe(`/var/lib/${valueOf('StateDirectory')}`)
  // Also a name that is the config's own.
  expect(Object.keys(readEnvFiles(flags.envFiles, '/').vars)).toEqual(
    expect.arrayContaining(['WRITE_KEY', 'ADMIN_TOKEN', 'WEBHOOK_SECRET', 'WEBHOOK_URL', 'CRM_SECRET', 'POSTGRES_URL']),
  )
})

const verifier = spawnSync('systemd-analyze', ['--version']).status === 0

test.skipIf(!verifier)('the service of the document is one that systemd understands', () => {
  const file = join(folder, 'sluiceway.service')
  // Neither the user nor the folder is on this machine.
  writeFileSync(file, unit.replace(/^User=.*\n/m, ''))
  const { stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', file], { encoding: 'utf8' })
  expect(`${stdout}${stderr}`.split('\n').filter((line) => line.includes('sluiceway.service'))).toEqual([])
})
