import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { passedOn, readFlags } from '../../scripts/start/flags.ts'
import { blocks, filesOf } from '../support/documents.ts'

const blockAt = (path: string): string => blocks.find((block) => block.path === path)?.text ?? ''
const unit = blockAt('sluiceway.service')
const valueOf = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1] ?? ''

test('the service of the document starts what npm start starts, with options that there are', () => {
  const [, script = '', start = '', ...argv] = valueOf('ExecStart').replace('/usr/bin/env ', '').split(' ')
  expect(filesOf('scripts/*.{ts,mjs}')).toEqual(expect.arrayContaining([script, start]))
  const flags = readFlags({ argv, env: {}, cwd: '/', root: valueOf('WorkingDirectory') })
  expect(flags).toMatchObject({ host: '127.0.0.1', port: 8787, vars: { LOCAL: '0', DEMO: '0' } })
  expect(flags.state).toBe(`/var/lib/${valueOf('StateDirectory')}`)
})

test('the service of the document gets values by names that npm start passes on to the config', () => {
  const names = Array.from(blockAt(valueOf('EnvironmentFile')).matchAll(/^(\w+)=/gm), ([, name = '']) => name)
  expect(names.length).toBeGreaterThan(3)
  expect(passedOn).toEqual(expect.arrayContaining(names))
})

const verifier = spawnSync('systemd-analyze', ['--version']).status === 0

test.skipIf(!verifier)('the service of the document is one that systemd understands', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluiceway-unit-'))
  try {
    const file = join(folder, 'sluiceway.service')
    // Neither the user nor the folder is on this machine.
    writeFileSync(file, unit.replace(/^User=.*\n/m, ''))
    const { stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', file], { encoding: 'utf8' })
    expect(`${stdout}${stderr}`.split('\n').filter((line) => line.includes('sluiceway.service'))).toEqual([])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
