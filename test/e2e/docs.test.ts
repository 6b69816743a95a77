// Every command and every code block of the documents runs, as a newcomer would run it.
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { delimiter, dirname, join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ConfigOf } from '../../src/core/config.ts'
import { resolveConfig } from '../../src/configure/resolve-config.ts'
import type { WebhookCall, SourceTools, WebhookSource } from '../../src/core/webhook-source.ts'
import { makeClone } from '../support/clone.ts'
import { type Block, blocks as allBlocks, documents, readSource } from '../support/documents.ts'
import { damageObject, storedKeys } from '../support/state-files.ts'
import { until } from '../support/until.ts'

const root = resolve(import.meta.dirname, '../..')

/** Documents whose commands need a folder of their own, with the test that runs them there. */
const elsewhere: Readonly<Record<string, string>> = {
  'docs/bridge.md': 'test/bridge/docs.test.ts',
  'docs/develop.md': 'test/e2e/wrangler-dev.test.ts',
  'docs/own-folder.md': 'test/e2e/package.test.ts',
  'docs/walk-through.md': 'test/e2e/walk-through.test.ts',
}
const blocks = allBlocks.filter(({ file }) => elsewhere[file] === undefined)

/** A command, with the block that it stands in. A quoted JSON body may span lines. */
const commands = blocks
  .filter(({ language }) => language === 'sh')
  .flatMap((block) =>
    block.text
      .trim()
      .split(/\n(?=npm |npx |curl )/)
      .map((text) => ({ text, block })),
  )

/** Blocks that are files: the fence says where they belong. */
const files = blocks.filter(({ path }) => path !== '')

/** The clone of the test keeps its own config: the README's is the one that `npm start -- --config` names. */
const placeOf = ({ path }: Block): string => (path === 'src/config.ts' ? 'src/eu.config.ts' : path)

/** How a command is run where it cannot be run as it stands: one that needs an account or an hour is run in a small form. */
const runAs: readonly { readonly command: RegExp; readonly run: (command: string) => string }[] = [
  { command: /^npm start\b/, run: (command) => command },
  // The packages are here already, for other tests.
  { command: /^npm install --ignore-scripts @segment\/action-destinations$/, run: (command) => `${command} --dry-run` },
  { command: /^npm test$/, run: () => 'npm test -- --project pure test/core' },
  { command: /^npm run check$/, run: () => 'npm run check:format -- README.md' },
  // The other rules need git or a build; the blocks are files that the docstring rule looks at.
  { command: /^npm run check:rules$/, run: () => 'node scripts/check-docs.ts' },
  { command: /^npm run format$/, run: () => 'npm run check:format' },
  { command: /^npx vitest run --project pure \S+$/, run: (command) => command },
  { command: /^npx vitest run --project e2e \S+$/, run: (command) => command.replace(' run ', ' list ') },
  { command: /^npm run new -- transform [\w-]+( --python)?$/, run: (command) => command },
  { command: /^npm run transforms -- test [\w-]+$/, run: (command) => command },
  { command: /^npm run --silent transforms -- diff [\w-]+ --from 7d --source web$/, run: (command) => command },
  { command: /^npx wrangler deploy$/, run: (command) => `${command} --dry-run` },
  { command: /^npx wrangler secret put [A-Z_]+( < \S+)?$/, run: (command) => command.replace(/( < \S+)?$/, ' --help') },
  // There is no account at Google: the shell reads them, and runs none.
  { command: /^gcloud /, run: (command) => `sh -n <<'END'\n${command}\nEND` },
  // Not every machine has OpenSSL's command.
  { command: /^openssl /, run: (command) => `! command -v openssl > /dev/null || ${command}` },
  { command: /^npx wrangler hyperdrive create /, run: () => 'npx wrangler hyperdrive create --help' },
  { command: /^npx wrangler cert upload /, run: (command) => `${command} --help` },
  { command: /^npx wrangler r2 bucket catalog /, run: (command) => `${command} --help` },
  { command: /^npx wrangler queues create /, run: (command) => `${command} --help` },
  { command: /^npx wrangler d1 execute /, run: (command) => command },
  // There is no account; test/warehouses/clickhouse.test.ts and its like are what it runs.
  { command: / npm run verify-warehouse -- \w+$/, run: (command) => command.replace(/\w+$/, '--help') },
  // Not every machine has SQLite's shell.
  { command: /^sqlite3 /, run: (command) => `! command -v sqlite3 > /dev/null || ${command}` },
  { command: /^curl /, run: (command) => command.replace('curl ', 'curl -sS --fail-with-body ') },
]

