// The test API in the real runtime. The Worker has no log, lane or bucket: what would write or deliver fails.
import { mkdtempSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { build } from 'esbuild'
import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildTransforms } from '../../scripts/build/transforms.ts'
import { adminToken } from '../support/fake-context.ts'

const home = resolve(import.meta.dirname, '../..')
const root = mkdtempSync(join(tmpdir(), 'transformations-'))
let miniflare: Miniflare

const deployed = `
let calls = 0
export function transformEvent(event) {
  calls++
  log('call', calls)
  if (event.event === 'Debug Ping') return null
  event.properties = { ...event.properties, plan: getCredential('plan') }
  return event
}`

const entry = `
import { Hono } from 'hono'
import { admin } from '${home}/src/admin/app.ts'
import { resolveConfig } from '${home}/src/configure/resolve-config.ts'
import { log } from '${home}/src/streams/log.ts'
import { harness } from './dist/transforms/_harness.js'
import * as plan from './dist/transforms/plan.js'
const app = new Hono().route('/admin', admin)
export default {
  fetch(request, env) {
    const resolved = resolveConfig(() => ({
      stream: log(),
      admin: { token: '${adminToken}' },
      sources: { web: { writeKey: 'of-the-web', transforms: env.ISOLATES === undefined ? [] : [plan.isolated({ credentials: { plan: 'pro' } })] } },
      limits: { userCodeMs: 300 },
    }), {})
    const bindings = { ASSETS: { fetch: async (url) => new Response(harness, { status: url.endsWith('/admin/harness.txt') ? 200 : 404 }) } }
    return app.fetch(request, { resolved, bindings, port: { now: Date.now, log: (...given) => console.log(JSON.stringify(given)) } })
  },
}`

beforeAll(async () => {
  mkdirSync(join(root, 'transforms'))
  writeFileSync(join(root, 'transforms/plan.js'), deployed)
  symlinkSync(join(home, 'node_modules'), join(root, 'node_modules'))
  await buildTransforms({ root, home, say: () => undefined })
  const { outputFiles } = await build({
    stdin: { contents: entry, resolveDir: root },
    bundle: true,
    format: 'esm',
    write: false,
    keepNames: true,
    conditions: ['workerd'],
    external: ['node:*', 'cloudflare:*'],
    logLevel: 'error',
  })
  const modules = [{ type: 'ESModule' as const, path: 'index.js', contents: outputFiles[0]?.text ?? '' }]
  const common = { compatibilityDate: '2026-10-01', compatibilityFlags: ['nodejs_compat'], modules }
  miniflare = new Miniflare({
    ...convertV4MiniflareOptions({
      workers: [
        { name: 'with', ...common, workerLoaders: { ISOLATES: {} } },
        { name: 'without', ...common },
      ],
    }),
    handleStructuredLogs: () => undefined,
  })
})
afterAll(async () => {
  await miniflare?.dispose()
  rmSync(root, { recursive: true })
})

