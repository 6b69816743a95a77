import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { freePort } from '../../scripts/start/port.ts'
import type { DemoState } from '../../src/console/demo-state.ts'
import { makeClone } from '../support/clone.ts'
import { cleanEnv } from '../support/serving.ts'
import { until } from '../support/until.ts'

const guide = readFileSync(resolve(import.meta.dirname, '../../docs/develop.md'), 'utf8')
/** The commands of the guide, one block each. */
const blocks = [...guide.matchAll(/^```sh\n([^]*?)\n```$/gm)].map(([, text = '']) => text)
const blockWith = (text: string): string => {
  const found = blocks.find((block) => block.includes(text))
  if (found === undefined) throw new Error(`docs/develop.md has no command with "${text}"`)
  return found
}

let clone = ''
let running: ChildProcess[] = []

beforeAll(() => {
  clone = makeClone()
})

/** wrangler starts processes of its own, all of them in the group of the first. */
afterEach(async () => {
  for (const child of running) signalGroup(child, 'SIGTERM')
  await until('all processes have ended', () => running.every((child) => !signalGroup(child, 0)), { seconds: 5 }).catch(
    () => running.forEach((child) => signalGroup(child, 'SIGKILL')),
  )
  running = []
  rmSync(join(clone, '.dev.vars'), { force: true })
  rmSync(join(clone, '.wrangler'), { recursive: true, force: true })
})
afterAll(() => rmSync(clone, { recursive: true, force: true }))

function signalGroup({ pid = 0 }: ChildProcess, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, signal)
  } catch {
    return false
  }
}

interface Run {
  readonly child: ChildProcess
  readonly said: () => string
}

/** A group of its own gets no signal of the terminal: it ends itself when the process of the tests is gone. */
const endWithUs = `(while kill -0 ${process.pid}; do sleep 1; done; kill -s KILL -- -$$) > /dev/null 2>&1 &`