const runnable = (command: string): string =>
  runAs.find((known) => known.command.test(command))?.run(command) ?? command

let folder = ''
const children: ChildProcess[] = []

/** A copy of the working tree, as a newcomer's clone would be after the install, with the blocks that are files. */
beforeAll(() => {
  folder = makeClone()
  for (const block of files) {
    mkdirSync(dirname(join(folder, placeOf(block))), { recursive: true })
    writeFileSync(join(folder, placeOf(block)), block.text)
  }
})

afterAll(async () => {
  for (const child of children) child.kill('SIGTERM')
  await until('all servers have stopped', async () =>
    children.every(({ exitCode, signalCode }) => (exitCode ?? signalCode) !== null),
  )
  rmSync(folder, { recursive: true, force: true })
})

/** The environment of a command: the pinned Node comes first. */
const environment = (env: Readonly<Record<string, string>> = {}) => ({
  ...process.env,
  PATH: [join(root, 'node_modules/.bin'), process.env['PATH']].join(delimiter),
  ...env,
})

/** Starts `npm start …` as it stands; resolves with what it printed once it serves. */
async function serve(command: string): Promise<string> {
  const child = spawn('sh', ['-c', `exec ${command}`], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  children.push(child)
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (said += data.toString()))
  await until('it serves', async () => {
    if (child.exitCode !== null) throw new Error(`${command} ended with ${child.exitCode}:\n${said}`)
    return said.includes('Ctrl-C stops it')
  })
  return said
}

/** Runs a command to its end, beside the servers that run in this process tree; resolves with its stdout. */
const shell = (command: string, env: Readonly<Record<string, string>> = {}): Promise<string> =>
  new Promise((done, failed) => {
    const child = spawn('sh', ['-c', command], { cwd: folder, env: environment(env) })
    let out = ''
    let said = ''
    child.stdout.on('data', (data: Buffer) => (out += data.toString()))
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (said += data.toString()))
    child.on('close', (code) => (code === 0 ? done(out) : failed(new Error(`${command} ended with ${code}:\n${said}`))))
  })

const isFree = (port: number): Promise<boolean> =>
  new Promise((answer) => {
    const probe = createServer()
    probe.once('error', () => answer(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => answer(true)))
  })

/** Fails when an answer lacks something that a document shows, or has it in another type. Lists are looked at by their first. */
function expectShape(real: unknown, documented: unknown, where: string): void {
  expect(Array.isArray(real) ? 'list' : typeof real, where).toBe(Array.isArray(documented) ? 'list' : typeof documented)
  if (typeof documented !== 'object' || documented === null) return
  const shown = Array.isArray(documented) ? documented.slice(0, (real as unknown[]).length && 1) : documented
  for (const [name, value] of Object.entries(shown)) {
    expect(Object.keys(real as object), where).toContain(name)
    expectShape((real as Record<string, unknown>)[name], value, `${where}.${name}`)
  }
}

