// What docs/isolation.md says of hostile code, in the real runtime: what it reads, reaches, changes and uses up.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import type { TransformRun } from '../../src/transforms/run.ts'
import { type ContractCall, type ContractWorker, seenInPlaces, startContract } from '../support/contract.ts'

const platform = `const platform = (name) => import(['cloudflare', name].join(':'))
const node = (name) => import(['node', name].join(':'))
const caught = async (work) => { try { return await work() } catch (e) { return { refused: String(e?.message ?? e) } } }
`
const code: Readonly<Record<string, string>> = {
  'reads.js': `${platform}
const reads = {
  environment: async () => Object.keys((await platform('workers')).env).toSorted(),
  exports: async () => Object.keys((await platform('workers')).exports).toSorted(),
  files: async () => { const fs = await node('fs'); return fs.readdirSync('/bundle').toSorted() },
  processes: async () => { const { execSync } = await node('child_process'); return String(execSync('id')) },
  'code from text': () => new Function('return 1')(),
}
export const transformEvent = async (event) => ({ ...event, properties: { answer: await caught(reads[event.properties.reads]) } })
`,
  // Each way to the network that the runtime has beside the fetch that RudderStack gives.
  'reaches.js': `${platform}
const ways = {
  'the fetch of the platform': async (url) => (await Object.getPrototypeOf(globalThis).fetch.call(globalThis, url)).text(),
  'fetchV2': async (url) => (await fetchV2(url)).body,
  WebSocket: (url) => new Promise((resolve, reject) => {
    const socket = new WebSocket(url.replace('http', 'ws'))
    socket.onopen = () => resolve('open')
    socket.onerror = (e) => reject(new Error(e.message))
  }),
  EventSource: (url) => new Promise((resolve, reject) => {
    const source = new EventSource(url)
    source.onopen = () => resolve('open')
    source.onerror = (e) => { source.close(); reject(new Error('error')) }
  }),
  'node:http': async (url) => {
    const { get } = await node('http')
    return new Promise((resolve, reject) => get(url, (r) => resolve(String(r.statusCode))).on('error', reject))
  },
  'node:net': async (url) => {
    const { connect } = await node('net')
    return new Promise((resolve, reject) => connect(new URL(url).port, '127.0.0.1', () => resolve('open')).on('error', reject))
  },
  'cloudflare:sockets': async (url) => {
    const socket = (await platform('sockets')).connect(new URL(url).host)
    await socket.opened
    return 'open'
  },
}
export const transformEvent = async (event) => {
  const { way, url } = event.properties
  return { ...event, properties: { answer: await caught(() => ways[way](url)) } }
}
`,
  'marks.js': `
const seen = []
export function transformEvent(event) {
  const { does } = event.properties
  if (does === 'spoil') { Object.prototype.spoiled = 'yes'; globalThis.spoiled = 'yes' }
  if (does === 'mend') { delete Object.prototype.spoiled; delete globalThis.spoiled }
  seen.push(event.userId)
  return { ...event, properties: { seen: [...seen], own: ({}).spoiled ?? 'no', global: globalThis.spoiled ?? 'no' } }
}
`,
  'looks.js': `
export const transformEvent = (event) => ({ ...event, properties: { own: ({}).spoiled ?? 'no', global: globalThis.spoiled ?? 'no' } })
`,
  'keeps.js': `
export function transformEvent(event) {
  setTimeout(() => { event.properties.plan = 'changed later' }, 0)
  return event
}
`,
  'waits.js': `
export async function transformEvent(event) {
  await new Promise((resolve) => setTimeout(resolve, 20))
  return event
}
`,
  // What it does to the code that answers for it.
  'breaks.js': `${platform}
const harness = './harness.js'
const does = {
  'throws in our code': () => { Array.prototype.map = () => { throw new Error('poisoned') } },
  'says nothing': async (event) => { (await import(harness)).default.prototype.run = () => undefined },
  'forgets events': async () => { (await import(harness)).default.prototype.run = () => '{"events":[],"from":[],"dropped":[],"failed":[]}' },
  'answers for others': async () => { (await import(harness)).default.prototype.run = () => '{"events":[{"messageId":"a"}],"from":[99],"dropped":[-1],"failed":[]}' },
  'answers with no JSON': async () => { (await import(harness)).default.prototype.run = () => '{"events":[' },
  'answers with functions': async () => { (await import(harness)).default.prototype.run = () => ({ events: () => 1, dropped: [() => 1], failed: [{ from: () => 0 }] }) },
  'never answers': async () => { (await import(harness)).default.prototype.run = () => new Promise(() => setInterval(() => 1, 50)) },
  'has no timers': () => { globalThis.setTimeout = () => 0; return new Promise(() => {}) },
  exits: () => process.exit(1),
  aborts: async () => (await platform('workers')).abortIsolate('by the user'),
  recurses: function again(event) { return again(event) },
  'throws much': () => { throw new Error('x'.repeat(5_000_000)) },
  'returns much': () => 'x'.repeat(34_000_000),
}
export async function transformEvent(event) {
  const { does: what } = event.properties
  const answer = what === undefined ? undefined : await does[what](event)
  return { ...event, properties: { answer } }
}
`,
}

