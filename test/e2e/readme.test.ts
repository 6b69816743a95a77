import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync, mkdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ConfigOf } from '../../src/core/config.ts'
import { resolveConfig } from '../../src/configure/resolve-config.ts'
import type { WebhookCall, SourceTools, WebhookSource } from '../../src/core/webhook-source.ts'
import { makeClone } from '../support/clone.ts'
import { until } from '../support/until.ts'

const root = resolve(import.meta.dirname, '../..')
const readme = readFileSync(join(root, 'README.md'), 'utf8')

interface Block {
  readonly language: string
  readonly text: string
}

const blocks: Block[] = [...readme.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].map(([, language = '', text = '']) => ({
  language,
  text,
}))
/** One command each; a quoted JSON body may span lines. */
const commands = blocks
  .filter(({ language }) => language === 'sh')
  .flatMap(({ text }) => text.trim().split(/\n(?=npm |npx |curl )/))

/** How a command is run where it cannot be run as it stands: one that needs an account is asked for its dry run or help. */
const runAs: readonly { readonly command: RegExp; readonly run: (command: string) => string }[] = [
  { command: /^npm start\b/, run: (command) => command },
  { command: /^npm test$/, run: () => 'npm test -- --project pure test/warehouses/mapping/names.test.ts' },
  { command: /^npm run check$/, run: () => 'npm run check:format -- README.md' },
  { command: /^npx wrangler deploy$/, run: (command) => `${command} --dry-run` },
  { command: /^npx wrangler secret put [A-Z_]+$/, run: (command) => `${command} --help` },
  { command: /^curl /, run: (command) => command.replace('curl ', 'curl -sS --fail-with-body ') },
]

let folder = ''
const children: ChildProcess[] = []

/** A copy of the working tree, as a newcomer's clone would be after the install. */
beforeAll(() => {
  folder = makeClone()
})

afterAll(async () => {
  for (const child of children) child.kill('SIGTERM')
  await until('all servers have stopped', async () =>
    children.every(({ exitCode, signalCode }) => (exitCode ?? signalCode) !== null),
  )
  rmSync(folder, { recursive: true, force: true })
})

/** Starts `npm start …` as it stands; resolves with what it printed once it serves. */
async function serve(command: string): Promise<string> {
  const child = spawn('sh', ['-c', `exec ${command}`], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  children.push(child)
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (said += data.toString()))
  await until('it serves', async () => {
    if (child.exitCode !== null) throw new Error(`${command} ended with ${child.exitCode}:\n${said}`)
    return /admin token/i.test(said) && /\/demo/.test(said)
  })
  return said
}

/** Runs a command to its end, beside the servers that run in this process tree. */
const shell = (command: string, env: Record<string, string> = {}): Promise<string> =>
  new Promise((done, failed) => {
    const child = spawn('sh', ['-c', command], { cwd: folder, env: { ...process.env, ...env } })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (said += data.toString()))
    child.on('close', (code) =>
      code === 0 ? done(said) : failed(new Error(`${command} ended with ${code}:\n${said}`)),
    )
  })