describe('the blocks of the documents', () => {
  test('the blocks of the documents are commands that this test knows how to run, files, answers of commands, or pictures', () => {
    const unknown = commands.filter(({ text }) => !runAs.some(({ command }) => command.test(text)))
    expect(unknown.map(({ text, block }) => `${block.file}:${block.line}: ${text}`)).toEqual([])
    expect(commands.length).toBeGreaterThan(30)
    const stray = blocks.filter(({ language, path, file }, i) => {
      if (path !== '' || ['', 'text', 'sh', 'html'].includes(language)) return false
      const before = blocks[i - 1]
      return !(language === 'json' && before?.file === file && before.language === 'sh')
    })
    expect(
      stray.map(({ file, line, language }) => `${file}:${line}: ${language} without the name of its file`),
    ).toEqual([])
  })

  test('the blocks of the documents run in a test of their own where they do not run here', () => {
    const others = documents.flatMap(({ file }) => (elsewhere[file] === undefined ? [] : [[file, elsewhere[file]]]))
    for (const [file = '', test = ''] of others) expect(readSource(test), test).toContain(file)
  })

  test('the blocks of the documents are at different places', () => {
    const places = files.map(placeOf)
    expect(places.filter((place, i) => places.indexOf(place) !== i || existsSync(join(root, place)))).toEqual([])
    expect(places.length).toBeGreaterThan(6)
  })

  test('the blocks of the documents compile and are formatted like all code', async () => {
    await shell('npx wrangler types')
    await shell('npx tsc --noEmit -p .')
    await shell(`npx oxfmt --check ${files.map(placeOf).join(' ')}`)
  })

  test('the blocks of the documents do what is said of them', async () => {
    const { transformEvent } = (await import(join(folder, 'transforms/cents-to-euros.ts'))) as {
      transformEvent: (event: object) => unknown
    }
    const order = { type: 'track', messageId: 'm-1', event: 'Order Completed', properties: { total_cents: 12_990 } }
    expect(transformEvent(structuredClone(order))).toMatchObject({ properties: { total: 129.9 } })
    expect(transformEvent({ ...order, event: 'Debug Ping' })).toBeNull()

    const env = { SITE_KEY: 'site-key', STORE_KEY: 'store-key', SALT: 'salt', SHOPIFY_SECRET: 'shopify-secret' }
    const sourcesOf = async (file: string) => {
      const { default: config } = (await import(join(folder, file))) as { default: ConfigOf }
      return [...resolveConfig(config, { ...env, ADMIN_TOKEN: 'a-token-of-the-docs' }).sources.keys()]
    }
    expect(await sourcesOf('src/site.config.ts')).toEqual(['site', 'store'])
    expect(await sourcesOf('src/store.config.ts')).toEqual(['store'])

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
})

describe('the commands of the documents', () => {
  test('the commands of the documents do what is said of them, from the first start to every call of the admin API', async () => {
    expect(await isFree(8787), 'port 8787 must be free: the README says that npm start serves there').toBe(true)
    const said = await serve('npm start -- --var KAFKA_PASSWORD=password-of-the-docs')
    const [, key = ''] = /write key\s+(\S+)/i.exec(said) ?? []
    const [, token = ''] = /admin token\s+(\S+)/i.exec(said) ?? []
    const env = {
      URL: 'http://localhost:8787',
      KEY: key,
      TOKEN: token,
      KAFKA_PASSWORD: 'password-of-the-docs',
      MESSAGE_ID: '',
      LETTER: '',
      JOB: '',
      TRANSFORM: 'drop-bots',
      FILE: '',
    }
    // The topic that a call of the admin API deletes.
    await shell('curl -sS --fail-with-body -u "kafka:$KAFKA_PASSWORD" "$URL/kafka/produce/emails/hello"', env)
    const read = async <T>(path: string) =>
      (await fetch(`${env.URL}${path}`, { headers: { authorization: `Bearer ${token}` } }).then((r) => r.json())) as T

    const send = commands.find(({ text }) => text.includes('/v1/track'))?.text ?? ''
    expect(await shell(send.replace('curl', 'curl -sS'), env)).toContain('{"success":true,"accepted":1}')
    await shell('node send.ts', env)
    const { events } = await read<{ events: { event: { messageId: string; event: string } }[] }>('/admin/events')
    expect(events.map(({ event }) => event.event)).toEqual(['Order Completed', 'Order Completed'])
    env.MESSAGE_ID = events[0]?.event.messageId ?? ''

    /** A dead letter that no command has seen yet. */
    const newLetter = async (): Promise<string> => {
      const messageId = crypto.randomUUID()
      const batch = [{ type: 'track', event: 'Order Completed', messageId }]
      const headers = { authorization: `Basic ${btoa(`${key}:`)}` }
      await fetch(`${env.URL}/v1/batch`, { method: 'POST', headers, body: JSON.stringify({ batch }) })
      const found = await read<{ deadLetters: { id: string }[] }>(`/admin/dead-letters?messageId=${messageId}`)
      return found.deadLetters[0]?.id ?? ''
    }
    /** A staging file that no command has seen yet, and that nobody can read. */
    const newUnreadable = async (): Promise<string> => {
      const state = join(folder, '.sluiceway')
      const setAside = async () =>
        (await read<{ files: { file: string; key: string }[] }>('/admin/warehouses/tables/unreadable')).files
      const before = new Set((await setAside()).map(({ key }) => key))
      return until('a staging file is set aside', async () => {
        await shell(send.replace('curl', 'curl -sS'), env)
        const key = await until('it is staged', async () =>
          storedKeys(state).find((one) => /^staging\/tables\/[\d/-]+$/.test(one) && !before.has(one)),
        )
        damageObject(state, key)
        for (let i = 0; i < 5; i++)
          await fetch(`${env.URL}/admin/warehouses/tables/load`, {
            method: 'POST',
            headers: { authorization: `Bearer ${token}` },
          })
        return (await setAside()).find(({ key: one }) => !before.has(one))?.file
      })
    }
    const discarding = await fetch(`${env.URL}/admin/dead-letters/jobs`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ action: 'discard', user: 'nobody', target: (await newLetter()).split(':')[0] }),
    })
    env.JOB = ((await discarding.json()) as { job: { id: string } }).job.id
    let shownIn: Block | undefined
    for (const { text, block } of commands.filter((one) => one.text.startsWith('curl '))) {
      if (block !== shownIn) env.LETTER = await newLetter()
      if (block !== shownIn && block.text.includes('$FILE')) env.FILE = await newUnreadable()
      shownIn = block
      // What is documented is a warehouse for which something waits; the schedule loads it every few seconds.
      if (text.endsWith('/admin/warehouses"'))
        await until(
          'events are staged',
          async () => {
            await newLetter()
            const { warehouses } = await read<{ warehouses: { stagedFiles: number }[] }>('/admin/warehouses')
            return warehouses[0]?.stagedFiles !== 0
          },
          { everyMs: 200 },
        )
      const answer: unknown = JSON.parse(await shell(runnable(text), env))
      const next = blocks[blocks.indexOf(block) + 1]
      const isLast = block.text.trim().endsWith(text)
      if (isLast && next?.file === block.file && next.language === 'json' && next.path === '')
        expectShape(answer, JSON.parse(next.text), `${block.file}:${next.line}`)
      else expect(answer, `${block.file}:${block.line}`).toBeTypeOf('object')
    }

    const pages = documents.map(({ text }) => text).join('\n')
    for (const [, path = ''] of pages.matchAll(/src="https:\/\/events\.example\.com(\/[^"]+)"/g)) {
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

  test('the commands of the documents start with the flags of the README', async () => {
    const command = commands.find(({ text }) => text.includes('--config'))?.text ?? ''
    expect(await serve(command)).toContain(':9000')
    expect((await fetch('http://localhost:9000/health')).status).toBe(200)
  })

  const others = [...new Set(commands.map(({ text }) => text))].filter((text) => !/^(npm start|curl)/.test(text))
  test.each(others)('the command of the documents runs: %s', async (command) => {
    await shell(runnable(command))
  })
})
