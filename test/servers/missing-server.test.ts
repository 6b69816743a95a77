// A machine without Java leaves the tests of real servers out in one clear line; `.ci/run` does not.
import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const run = promisify(execFile)
const script = `
  const { missingServer } = await import(${JSON.stringify(resolve(import.meta.dirname, '../../scripts/servers/missing-server.ts'))})
  console.log(await missingServer('kafka').catch((error) => 'FAILED: ' + error.message))
`
const ask = (env: Record<string, string>) =>
  run(process.execPath, ['--input-type=module', '-e', script], {
    env: { PATH: '', ...env } as unknown as NodeJS.ProcessEnv,
  })

test('a missing Java is one line on stderr that says what is left out and why', async () => {
  const { stdout, stderr } = await ask({})
  expect(stdout).toBe('Java 17 or newer is not installed\n')
  expect(stderr).toBe('SKIPPED: tests against a real Kafka, because Java 17 or newer is not installed\n')
})

test('a missing Java is a failure where real servers are required', async () => {
  const { stdout } = await ask({ REAL_SERVERS: 'required' })
  expect(stdout).toBe('FAILED: Java 17 or newer is not installed, and REAL_SERVERS is "required"\n')
})
