import { execFile } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { makeClone } from '../support/clone.ts'
import { cleanEnv } from '../support/serving.ts'

// What the compiler misses must not go live: the real wrangler, in a clone with a config of the test's.

let clone: string
const path = (file: string) => join(clone, file)
let toml: string

beforeAll(() => {
  clone = makeClone()
  toml = readFileSync(path('wrangler.toml'), 'utf8')
})
beforeEach(() => writeFileSync(path('wrangler.toml'), toml))
afterAll(() => rmSync(clone, { recursive: true, force: true }))

const run = (...command: string[]) =>
  new Promise<{ code: number; said: string[] }>((resolve) => {
    const options = { cwd: clone, env: { ...cleanEnv(), WRANGLER_SEND_METRICS: 'false' } }
    const child = execFile(process.execPath, command, options, (_error, stdout, stderr) => {
      const lines = stripVTControlCharacters(`${stdout}\n${stderr}`).split('\n')
      resolve({ code: child.exitCode ?? -1, said: lines.map((line) => line.replace(/^\[custom build\] /, '')) })
    })
  })
const deploy = (...args: string[]) => run('node_modules/wrangler/bin/wrangler.js', 'deploy', '--dry-run', ...args)

const config = (body: string) => `import { defineConfig } from 'sluiceway/config'
import { webhook } from 'sluiceway/destinations/webhook'
import { log } from 'sluiceway/streams/log'
import { d1 } from 'sluiceway/warehouses/d1'

export default defineConfig((env) => (${body}) as never)
`
const mistakes = [
  'The config has 4 problems:',
  '- destinations.crm: "use" must be a destination, such as webhook({ … }), not a warehouse, which belongs under "warehouses", as "use"',
  '- destinations.crm: "retryDays" must be a number of days above 0 and at most 36,500, not text',
  '- destinations.crm.consent: "categorys" is no setting; did you mean "categories"? There are: categories, provider, strategy, required',
  '- stream: "partitions" must be a whole number from 1 to 64: each minute, the sweep wakes every one of them, and every lane of every target',
]

test('a config with mistakes ends a deployment, a check and a start with the same list', async () => {
  writeFileSync(
    path('src/config.ts'),
    config(`{
      stream: log({ partitions: 1.5 }),
      sources: { web: { writeKey: env.WRITE_KEY } },
      destinations: { crm: { use: d1(), retryDays: 'x', consent: { categorys: [] } } },
    }`),
  )
  const start = run('scripts/start.ts', '--json', '--port', '0', '--state', path('state'))
  for (const { code, said } of [await start, await run('scripts/check-config.ts'), await deploy()]) {
    expect({ code, said }).toMatchObject({ code: 1 })
    expect(said.slice(said.indexOf(mistakes[0] ?? '')).slice(0, 5)).toEqual(mistakes)
    expect(said.join('\n')).not.toContain('exiting now')
  }
})

test('a config with mistakes ends a deployment of an entry of its own, which has nothing but a handler to ask', async () => {
  writeFileSync(
    path('src/config.ts'),
    config("{ stream: log(), sources: { web: { writeKey: env.WRITE_KEY, enabled: 'false' } } }"),
  )
  const entry = readFileSync(path('src/index.ts'), 'utf8')
  writeFileSync(path('src/own.ts'), entry.replace(/^export const summary.*$/m, ''))
  const { code, said } = await deploy('src/own.ts')
  expect({ code, said }).toMatchObject({ code: 1 })
  expect(said).toContain('- sources.web: "enabled" must be true or false, not text')
})

test('a config that throws ends a deployment with the file, the line and the name that is not set', async () => {
  writeFileSync(
    path('src/config.ts'),
    config("{ stream: log(), sources: { web: { writeKey: env.WRITE_KEY, to: env.NOPE!.split(',') } } }"),
  )
  const { code, said } = await deploy()
  const first = said.findIndex((line) => line.startsWith('The config could not be evaluated'))
  expect({ code, said: said.slice(first, first + 4) }).toEqual({
    code: 1,
    said: [
      "The config could not be evaluated: TypeError: Cannot read properties of undefined (reading 'split')",
      '    at src/config.ts:6:113',
      'env.NOPE is not set.',
      expect.stringMatching(/^The config asks env for NOPE, which is not set\. Set what you need: /),
    ],
  })
})

test('a config is checked with the names and values of the environment that is deployed', async () => {
  writeFileSync(
    path('src/config.ts'),
    config(`{
      stream: log({ partitions: Number(env.PARTITIONS) }),
      sources: { web: { writeKey: env.EU_KEY } },
      destinations: { crm: { use: webhook({ url: env.EU_CRM_URL, secret: env.EU_SECRET }) } },
    }`),
  )
  const bindings = toml.slice(toml.indexOf('[[durable_objects.bindings]]'), toml.indexOf('[exports.Log]'))
  writeFileSync(
    path('wrangler.toml'),
    `${toml}
${bindings.replaceAll('[[', '[[env.eu.')}
[[env.eu.r2_buckets]]
binding = "BUCKET"
bucket_name = "sluiceway-eu"
[env.eu.vars]
LOCAL = "0"
PARTITIONS = "2"
[env.eu.secrets]
required = ["EU_KEY", "EU_CRM_URL", "EU_SECRET"]
`,
  )
  const eu = await deploy('--env', 'eu')
  expect(eu).toMatchObject({ code: 0, said: expect.arrayContaining(['--dry-run: exiting now.']) as string[] })
  const top = await deploy()
  expect({ code: top.code, said: top.said.join('\n') }).toMatchObject({
    code: 1,
    said: expect.stringContaining(
      'The config asks env for PARTITIONS, EU_KEY, EU_CRM_URL, EU_SECRET, which are not set.',
    ) as string,
  })
  const wrong = await deploy('--env', 'eu', '--var', 'PARTITIONS:1000')
  expect({ code: wrong.code, said: wrong.said.join('\n') }).toMatchObject({
    code: 1,
    said: expect.stringContaining('- stream: "partitions" must be a whole number from 1 to 64') as string,
  })
})