let worker: ContractWorker
let port: number
/** Paths that were asked for, on this machine. */
let asked: string[] = []
const server = createServer((request, response) => {
  const { url: path = '' } = request
  asked.push(path)
  if (path === '/redirect') response.writeHead(302, { location: `http://localhost:${port}/secret` }).end()
  else response.end('secret')
})
server.on('connection', () => asked.push('connection'))
beforeAll(async () => {
  worker = await startContract(code, ['looks'])
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  port = (server.address() as AddressInfo).port
})
beforeEach(() => {
  asked = []
})
afterAll(async () => {
  await worker?.stop()
  server.close()
})

const order = (properties: Record<string, unknown>, messageId = 'order-1843'): Event => ({
  type: 'track',
  event: 'Order Completed',
  messageId,
  userId: 'ada',
  properties,
})
const run = (
  transform: string,
  events: readonly Event[],
  more: Partial<Omit<ContractCall, 'transforms' | 'events'>> = {},
): Promise<TransformRun> => worker.run({ transforms: [transform], way: 'isolated', events, ...more })
const answerOf = async (...args: Parameters<typeof run>): Promise<unknown> => {
  const ran = await run(...args)
  expect(ran.failed).toEqual([])
  return ran.events[0]?.event.properties?.['answer']
}

describe('what code reads', () => {
  test.each([
    ['environment', ['credentials', 'logs', 'rules'], ['ISOLATES']],
    ['exports', ['default'], ['TransformFetch', 'default']],
    ['files', ['harness.js', 'user.js'], ['index.js', 'micropython.wasm']],
  ])('%s: isolated those of its own isolate, inline those of the Worker', async (reads, isolated, inline) => {
    const events = [order({ reads })]
    expect(await answerOf('reads', events)).toEqual(isolated)
    expect(await answerOf('reads', events, { way: 'inline' })).toEqual(inline)
  })

  test.each(['processes', 'code from text'])('%s: none, isolated and inline', async (reads) => {
    for (const way of ['isolated', 'inline'] as const)
      expect(await answerOf('reads', [order({ reads })], { way })).toEqual({ refused: expect.any(String) })
  })
})

describe('what code reaches', () => {
  const ways = [
    'the fetch of the platform',
    'fetchV2',
    'WebSocket',
    'EventSource',
    'node:http',
    'node:net',
    'cloudflare:sockets',
  ]
  const reach = (way: string, path: string, options?: Record<string, unknown>) =>
    answerOf(
      'reaches',
      [order({ way, url: `http://127.0.0.1:${port}${path}` })],
      options === undefined ? {} : { options },
    )

  test.each(ways)('isolated code without hosts reaches nothing on this machine by %s', async (way) => {
    expect(await reach(way, '/secret')).toEqual({ refused: expect.any(String) })
    expect(asked).toEqual([])
  })

  test.each(ways)(
    'isolated code that may ask one host, or each public one, reaches no private address by %s',
    async (way) => {
      for (const fetch of [['api.example.com'], ['*'], ['127.0.0.1']])
        expect(await reach(way, '/secret', { fetch })).toEqual({ refused: expect.any(String) })
      expect(asked).toEqual([])
    },
  )

  test('isolated code is not led to another host by a redirect, whichever fetch it uses', async () => {
    for (const way of ['the fetch of the platform', 'fetchV2']) {
      const options = { fetch: ['127.0.0.1'], allowPrivate: true }
      expect(await reach(way, '/redirect', options)).toEqual({ refused: expect.any(String) })
      // It reaches the host that is named, so that it was the redirect that was refused.
      expect(await reach(way, '/named', options)).toBe('secret')
    }
    expect(asked.filter((path) => path !== 'connection')).toEqual(['/redirect', '/named', '/redirect', '/named'])
  })

  test('inline code can go around the rules: what fetchV2 refuses, the fetch of the platform reaches', async () => {
    const url = `http://127.0.0.1:${port}/secret`
    const by = (way: string) => answerOf('reaches', [order({ way, url })], { way: 'inline' })
    expect(await by('fetchV2')).toEqual({ refused: expect.stringContaining('127.0.0.1 is loopback') })
    expect(asked).toEqual([])
    expect(await by('the fetch of the platform')).toBe('secret')
  })
})

