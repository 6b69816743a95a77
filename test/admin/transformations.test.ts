// The test API in the real runtime. The Worker has a log that can only be read, no lane and no bucket: what would write or deliver fails.
import { existsSync, mkdtempSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { build } from 'esbuild'
import { convertV4MiniflareOptions, Miniflare, type Request, Response } from 'miniflare'
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

const inlined = `
export function transformEvent(event, metadata) {
  if (event.properties?.price === undefined) throw new Error('no price')
  return { ...event, properties: { total: event.properties.price * 2, of: metadata(event).transformationId } }
}`

/** Of the deployment. */
const libraries = {
  'my-taxes.ts': `import { cyrb53 } from '@rs/hash/v1'
interface Rate { readonly rate: number }
export const withTax = (total: number, { rate }: Rate): number => {
  if (rate > 1) throw new Error('a rate is below 1')
  return total * (1 + rate)
}
export const short = (text: string): number => cyrb53(text)
`,
  'broken-one.ts': 'export const one = ',
  'my-helpers.py': 'def total(event):\n    return event["properties"]["total"] * 2\n',
}

const entry = `
import { Hono } from 'hono'
import { admin } from '${home}/src/admin/app.ts'
import { resolveConfig } from '${home}/src/configure/resolve-config.ts'
import { log } from '${home}/src/streams/log.ts'
import { pack } from '${home}/src/core/envelope.ts'
import { frame, joinFrames } from '${home}/src/storage/frame.ts'
import * as plan from './dist/transforms/plan.js'
import * as total from './dist/transforms/total.js'
const first = { name: 'first', transformEvent: (event) => event.messageId === 'sent-2' ? null : ({ ...event, context: { first: true } }) }
const eventOf = (offset) => {
  const source = offset % 100 === 99 ? 'app' : 'web'
  const event = { type: 'track', event: offset === 7 ? 'Debug Ping' : 'Order Completed', messageId: 'order-' + offset, userId: 'ada', properties: { total: offset } }
  return pack({ id: event.messageId, key: 'ada', source, receivedAt: '2026-11-22T10:00:00.500Z', to: ['crm'], facts: {} }, event).text
}
const textOf = (from, to) => Array.from({ length: to - from }, (_, i) => eventOf(from + i)).join('')
/** Partition 0: a row of 1,200 events in two frames, at the second 10, and one event at 20. Partition 1: nothing. */
const rows = [
  { offset: 0, count: 1200, at: 10_000, data: joinFrames([frame(textOf(0, 700)), frame(textOf(700, 1200))]) },
  { offset: 1200, count: 1, at: 20_000, data: frame(textOf(1200, 1201)) },
]
const LOG = {
  getByName: (partition) => ({
    offsetAt: async (time) => (partition === '1' ? 0 : (rows.find(({ at }) => at >= time)?.offset ?? 1201)),
    read: async (from) => partition === '1' ? { chunks: [], head: 0 } : { chunks: rows.filter(({ offset, count }) => offset + count > from), head: 1201 },
  }),
}
/** Newest first. Of another transform of the source, and of another source, too. */
const letters = Array.from({ length: 520 }, (_, i) => 520 - i).map((number) => ({
  id: '@edge:0:' + number, target: '@edge', stage: 'transform', source: number % 10 === 0 ? 'app' : 'web', key: 'ada', messageId: 'sent-' + number,
  receivedAt: '2026-11-22T10:00:00.500Z', at: number * 1000, edited: false, attempts: [], code: 'transform_failed', reason: 'no plan',
  event: { type: 'track', event: 'Order Completed', messageId: 'sent-' + number, userId: 'ada', properties: { total: number } },
}))
const LANE = {
  getByName: (name) => ({
    letters: async (ref, { limit, before = Infinity, stage }) =>
      letters.filter(({ id, stage: own }) => id.startsWith(name + ':') && own === stage && Number(id.split(':')[2]) < before).slice(0, limit),
  }),
}
const app = new Hono().route('/admin', admin)
export default {
  fetch(request, env) {
    const resolved = resolveConfig(() => ({
      stream: log({ partitions: 2 }),
      admin: { token: '${adminToken}' },
      sources: { web: { writeKey: 'of-the-web', transforms: env.ISOLATES === undefined ? [] : [first, plan.isolated({ credentials: { plan: 'pro' } })] }, app: { writeKey: 'of-the-app' }, shop: { writeKey: 'of-the-shop', transforms: [total.inline] } },
      limits: { userCodeMs: 300 },
    }), {})
    const bindings = { LOG, LANE, ASSETS: env.ASSETS }
    return app.fetch(request, { resolved, bindings, port: { now: Date.now, log: (...given) => console.log(JSON.stringify(given)) } })
  },
}`

beforeAll(async () => {
  mkdirSync(join(root, 'transforms/libraries'), { recursive: true })
  writeFileSync(join(root, 'transforms/plan.js'), deployed)
  writeFileSync(join(root, 'transforms/total.js'), inlined)
  symlinkSync(join(home, 'node_modules'), join(root, 'node_modules'))
  for (const [file, text] of Object.entries(libraries)) writeFileSync(join(root, 'transforms/libraries', file), text)
  const assets = join(root, 'dist/assets')
  await buildTransforms({ root, home, assets, say: () => undefined })
  const ASSETS = (request: Request) => {
    const file = join(assets, new URL(request.url).pathname)
    return existsSync(file) ? new Response(readFileSync(file)) : new Response(null, { status: 404 })
  }
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
  const common = {
    compatibilityDate: '2026-10-01',
    compatibilityFlags: ['nodejs_compat'],
    modules,
    serviceBindings: { ASSETS },
  }
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

  test('code imports what is built in, and libraries of the deployment by their handle', async () => {
    const code = `
import { md5 } from '@rs/hash/v1'
import { UAParser } from '@rs/userAgentParser/v1'
import { withTax, short } from 'myTaxes'
import { rateOf } from 'rates'
export function transformEvent(event) {
  const { name } = new UAParser(event.context.userAgent).getBrowser()
  return { ...event, properties: { total: withTax(10, { rate: rateOf(event) }), id: md5(event.userId), name, short: short('ada') } }
}`
    const userAgent = 'Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0'
    const request = {
      ...withCode(code),
      events: [
        order('order-1', { context: { userAgent } }),
        order('order-2', { context: { userAgent }, userId: 'high' }),
      ],
      libraryVersionIDs: ['myTaxes'],
      libraries: [
        {
          handleName: 'rates',
          code: `import { short } from 'myTaxes'
export const rateOf = ({ userId }) => userId === 'high' ? short('x') : 0.5`,
        },
      ],
    }
    const { body } = await post('/test', request)
    expect(body['transformedEvents']).toMatchObject([
      { properties: { total: 15, id: '8c8d357b5e872bbacd45197626bd5759', name: 'Firefox', short: expect.any(Number) } },
      {
        error: expect.stringMatching(
          /^Error: a rate is below 1\n {4}at withTax \(transforms\/libraries\/my-taxes\.ts:4:23\)\n {4}at transformEvent \(base transformation:8:\d+\)$/,
        ),
      },
    ])
    expect(await post('/test', { ...request, libraryVersionIDs: ['1wXbZ'] })).toMatchObject({
      status: 400,
      body: {
        error: expect.stringContaining('No library of the deployment is called "1wXbZ"; there are brokenOne, myTaxes.'),
      },
    })
  })

  test('an import that leads nowhere is 400, and says what to do', async () => {
    const says = async (line: string, more: object = {}) =>
      (await post('/test', withCode(`${line}\nexport const transformEvent = (event) => event`, more))).body['error']
    expect(await says(`import { chunk } from 'lodash'`)).toMatch(
      /^import from lodash failed\. Module not found\. .*A package of npm must be bundled into it: npm run transforms/,
    )
    expect(await says(`import { a } from '@rs/geo/v1'`)).toMatch(
      /^import from @rs\/geo\/v1 failed\. Module not found\. Built in are @rs\/encrypt\/v1, .*@rs\/hash\/v1/,
    )
    expect(
      (await post('/test', withCode(`import 'brokenOne'\nexport const transformEvent = (event) => event`))).body[
        'transformedEvents'
      ],
    ).toEqual([{ error: expect.stringMatching(/transforms\/libraries\/broken-one\.ts does not build: .*:1:20/) }])
  })

  test('code in Python runs, with libraries of the call and of the deployment', async () => {
    const code = `
import hashlib
from myHelpers import total
import rates

def transformEvent(event, metadata):
    log(event["event"], metadata(event)["sourceId"])
    if event["messageId"] == "order-2":
        return None
    if event["messageId"] == "order-3":
        return rates.of(event)
    return {**event, "properties": {"total": total(event), "id": hashlib.md5(event["userId"].encode()).hexdigest(), "key": getCredential("key"), "name": event["userId"].title()}}
`
    const { status, body } = await post('/test', {
      events: ['order-1', 'order-2', 'order-3'].map((id) => ({
        ...order(id, { properties: { total: 21 } }),
        metadata: { sourceId: 'shop' },
      })),
      trRevCode: { code, codeVersion: '1', language: 'pythonfaas', name: 'score' },
      libraries: [{ handleName: 'rates', code: 'def of(event):\n    raise ValueError("no rate")\n' }],
      libraryVersionIDs: ['myHelpers'],
      credentials: [{ key: 'key', value: 'secret of the test' }],
    })
    expect([status, body['transformedEvents']]).toMatchObject([
      200,
      [
        {
          messageId: 'order-1',
          properties: { total: 42, id: '8c8d357b5e872bbacd45197626bd5759', key: 'secret of the test', name: 'Ada' },
        },
        {
          error:
            'Traceback (most recent call last):\n  File "score", line 11, in transformEvent\n  File "library rates", line 2, in of\nValueError: no rate',
        },
      ],
    ])
    expect((body['logs'] as string[])[0]).toBe('Log: Order Completed shop')
  })

  test('code in Python that cannot run at all is 400 with the reason', async () => {
    const says = async (code: string) => {
      const answer = await post('/test', withCode(code, { language: 'python' }))
      return [answer.status, answer.body['error']]
    }
    const plain = 'def transformEvent(event, metadata):\n    return event\n'
    expect(await says(`import pandas\n${plain}`)).toEqual([
      400,
      expect.stringMatching(/^import from pandas failed\. Module not found\. .*docs\/transforms-python\.md/),
    ])
    expect(await says('def transformEvent(event, metadata)\n    return event\n')).toEqual([
      400,
      expect.stringContaining('File "base transformation", line 1\nSyntaxError'),
    ])
    expect(await says('def transform(event):\n    return event\n')).toEqual([
      400,
      'Expected one of transformEvent,transformBatch. Found none',
    ])
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
      expect.stringMatching(/^import from notThere failed\. Module not found\./),
    ])
    expect(await says(withCode('export const transformEvent = (event: Event) => event'))).toEqual([
      400,
      expect.stringMatching(/^SyntaxError: .*\n\s+at base transformation:1:36$/),
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

  test('what a batch becomes is in the order in which the code gave it, in the answer of each of the two', async () => {
    const code = `export const transformBatch = (events) => [...events.toReversed(), { type: 'track', messageId: 'sum' }]`
    const events = ['order-1', 'order-2', 'order-3'].map((id) => order(id))
    const { body } = await post('/test', { ...withCode(code.replace('toReversed()', 'slice(1).toReversed()')), events })
    expect((body['transformedEvents'] as { messageId: string }[]).map(({ messageId }) => messageId)).toEqual([
      'order-3',
      'order-2',
      'sum',
    ])
    const ran = await post('/testRun', {
      input: events,
      codeRevision: { code, codeVersion: '1', language: 'javascript' },
    })
    const ids = (ran.body['transformedEvents'] as { transformedEvent?: { messageId: string } }[]).map(
      (one) => one.transformedEvent?.messageId,
    )
    expect(ids).toEqual(['order-3', 'order-2', 'order-1', 'sum'])
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
    body: { message: 'No transform of the config is called "score"; there are first, plan, total.' },
  })
})

test('a deployed transform that runs in the Worker, built or plain, is tested there by its name', async () => {
  const inline = await post('/total/test', {
    events: [order('order-1', { properties: { price: 21 } }), order('order-2')],
  })
  expect(inline).toMatchObject({
    status: 200,
    body: {
      transformedEvents: [
        {
          transformedEvent: { messageId: 'order-1', properties: { total: 42, of: 'total' } },
          metadata: { messageId: 'order-1' },
        },
        { error: expect.stringContaining('Error: no price'), metadata: { messageId: 'order-2' } },
      ],
      logs: [],
    },
  })
  const plain = await post('/first/test', { events: [order('sent-1'), order('sent-2')] })
  expect(plain.body['transformedEvents']).toMatchObject([
    { transformedEvent: { messageId: 'sent-1', context: { first: true } } },
  ])
})

describe('the limits of a test', () => {
  const same = 'export const transformEvent = (event) => event'
  const says = async (path: string, body: object) => {
    const answer = await post(path, body)
    return [answer.status, answer.body['code'], answer.body['message']]
  }

  test('code and libraries have together at most a million characters', async () => {
    const filled = (length: number) => `${same} //${'x'.repeat(length - same.length - 3)}`
    const library = { handleName: 'long', code: 'y'.repeat(400_000) }
    expect((await post('/test', withCode(filled(1_000_000)))).status).toBe(200)
    const tooLong = [413, 'body_too_large', 'Code and libraries may have 1000000 characters, not 1000001.']
    expect(await says('/test', withCode(filled(1_000_001)))).toEqual(tooLong)
    expect(await says('/test', { ...withCode(filled(600_001)), libraries: [library] })).toEqual(tooLong)
  })

  test('a call brings at most a thousand events, to code of its own and to a deployed transform', async () => {
    const events = (count: number) => Array.from({ length: count }, (_, i) => order(`order-${i}`))
    const tooMany = [400, 'bad_request', 'At most 1000 events at once, not 1001']
    expect((await post('/test', { ...withCode(same), events: events(1_000) })).body['transformedEvents']).toHaveLength(
      1_000,
    )
    expect(await says('/test', { ...withCode(same), events: events(1_001) })).toEqual(tooMany)
    expect(await says('/first/test', { events: events(1_001) })).toEqual(tooMany)
  })

  test('a body that is larger than those of the edge is refused before it is read', async () => {
    const large = 'x'.repeat(4 * 1024 * 1024)
    expect(await says('/test', withCode(same, { name: large }))).toEqual([
      413,
      'body_too_large',
      expect.stringMatching(/^The body may have at most \d+ bytes\.$/),
    ])
  })

  test('an answer has at most eight million characters, and what made too much is told to test with fewer events', async () => {
    const grows = `export const transformEvent = (event) => [1, 2, 3].map(() => ({ ...event, properties: { text: 'x'.repeat(900_000) } }))`
    const events = [order('order-1'), order('order-2'), order('order-3')]
    expect((await post('/test', { ...withCode(grows), events: events.slice(0, 2) })).status).toBe(200)
    expect(await says('/test', { ...withCode(grows), events })).toEqual([
      413,
      'body_too_large',
      expect.stringMatching(/^The answer would have 81\d{5} characters, of at most 8000000: test with fewer events\.$/),
    ])
  })
})

describe('the diff of a working copy', () => {
  type Compared = Record<'deployed' | 'copy', { events?: Record<string, unknown>[]; error?: { message: string } }>
  interface Page {
    readonly deployed: unknown
    readonly read: number
    readonly compared: number
    readonly unchanged: number
    readonly events: readonly (Compared & { readonly offset: number; readonly messageId: string })[]
    readonly cursor: string | null
  }

  /** All pages, each from the cursor of the one before. */
  async function diff(name: string, body: object): Promise<Page[]> {
    const pages: Page[] = []
    let cursor: string | null | undefined
    while (cursor !== null) {
      const answer = await post(`/${name}/diff`, { ...body, ...(cursor === undefined ? {} : { cursor }) })
      expect(answer.body).not.toHaveProperty('message')
      const page = answer.body as unknown as Page
      pages.push(page)
      ;({ cursor } = page)
    }
    return pages
  }

  const copy = `
    export function transformEvent(event, metadata) {
      if (event.messageId === 'order-3') throw new Error('no total in ' + metadata(event).sourceName)
      event.properties = { ...event.properties, plan: event.messageId === 'order-600' ? 'free' : 'pro' }
      return event
    }`

  test('both versions run over the events of their source, at most 500 a call, through all partitions', async () => {
    const pages = await diff('plan', { code: copy })
    expect(pages.map(({ read, compared, cursor }) => [read, compared, cursor])).toEqual([
      [505, 500, '0:505'],
      [505, 500, '0:1010'],
      [191, 189, '1:0'],
      [0, 0, 'letters'],
      [500, 450, 'letters:21'],
      [20, 17, null],
    ])
    expect(pages[0]?.deployed).toEqual([{ kind: 'source', name: 'web' }])
    const differing = pages.flatMap(({ events }) => events)
    expect(differing).toMatchObject([
      {
        offset: 3,
        messageId: 'order-3',
        source: 'web',
        deployed: { events: [{ properties: { plan: 'pro' } }] },
        copy: { error: { message: 'no total in web', stack: expect.stringContaining('user.js:3') } },
      },
      { offset: 7, event: 'Debug Ping', deployed: { events: [] }, copy: { events: [{ messageId: 'order-7' }] } },
      {
        offset: 600,
        deployed: { events: [{ properties: { total: 600, plan: 'pro' } }] },
        copy: { events: [{ properties: { total: 600, plan: 'free' } }] },
      },
    ])
    expect(pages.reduce((sum, { unchanged }) => sum + unchanged, 0)).toBe(1_189 - 3 + 467)
  })

  test('dead letters of a source are compared as they were sent, after the transforms that stand before it', async () => {
    const code = `
      export function transformEvent(event) {
        event.properties = { ...event.properties, plan: event.context.first && event.messageId !== 'sent-519' ? 'pro' : 'none' }
        return event.messageId === 'sent-1' ? null : event
      }`
    const begin = { code, source: 'web', cursor: 'letters', from: '1970-01-01T00:00:00Z' }
    const [newest] = await diff('plan', { ...begin, to: '1970-01-01T00:08:40Z' })
    expect(newest).toMatchObject({
      progress: { letters: 500 },
      events: [
        {
          letter: '@edge:0:519',
          messageId: 'sent-519',
          source: 'web',
          place: 'web',
          deployed: { events: [{ properties: { total: 519, plan: 'pro' }, context: { first: true } }] },
          copy: { events: [{ properties: { total: 519, plan: 'none' } }] },
        },
      ],
    })
    const oldest = await diff('plan', { ...begin, cursor: 'letters:21' })
    expect(oldest).toMatchObject([
      { compared: 17, events: [{ messageId: 'sent-1', copy: { events: [] } }], cursor: null },
    ])
    const since = await diff('plan', { ...begin, from: '1970-01-01T00:08:38Z' })
    expect(since).toMatchObject([{ compared: 2, cursor: null }])
  })

  test('an answer with dead letters that would be too long is cut between them', async () => {
    const code = 'export const transformEvent = (event) => ({ ...event, properties: { text: "x".repeat(22_000) } })'
    const pages = await diff('plan', { code, source: 'web', cursor: 'letters' })
    const ids = pages.flatMap(({ events }) => events.map(({ messageId }) => messageId))
    expect([ids.length, new Set(ids).size]).toEqual([467, 467])
    for (const page of pages) expect(JSON.stringify(page).length).toBeLessThan(8_100_000)
  })

  test('the events themselves are compared where no such transform is deployed, and only those of a time and a source', async () => {
    const code = 'export const transformEvent = (event) => event.messageId === "order-1200" ? null : event'
    const later = await diff('gift-wrap', { code, from: '1970-01-01T00:00:11Z' })
    expect(later[0]).toMatchObject({
      deployed: [],
      compared: 1,
      events: [{ messageId: 'order-1200', deployed: { events: [{ event: 'Order Completed' }] }, copy: { events: [] } }],
    })
    const earlier = await diff('gift-wrap', { code, to: '1970-01-01T00:00:11Z', source: 'app' })
    expect(earlier.map(({ compared, unchanged }) => [compared, unchanged])).toEqual([
      [12, 12],
      [0, 0],
    ])
  })

  test('an answer that would be too long is cut, and the next one goes on with the rest', async () => {
    const code =
      'export const transformEvent = (event) => ({ ...event, properties: { text: "x".repeat(event.messageId < "order-2" ? 50_000 : 1) } })'
    const pages = await diff('gift-wrap', { code, source: 'web' })
    expect(pages.length).toBeGreaterThan(4)
    const ids = pages.flatMap(({ events }) => events.map(({ messageId }) => messageId))
    expect([ids.length, new Set(ids).size]).toEqual([1_189, 1_189])
    for (const page of pages) expect(JSON.stringify(page).length).toBeLessThan(8_100_000)
  })

  test('code that cannot run at all is 400 with the reason', async () => {
    const { status, body } = await post('/plan/diff', { code: 'export const both = 1' })
    expect([status, body['message']]).toEqual([400, expect.stringContaining('Expected one of transformEvent')])
  })
})
