import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const repository = resolve(import.meta.dirname, '../..')
const bootstrap = join(repository, 'scripts/bootstrap.mjs')

// Stands for `npm ci`: installs what the lock file says, with this Node as the pinned one.
const npm = `
  const fs = require('node:fs')
  fs.mkdirSync('node_modules/node/bin', { recursive: true })
  fs.copyFileSync('package-lock.json', 'node_modules/.package-lock.json')
  fs.rmSync('node_modules/node/bin/node', { force: true })
  fs.symlinkSync(process.execPath, 'node_modules/node/bin/node')
  console.log('npm ' + process.argv.slice(2).join(' '))
`

describe('the bootstrap', () => {
  let clone: string
  beforeEach(() => {
    clone = mkdtempSync(join(tmpdir(), 'sluiceway-clone-'))
    mkdirSync(join(clone, 'scripts'))
    cpSync(bootstrap, join(clone, 'scripts/bootstrap.mjs'))
    writeFileSync(join(clone, 'scripts/hello.ts'), 'console.log("hello", ...(process.argv.slice(2) as string[]))')
    writeFileSync(join(clone, 'npm.js'), npm)
    lock('4.13.19')
  })
  afterEach(() => rmSync(clone, { recursive: true }))

  const lock = (version: string) =>
    writeFileSync(
      join(clone, 'package-lock.json'),
      JSON.stringify({
        packages: { '': {}, 'node_modules/hono': { version }, 'node_modules/mac-only': { optional: true } },
      }),
    )
  const run = (...args: string[]) => {
    const env = { ...process.env, npm_execpath: join(clone, 'npm.js') }
    const { stdout, stderr, status } = spawnSync(process.execPath, [join(clone, 'scripts/bootstrap.mjs'), ...args], {
      encoding: 'utf8',
      env,
    })
    return { stdout, stderr, status }
  }

  it('the bootstrap installs on a fresh clone, says so on stderr, and runs the script with its arguments', () => {
    expect(run('scripts/hello.ts', 'Ada')).toEqual({
      stdout: 'hello Ada\n',
      stderr: 'Installing the dependencies (npm ci) …\nnpm ci --loglevel=error\n',
      status: 0,
    })
  })

  it('the bootstrap hands --env-file on to the script, which Node would take for its own, whatever Node runs it', () => {
    run()
    const pinned = join(clone, 'node_modules/node/bin/node')
    rmSync(pinned)
    writeFileSync(pinned, `#!/bin/sh\nexec '${process.execPath}' "$@"\n`, { mode: 0o755 })
    const { scripts } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as {
      scripts: { start: string }
    }
    const [, ...args] = scripts.start.split(' ').map((arg) => (arg === 'scripts/start.ts' ? 'scripts/hello.ts' : arg))
    const { stdout, stderr } = spawnSync(process.execPath, [...args, '--env-file', 'none.env'], {
      cwd: clone,
      encoding: 'utf8',
    })
    expect({ stdout, stderr }).toEqual({ stdout: 'hello --env-file none.env\n', stderr: '' })
  })

  it('the bootstrap installs nothing when all is there', () => {
    run()
    expect(run('scripts/hello.ts')).toEqual({ stdout: 'hello\n', stderr: '', status: 0 })
  })

  it('the bootstrap installs again when the lock file asks for another version', () => {
    run()
    lock('4.14.0')
    expect(run().stderr).toBe('Installing 1 changed dependency (npm ci) …\nnpm ci --loglevel=error\n')
  })

  it('the bootstrap says what to do when the pinned Node is not there, because install scripts are switched off', () => {
    run()
    rmSync(join(clone, 'node_modules/node'), { recursive: true })
    const { stderr, status } = run('scripts/hello.ts')
    expect(status).toBe(1)
    expect(stderr).toMatch(
      /^The Node that package\.json pins is not installed\. Run `npm ci` with install scripts.*\n$/,
    )
  })
})