describe('what code changes and sees of others', () => {
  const spoiled = async (way: 'inline' | 'isolated') => {
    const of = (ran: TransformRun) =>
      ran.events.map(({ event }) => [event.properties?.['own'], event.properties?.['global']])
    const own = of(await run('marks', [order({ does: 'spoil' })], { way }))
    const others = {
      isolated: of(await run('looks', [order({})])),
      inline: of(await run('looks', [order({})], { way: 'inline' })),
      plain: of(await run('looks', [order({})], { way: 'plain' })),
      'another place': of(await run('marks', [order({})], { way, destination: 'mail' })),
    }
    await run('marks', [order({ does: 'mend' })], { way })
    return { own, others }
  }
  const [yes, no] = [[['yes', 'yes']], [['no', 'no']]]

  test('isolated code changes its own globals and prototypes, and those of nobody else', async () => {
    expect(await spoiled('isolated')).toEqual({
      own: yes,
      others: { isolated: no, inline: no, plain: no, 'another place': no },
    })
  })

  test('inline code changes those of the whole Worker, and of no isolate', async () => {
    expect(await spoiled('inline')).toEqual({
      own: yes,
      others: { isolated: no, inline: yes, plain: yes, 'another place': yes },
    })
  })

  test('isolated code remembers events of its own source or destination alone; inline code those of others, too', async () => {
    const [shop, app, target] = ['shop null', 'app null', 'shop shop']
    expect(await seenInPlaces(worker, 'isolated')).toEqual([[shop], [app], [target], [shop, shop]])
    expect((await seenInPlaces(worker, 'inline')).at(-1)).toEqual(expect.arrayContaining([shop, app, target]))
  })

  test.each(['inline', 'isolated'] as const)(
    '%s: an event that code keeps and changes later is not the one that goes on',
    async (way) => {
      const { events } = await worker.run({ transforms: ['keeps', 'waits'], way, events: [order({ plan: 'pro' })] })
      expect(events.map(({ event }) => event.properties)).toEqual([{ plan: 'pro' }])
    },
  )
})

describe('what becomes of events where isolated code breaks or uses up its isolate', () => {
  const unsaid = 'the isolate did not say what became of this event'
  const breaks = (does: string, more: Partial<ContractCall> = {}) =>
    run('breaks', [order({}, 'a'), order({ does }, 'b'), order({}, 'c')], {
      destination: does,
      userCodeMs: 200,
      ...more,
    })

  test.each([
    ['exits', 'The Node.js process.exit(1) API was called'],
    ['recurses', 'Maximum call stack size exceeded'],
    ['throws much', 'x'.repeat(4_000)],
    ['returns much', 'limited to 32MiB'],
    ['has no timers', 'hung'],
  ])('an event at which it %s fails alone', async (does, message) => {
    const { events, dropped, failed } = await breaks(does)
    expect(events.map(({ event }) => event.messageId)).toEqual(['a', 'c'])
    expect(dropped).toEqual([])
    expect(failed.map(({ index, error }) => [index, error.message.length <= 4_000])).toEqual([[1, true]])
    expect(failed[0]?.error.message).toContain(message)
  })

  test.each([
    ['throws in our code', 'poisoned'],
    ['says nothing', unsaid],
    ['forgets events', unsaid],
    ['answers for others', unsaid],
    ['answers with no JSON', unsaid],
    ['answers with functions', ''],
    ['never answers', 'the isolate of breaks did not settle within 2201 ms'],
  ])('code that %s loses no event of its place: each of them fails, and says why', async (does, message) => {
    const options = { cpuMs: 1 }
    await breaks(does, { options })
    const { events, dropped, failed } = await breaks(does, { options })
    expect([events, dropped]).toEqual([[], []])
    expect(failed.map(({ index }) => index).toSorted()).toEqual([0, 1, 2])
    for (const { transform, error } of failed) {
      expect(transform).toBe('breaks')
      expect(error.message).toContain(message)
    }
  })

  test('nobody else is harmed: the same code at another place, and other code, go on', async () => {
    for (const does of ['throws in our code', 'says nothing', 'exits', 'aborts']) await breaks(does)
    const fine = await run('breaks', [order({})], { destination: 'mail' })
    expect(fine.events).toHaveLength(1)
    expect((await run('looks', [order({})])).events).toHaveLength(1)
  })
})