async function post(path: string, body: unknown, { token = adminToken, worker = 'with' } = {}) {
  const { fetch: ask } = (await miniflare.getWorker(worker)) as unknown as { readonly fetch: typeof fetch }
  const answer = await ask(`http://localhost/admin/transformations${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  })
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}

const order = (messageId: string, more: object = {}) => ({
  message: { type: 'track', event: 'Order Completed', messageId, userId: 'ada', ...more },
})
const withCode = (code: string, more: object = {}) => ({
  events: [order('order-1843')],
  trRevCode: { code, codeVersion: '1', language: 'javascript', ...more },
})

describe('/transformation/test', () => {
  test('answers with what the code made, and what it logged', async () => {
    const code = `
import { double } from 'mathHelpers'
export async function transformEvent(event, metadata) {
  log('order', { of: metadata(event).sourceId }, getCredential('key'))
  if (event.messageId === 'order-2') return [event, { ...event, event: 'Copy' }]
  if (event.messageId === 'order-3') return null
  if (event.messageId === 'order-4') return notThere
  return { ...event, properties: { twice: double(21), body: await fetch('https://example.com') } }
}`
    const { status, body } = await post('/test', {
      ...withCode(code),
      events: [
        { ...order('order-1'), metadata: { sourceId: 'shop' } },
        order('order-2'),
        order('order-3'),
        order('order-4'),
      ],
      libraryVersionIDs: [],
      libraries: [{ handleName: 'mathHelpers', code: 'export const double = (n) => n * 2' }],
      credentials: [{ key: 'key', value: 'secret of the test' }],
    })
    expect(status).toBe(200)
    expect(body['transformedEvents']).toMatchObject([
      { messageId: 'order-1', properties: { twice: 42, body: 'ERROR' } },
      { messageId: 'order-2', event: 'Order Completed' },
      { messageId: 'order-2#1', event: 'Copy' },
      {
        error: expect.stringMatching(
          /^ReferenceError: notThere is not defined\n {4}at transformEvent \(base transformation:7:\d+\)$/,
        ),
      },
    ])
    expect((body['logs'] as string[])[0]).toBe('Log: order {"of":"shop"} secret of the test')
  })

  test('a request that is wrong, or a run that fails as a whole, is 400 with the reason', async () => {
    const says = async (body: object) => {
      const answer = await post('/test', body)
      return [answer.status, answer.body['error']]
    }
    const plain = 'export const transformEvent = (event) => event'
    expect(await says({ events: [order('order-1')] })).toEqual([
      400,
      'Invalid Request. Missing parameters in transformation code block',
    ])
    expect(await says({ ...withCode(plain), events: [] })).toEqual([400, 'Invalid request. Missing events'])
    expect(await says(withCode('export const both = 1'))).toEqual([
      400,
      expect.stringContaining('Expected one of transformEvent,transformBatch. Found'),
    ])
    expect(await says(withCode(`import { a } from 'notThere'\n${plain}`))).toEqual([
      400,
      'import from notThere failed. Module not found.',
    ])
    expect(await says(withCode('export const transformEvent = (event: Event) => event'))).toEqual([
      400,
      expect.stringContaining('SyntaxError'),
    ])
    expect(await says(withCode(plain, { language: 'typescript' }))).toEqual([
      400,
      expect.stringContaining('take the types out of TypeScript'),
    ])
  })

  test('a promise that never settles ends, and a batch that throws is one error', async () => {
    const slow = await post('/test', withCode('export const transformEvent = () => new Promise(() => {})'))
    expect(slow.body['transformedEvents']).toEqual([{ error: expect.stringContaining('300') }])
    const batch = await post('/test', {
      ...withCode(`export function transformBatch() { throw new Error('no batch today') }`),
      events: [order('order-1'), order('order-2')],
    })
    expect(batch.body['transformedEvents']).toEqual([{ error: expect.stringContaining('Error: no batch today') }])
  })

  test('the admin alone may test, and is told which binding is missing', async () => {
    expect((await post('/test', withCode('export const a = 1'), { token: 'another-token-of-16' })).status).toBe(401)
    const { status, body } = await post('/test', withCode('export const transformEvent = (event) => event'), {
      worker: 'without',
    })
    expect([status, body['message']]).toEqual([409, expect.stringContaining('[[worker_loaders]] binding = "ISOLATES"')])
  })
})

test('/transformation/testRun answers in its own shape', async () => {
  const { body } = await post('/testRun', {
    input: [{ ...order('order-1'), metadata: { sourceId: 'shop', jobId: 7 } }, order('order-2')],
    codeRevision: {
      code: `export function transformEvent(event) { if (event.messageId === 'order-2') throw new Error('no total'); return event }`,
      language: 'javascript',
      versionId: 'v1',
    },
    dependencies: { libraries: [], credentials: [{ key: 'key', value: 'text', isSecret: true }] },
  })
  expect(body).toMatchObject({
    transformedEvents: [
      {
        transformedEvent: { messageId: 'order-1', event: 'Order Completed' },
        metadata: { sourceId: 'shop', jobId: 7 },
      },
      { error: expect.stringContaining('Error: no total'), metadata: { messageId: 'order-2' } },
    ],
    logs: [],
  })
})

test('a deployed transform runs with its own options, in an isolate that no live event has', async () => {
  const events = [order('order-1'), { message: { event: 'Debug Ping', messageId: 'ping', userId: 'ada' } }]
  for (let i = 0; i < 2; i++)
    expect(await post('/plan/test', { events })).toMatchObject({
      status: 200,
      body: {
        transformedEvents: [{ transformedEvent: { messageId: 'order-1', properties: { plan: 'pro' } } }],
        logs: ['Log: call 1', 'Log: call 2'],
      },
    })
  expect(await post('/score/test', { events })).toMatchObject({
    status: 404,
    body: { message: 'No transform of the config is called "score"; there are plan.' },
  })
})