const blockWith = (text: string): string => {
  const found = blocks.find((block) => block.language === 'ts' && block.text.includes(text))
  if (found === undefined) throw new Error(`the README has no TypeScript block with "${text}"`)
  return found.text
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((answer) => {
    const probe = createServer()
    probe.once('error', () => answer(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => answer(true)))
  })

test('every command in the README is one that this test knows how to run', () => {
  const unknown = commands.filter((command) => !runAs.some((known) => known.command.test(command)))
  expect(unknown).toEqual([])
  expect(commands.length).toBeGreaterThan(8)
})

test('the TypeScript of the README compiles, and the transform and the destination do what it says', async () => {
  writeFileSync(join(folder, 'src/eu.config.ts'), blockWith('defineConfig('))
  writeFileSync(join(folder, 'src/site.config.ts'), blockWith('identityCookie'))
  mkdirSync(join(folder, 'sources'))
  writeFileSync(join(folder, 'sources/letterbox.ts'), blockWith('export const letterbox'))
  writeFileSync(join(folder, 'transforms/cents-to-euros.ts'), blockWith('cents-to-euros'))
  writeFileSync(join(folder, 'destinations/chat.ts'), blockWith('export const chat'))
  writeFileSync(join(folder, 'send.ts'), blockWith('rudder-sdk-node'))
  await shell('npx wrangler types')
  await shell('npx tsc --noEmit -p .')

  const { transformEvent } = (await import(join(folder, 'transforms/cents-to-euros.ts'))) as {
    transformEvent: (event: object) => unknown
  }
  const order = { type: 'track', messageId: 'm-1', event: 'Order Completed', properties: { total_cents: 12_990 } }
  expect(transformEvent(structuredClone(order))).toMatchObject({ properties: { total: 129.9 } })
  expect(transformEvent({ ...order, event: 'Debug Ping' })).toBeNull()

  const { default: site } = (await import(join(folder, 'src/site.config.ts'))) as { default: ConfigOf }
  const env = { SITE_KEY: 'site-key', STORE_KEY: 'store-key', SALT: 'salt', SHOPIFY_SECRET: 'shopify-secret' }
  expect([...resolveConfig(site, { ...env, ADMIN_TOKEN: 'a-token-of-the-readme' }).sources.keys()]).toEqual([
    'site',
    'store',
  ])
  const { letterbox } = (await import(join(folder, 'sources/letterbox.ts'))) as {
    letterbox: (settings: object) => WebhookSource
  }
  const source = letterbox({ secret: 'sesame' })
  const hook = {
    headers: { 'x-letterbox-secret': 'sesame' },
    body: { reader: 'ada', letter: '1843' },
  } as unknown as WebhookCall
  expect(await source.verify?.(hook, { now: Date.now })).toBe(undefined)
  expect(await source.verify?.({ ...hook, headers: {} }, { now: Date.now })).toContain('missing or wrong')
  expect(await source.map(hook, {} as SourceTools)).toEqual([
    { type: 'track', event: 'Letter Opened', userId: 'ada', properties: { letter: '1843' } },
  ])
})

test('the commands of the README do what it says, from the first start to the trace of an event', async () => {
  expect(await isFree(8787), 'port 8787 must be free: the README says that npm start serves there').toBe(true)
  const said = await serve('npm start')
  const [, key = ''] = /write key\s+(\S+)/i.exec(said) ?? []
  const [, token = ''] = /admin token\s+(\S+)/i.exec(said) ?? []
  const env = { URL: 'http://localhost:8787', KEY: key, TOKEN: token, MESSAGE_ID: '' }

  const send = commands.find((command) => command.includes('/v1/track')) ?? ''
  expect(await shell(send.replace('curl', 'curl -sS'), env)).toContain('{"success":true,"accepted":1}')
  await shell('node send.ts', { ...env, PATH: `${join(root, 'node_modules/.bin')}:${process.env['PATH']}` })

  const events = (await fetch(`${env.URL}/admin/events`, { headers: { authorization: `Bearer ${token}` } }).then((r) =>
    r.json(),
  )) as { events: { event: { messageId: string; event: string } }[] }
  expect(events.events.map(({ event }) => event.event)).toEqual(['Order Completed', 'Order Completed'])
  env.MESSAGE_ID = events.events[0]?.event.messageId ?? ''

  for (const command of commands.filter((one) => one.includes('/admin/'))) {
    const run = runAs.find((known) => known.command.test(command))?.run(command) ?? command
    expect(JSON.parse(await shell(run, env)), command).toBeTypeOf('object')
  }
  for (const [, path = ''] of readme.matchAll(/src="https:\/\/events\.example\.com(\/[^"]+)"/g)) {
    const script = await fetch(`${env.URL}${path}`)
    expect([path, script.status, script.headers.get('content-type')]).toEqual([
      path,
      200,
      expect.stringContaining('javascript'),
    ])
  }
  const page = await fetch(`${env.URL}/demo`)
  expect(await page.text()).toContain('<html')
})

test('npm start takes the flags of the README', async () => {
  const command = commands.find((one) => one.includes('--config')) ?? ''
  expect(await serve(command)).toContain(':9000')
  expect((await fetch('http://localhost:9000/health')).status).toBe(200)
})

test('the other commands of the README run', async () => {
  const others = commands.filter((command) => !/^(npm start|curl)/.test(command))
  for (const command of others) {
    const run = runAs.find((known) => known.command.test(command))?.run(command) ?? command
    await shell(run)
  }
  expect(others.length).toBeGreaterThan(3)
})