function run(command: string, env: Record<string, string> = {}): Run {
  const quiet = {
    // Other Workers of this machine are none of its business, nor it theirs.
    WRANGLER_REGISTRY_PATH: join(clone, '.wrangler/registry'),
    WRANGLER_SEND_METRICS: 'false',
    WRANGLER_WRITE_LOGS: 'false',
    CLOUDFLARE_CF_FETCH_ENABLED: 'false',
    FORCE_COLOR: '0',
  }
  const child = spawn('sh', ['-c', `${endWithUs} ${command}`], {
    cwd: clone,
    env: { ...cleanEnv(), ...quiet, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  running.push(child)
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (said += data.toString()))
  return { child, said: () => said }
}

/** Runs a command to its end. */
async function finish(command: string, env?: Record<string, string>): Promise<{ code: number; said: string }> {
  const { child, said } = run(command, env)
  const [code] = (await once(child, 'close')) as [number]
  return { code, said: said() }
}

/** Runs a server until it answers. */
async function serve(command: string): Promise<{ url: string; said: () => string }> {
  const port = await freePort('127.0.0.1', 0)
  const { child, said } = run(`${command} --port ${port}`)
  const url = `http://localhost:${port}`
  await until(`${command} answers`, async () => {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}:\n${said()}`)
    return said().includes('Ready on') && (await fetch(`${url}/robots.txt`)) !== undefined
  })
  return { url, said }
}

const varOf = (name: string): string =>
  new RegExp(`^${name}=(.+)$`, 'm').exec(readFileSync(join(clone, '.dev.vars'), 'utf8'))?.[1] ?? ''
const at = (url: string, command: string): string =>
  command.replace('http://localhost:8787', url).replace('curl ', 'curl -sS ')
const stateOf = async (url: string): Promise<DemoState> =>
  (await fetch(`${url}/demo/state`).then((response) => response.json())) as DemoState

test('every command of the guide is run here, or is one of the README', () => {
  const known = [
    /^npm start$/,
    /^npx wrangler dev$/,
    /^curl -u .*\/v1\/track/s,
    /^curl .*\/admin\/lanes$/,
    /^npx vitest run/,
    /^npm run check:config$/,
    /^npx wrangler deploy --dry-run$/,
    /^cat > \.secrets.*\nnpx wrangler deploy --secrets-file \.secrets$/s,
    /^npx wrangler secret put/,
    /^curl https:.*\/health$/,
  ]
  expect(blocks.filter((block) => !known.some((pattern) => pattern.test(block)))).toEqual([])
})

test('on a fresh clone, npx wrangler dev serves a first event at once, and a saved transform without a restart', async () => {
  const { url, said } = await serve(blockWith('npx wrangler dev'))
  const key = varOf('WRITE_KEY')
  expect(said()).toContain(join(clone, '.dev.vars'))
  expect(said()).toContain(`Write key    ${key}`)
  expect(said()).toContain(`Admin token  ${varOf('ADMIN_TOKEN')}`)
  expect(said()).not.toMatch(/missing required secrets/i)

  const sent = await finish(at(url, blockWith('/v1/track')))
  expect(sent).toEqual({ code: 0, said: '{"success":true,"accepted":1}' })
  const { deliveries } = await until('the event is delivered to the demo, signed', async () => {
    const state = await stateOf(url)
    return 'total' in state.deliveries && state.deliveries.total === 1 && state
  })
  expect(deliveries).toMatchObject({ items: [{ signature: 'verified' }] })
  const lanes = await finish(at(url, blockWith('/admin/lanes')))
  expect(lanes.said).toContain('"counters":{"done":1}')
  await until('its row is in the tables, though nobody ran the scheduled functions', async () =>
    JSON.stringify((await stateOf(url)).warehouses).includes('"order_id":"1843"'),
  )

  const path = join(clone, 'transforms/hash-email.ts')
  const before = readFileSync(path, 'utf8')
  const changed = before.replace(
    /^export function transformEvent\(.*\{$/m,
    `$&\n  if (event.event === 'Fire Drill') throw new Error('this is a drill')`,
  )
  expect(changed).not.toBe(before)
  const drill = async () => {
    const response = await fetch(`${url}/v1/track`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${key}:`)}`, 'content-type': 'application/json' },
      body: JSON.stringify({ userId: 'ada', event: 'Fire Drill' }),
    })
    return response.text()
  }
  expect(await drill()).toContain('"accepted":1')
  writeFileSync(path, changed)
  await until('the saved transform is live', async () => (await drill()).includes('this is a drill'))
  await until('the terminal shows where it threw', () =>
    /transformEvent .*transforms\/hash-email\.ts:\d+:/.test(said()),
  )
  writeFileSync(path, before)
  await until('and so is the old one, saved again', async () => (await drill()).includes('"accepted":1'))
})

test('npm run dev never changes a .dev.vars that is there, and /health names what it lacks', async () => {
  const text = '# My own.\nADMIN_TOKEN=tokenOfAdaLovelace\nLOCAL=1\n'
  writeFileSync(join(clone, '.dev.vars'), text)
  const { url, said } = await serve('npm run dev --')
  expect(said()).toMatch(/missing required secrets: WRITE_KEY, WEBHOOK_URL/i)
  const health = await fetch(`${url}/health`)
  expect(health.status).toBe(503)
  expect(await health.json()).toMatchObject({ status: 'DOWN', missing: ['WRITE_KEY', 'WEBHOOK_URL', 'WEBHOOK_SECRET'] })
  const refused = await fetch(`${url}/v1/track`, { method: 'POST', body: '{}' })
  expect(refused.status).toBe(503)
  expect(await refused.json()).toMatchObject({
    code: 'config_invalid',
    message: expect.stringContaining('/health') as string,
  })
  expect(readFileSync(join(clone, '.dev.vars'), 'utf8')).toBe(text)
})

test('the cases of the transforms run as the guide says', async () => {
  const { code, said } = await finish(blockWith('npx vitest'))
  expect({ code, said }).toMatchObject({ code: 0, said: expect.stringContaining('transforms/golden') as string })
})

test('the check of the config passes on a fresh clone, by itself', async () => {
  expect(await finish(blockWith('check:config'))).toMatchObject({ code: 0 })
})

test('a dry run of the deployment passes on a fresh clone and makes no keys', async () => {
  const { code, said } = await finish(blockWith('--dry-run'))
  expect({ code, said }).toMatchObject({ code: 0, said: expect.stringContaining('--dry-run: exiting now') as string })
  expect(existsSync(join(clone, '.dev.vars'))).toBe(false)
})

test('a first deployment names the secrets that are missing and how to bring them, and creates nothing', async () => {
  const calls: string[] = []
  const api = createServer((request, response) => {
    const { method = '', url = '' } = request
    calls.push(`${method} ${url}`)
    response.setHeader('content-type', 'application/json')
    const isUpload = url.includes('/assets-upload-session')
    const isGone = !isUpload && /\/workers\/(services|scripts)\/sluiceway/.test(url)
    response.statusCode = isGone ? 404 : 200
    const errors = isGone ? [{ code: 10_090, message: 'workers.api.error.service_not_found' }] : []
    const result = isUpload ? { jwt: 'of-this-test', buckets: [] } : []
    response.end(JSON.stringify({ success: !isGone, errors, messages: [], result }))
  }).listen(0, '127.0.0.1')
  await once(api, 'listening')
  const env = {
    CLOUDFLARE_API_BASE_URL: `http://127.0.0.1:${(api.address() as AddressInfo).port}`,
    CLOUDFLARE_API_TOKEN: 'token-of-this-test',
    CLOUDFLARE_ACCOUNT_ID: '0123456789abcdef0123456789abcdef',
  }
  try {
    const without = await finish('npx wrangler deploy', env)
    expect(without.code).not.toBe(0)
    expect(without.said).toContain(
      'required secrets have not been set: WRITE_KEY, ADMIN_TOKEN, WEBHOOK_URL, WEBHOOK_SECRET',
    )
    expect(without.said).toContain('wrangler deploy --secrets-file')
    expect(calls.filter((call) => !call.startsWith('GET'))).toEqual([expect.stringContaining('/assets-upload-session')])
    const given = await finish(blockWith('--secrets-file'), env)
    expect(given.said).toContain('Total Upload')
    expect(given.said).not.toContain('required secrets')
    expect(calls.join()).toContain('/d1/database')
  } finally {
    api.close()
  }
})
