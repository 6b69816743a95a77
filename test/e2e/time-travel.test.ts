// `npm run transforms -- diff` against what `npm start` serves: it says what a change would have done, and changes nothing.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { repository } from '../../scripts/build/repository.ts'
import { diffTransform } from '../../scripts/transforms/diff.ts'
import type { LogStatus } from '../../src/core/bindings.ts'
import { serveWithSinks } from '../support/serve-with-sinks.ts'
import { basic, type Server } from '../support/server.ts'
import type { Sink } from '../support/sink.ts'
import { until } from '../support/until.ts'

let server: Server
let sink: Sink
serveWithSinks({ config: 'time-travel.config.ts', sinks: { SINK: 'sink' } }, (served) => {
  ;({ server } = served)
  ;({ sink } = served.sinks)
})

const root = mkdtempSync(join(tmpdir(), 'time-travel-'))
const builds = join(root, 'builds')
const memory = join(builds, 'transforms-diff/euros.json')
afterAll(() => rmSync(root, { recursive: true }))

beforeAll(async () => {
  mkdirSync(join(root, 'transforms/libraries'), { recursive: true })
  writeFileSync(join(root, 'transforms/libraries/money.ts'), 'export const euros = (cents: number) => cents / 100\n')
  symlinkSync(join(repository.home, 'node_modules'), join(root, 'node_modules'))
  const events = Array.from({ length: 12 }, (_, i) => ({
    type: 'track',
    event: 'Order Completed',
    messageId: `order-${i}`,
    userId: `user-${i}`,
    properties: { cents: 1000 + i },
  }))
  await server.post('/v1/batch', { batch: events.slice(0, 10) })
  const sent = { ...events[0], messageId: 'order-12', properties: { cents: 'unknown' } }
  await server.post('/v1/batch', { batch: [sent] })
  await server.post('/v1/batch', { batch: events.slice(10) }, { headers: { authorization: basic('key-of-the-app') } })
  await until('all events are delivered', async () => sink.ids.size === 12)
})

/** Everything that would move if something were written or delivered. */
async function world() {
  const { log } = await server.admin<{ log: LogStatus[] }>('/log')
  const { lanes } = await server.admin<{ lanes: { target: string; depth: number; counters: object }[] }>('/lanes')
  return {
    heads: log.map(({ head }) => head),
    received: sink.received.length,
    lanes: lanes.map(({ target, depth, counters }) => ({ target, depth, counters })),
    letters: await server.deadLetters(),
  }
}

async function diff(...argv: string[]) {
  const said: string[] = []
  const told: string[] = []
  const code = await diffTransform({
    home: repository.home,
    root,
    builds,
    argv: [...argv, '--url', server.url],
    say: (text) => said.push(text),
    tell: (line) => told.push(line),
    env: { ADMIN_TOKEN: server.adminToken },
  })
  expect(code).toBe(0)
  return { said: said.join('\n'), told }
}

test('a change of a transform of a source is told over its kept events, and nothing is written or delivered', async () => {
  writeFileSync(
    join(root, 'transforms/euros.ts'),
    `import { euros } from 'money'
export function transformEvent(event: { messageId: string; properties: { cents: number; total?: number } }) {
  const { messageId, properties } = event
  if (messageId === 'order-1') return null
  if (messageId === 'order-2') return [event, { ...event }]
  if (messageId === 'order-3') throw new Error('order-3 has no currency')
  if (messageId === 'order-4') return { ...event, properties: { ...properties, total: euros(properties.cents) + 1, vat: 19 } }
  return event
}
`,
  )
  const before = await world()
  expect(before.heads.every((head) => head > 0)).toBe(true)
  const { said, told } = await diff('euros', '--from', '1h', '--source', 'web')
  expect(said).toContain('5 of 11 events of the source `web` that were kept between')
  for (const line of [
    '| unchanged | 6 | the same comes out, or nothing in both |',
    '| changed | 1 | fields are not the same |',
    '| dropped | 1 | the working copy drops it |',
    '| multiplied | 1 | another number of events comes out |',
    '| restored | 1 | the deployed version drops it or fails at it, the working copy does not |',
    '| failed | 1 | the working copy throws |',
    '| `properties.total` | `Order Completed` `order-4` | `10.04` | `11.04` |',
    '| `properties.vat` | `Order Completed` `order-4` | – | `19` |',
    '| `order-3 has no currency` | 1 | 0 | `Order Completed` `order-3` |',
    '    at transformEvent (transforms/euros.ts:6:',
    '- Of `web`, the log has events as the deployed transforms of the source left them.',
    '- Dead letters of `web` among these events: 1. Both versions got them as they were sent',
  ])
    expect(said).toContain(line)
  expect(told.at(-2)).toMatch(/^Partition 2 of 2, offset \d+ of \d+: 10 events compared, 4 differ$/)
  expect(told.at(-1)).toBe('Dead letters, 1 read: 11 events compared, 5 differ')
  expect(existsSync(memory)).toBe(false)
  expect(await world()).toEqual(before)
})

test('a run that was interrupted goes on where it was, and comes to the same', async () => {
  const whole = JSON.parse((await diff('euros', '--json')).said)
  const { fetch: real } = globalThis
  let calls = 0
  const spy = vi
    .spyOn(globalThis, 'fetch')
    .mockImplementation(async (...given) =>
      ++calls === 1 ? real(...given) : Response.json({ message: 'the machine went to sleep' }, { status: 409 }),
    )
  await expect(diff('euros', '--json')).rejects.toThrow('the machine went to sleep')
  spy.mockRestore()
  expect(existsSync(memory)).toBe(true)
  const told: string[] = []
  const said: string[] = []
  const options = { home: repository.home, root, builds, env: { ADMIN_TOKEN: server.adminToken } }
  const tell = (line: string) => told.push(line)
  await diffTransform({ ...options, argv: ['euros', '--json', '--resume'], tell, say: (text) => said.push(text) })
  // One partition was left, and the dead letters.
  expect(told).toHaveLength(2)
  const { from: _, to: __, ...rest } = JSON.parse(said.join('')) as Record<string, unknown>
  expect(whole).toMatchObject(rest)
  expect(rest).toMatchObject({ compared: 11, letters: 1, counts: { unchanged: 6, restored: 1, failed: 1 } })
})

test('a run whose process is killed goes on where it was, and comes to the same', async () => {
  const whole = JSON.parse((await diff('euros', '--json')).said)
  let asked = 0
  let child: ChildProcess | undefined
  const between = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray())
    // The first page is kept; what asks for the second never gets it.
    if (++asked === 2) return void child?.kill('SIGKILL')
    const headers = { authorization: request.headers.authorization ?? '' }
    const answer = await fetch(`${server.url}${request.url}`, { method: 'POST', headers, body })
    response.writeHead(answer.status).end(await answer.text())
  })
  await once(between.listen(0, '127.0.0.1'), 'listening')
  const url = `http://127.0.0.1:${(between.address() as AddressInfo).port}`
  const options = { home: repository.home, root, builds, env: { ADMIN_TOKEN: server.adminToken } }
  const script = `import { diffTransform } from ${JSON.stringify(join(repository.home, 'scripts/transforms/diff.ts'))}
await diffTransform({ ...${JSON.stringify({ ...options, argv: ['euros', '--json', '--url', url] })}, say: console.log })`
  child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' })
  expect(await once(child, 'exit')).toEqual([null, 'SIGKILL'])
  const told: string[] = []
  const said: string[] = []
  const [tell, say] = [told, said].map((list) => (line: string) => void list.push(line)) as [() => void, () => void]
  await diffTransform({ ...options, argv: ['euros', '--json', '--resume'], tell, say })
  between.close()
  expect([asked, told.length, existsSync(memory)]).toEqual([4, 2, false])
  const { from: _, to: __, ...rest } = JSON.parse(said.join('')) as Record<string, unknown>
  expect(whole).toMatchObject(rest)
  expect(rest).toMatchObject({ compared: 11, letters: 1, counts: { unchanged: 6, restored: 1, failed: 1 } })
})

test('a change of a transform of a destination is told over what goes there, from all sources', async () => {
  writeFileSync(
    join(root, 'transforms/label.js'),
    `export const transformEvent = (event, metadata) =>
  ({ ...event, properties: { ...event.properties, label: metadata(event).sourceName === 'app' ? metadata(event).destinationName : 'shop' } })\n`,
  )
  const { said } = await diff('label', '--samples', '1')
  expect(said).toContain('2 of 12 events that were kept between')
  expect(said).toMatch(/\| `properties\.label` \| `Order Completed` `order-1[01]` \| `"shop"` \| `"sink"` \|/)
  expect(said).toContain('For `sink`, both versions got the events as the log has them.')
})

test('a transform that is made with settings is compared through a file that makes it', async () => {
  const made = join(repository.home, 'transforms/rename-events.ts')
  writeFileSync(
    join(root, 'transforms/renamed.ts'),
    `import { renameEvents } from '${made}'\nexport const { transformEvent } = renameEvents({ events: { 'Order Completed': 'Bought' } })\n`,
  )
  const { said } = await diff('renamed', '--deployed', 'label', '--samples', '1')
  expect(said).toContain('| `event` | 12 | 12 changed |')
  expect(said).toContain('| `properties.label` | 12 | 12 removed |')
  expect(said).toMatch(/\| `event` \| `Order Completed` `order-\d+` \| `"Order Completed"` \| `"Bought"` \|/)
})

test('a working copy is sent with what is built in and with packages of npm', async () => {
  writeFileSync(
    join(root, 'transforms/packages.js'),
    `import { md5 } from '@rs/hash/v1'
import bowser from 'bowser'
export const transformEvent = (event) => ({ ...event, properties: {
  ...event.properties, label: 'shop', id: md5('ada'), browser: bowser.parse('Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0').browser.name,
} })\n`,
  )
  const { said } = await diff('packages', '--deployed', 'label', '--samples', '1')
  expect(said).toMatch(
    /\| `properties\.id` \| `Order Completed` `order-\d+` \| – \| `"8c8d357b5e872bbacd45197626bd5759"` \|/,
  )
  expect(said).toMatch(/\| `properties\.browser` \| `Order Completed` `order-\d+` \| – \| `"Firefox"` \|/)
})

test('a working copy in Python is compared, with its libraries, and its causes have file and line', async () => {
  writeFileSync(
    join(root, 'transforms/libraries/my-labels.py'),
    'def label_of(event):\n    if event["messageId"] == "order-3":\n        raise ValueError("order-3 has no label")\n    return "shop"\n',
  )
  writeFileSync(
    join(root, 'transforms/label-py.py'),
    `from myLabels import label_of

def transformEvent(event, metadata):
    if event["messageId"] == "order-1":
        return None
    label = "app".title() if metadata(event)["sourceName"] == "app" else label_of(event)
    return {**event, "properties": {**event["properties"], "label": label}}
`,
  )
  const { said } = await diff('label-py', '--deployed', 'label')
  for (const line of [
    '4 of 12 events that were kept between',
    '| changed | 2 | fields are not the same |',
    '| dropped | 1 | the working copy drops it |',
    '| `ValueError: order-3 has no label` | 1 | 0 | `Order Completed` `order-3` |',
    '  File "transforms/label-py.py", line 6, in transformEvent\n  File "transforms/libraries/my-labels.py", line 3, in label_of\n',
  ])
    expect(said).toContain(line)
  expect(said).toMatch(/\| `properties\.label` \| `Order Completed` `order-1[01]` \| `"shop"` \| `"App"` \|/)
})

test.each([
  ['gone', '', 'There is no transforms/gone.ts, .js, .mjs or .py in'],
  ['snake.py', 'def transform(event): return event', 'transforms/snake.py defines neither transformEvent nor'],
  [
    'made.ts',
    `export { renameEvents } from '${join(repository.home, 'transforms/rename-events.ts')}'`,
    'exports neither transformEvent nor transformBatch',
  ],
  ['broken.ts', `export { a } from 'nowhere'`, 'transforms/broken.ts does not build: import from nowhere failed.'],
])('a working copy that cannot be compared is told: %s', async (file, content, message) => {
  if (content !== '') writeFileSync(join(root, 'transforms', file), content)
  await expect(diff(file.split('.')[0] ?? '')).rejects.toThrow(message)
})

test('a wrong command line is told, and so is a token that is wrong or missing', async () => {
  await expect(diff('euros', '--from', 'monday')).rejects.toThrow('--from must be like 7d, 12h, 30m')
  await expect(diff('euros', '--source', 'wbe')).rejects.toThrow('No source is called "wbe"; there are app, web.')
  await expect(diff('euros', '--resume')).rejects.toThrow('There is no run of euros that was interrupted')
  const options = { home: repository.home, root, builds, say: () => undefined, tell: () => undefined }
  const argv = ['euros', '--url', server.url]
  await expect(diffTransform({ ...options, argv, env: {} })).rejects.toThrow('is needed in the variable ADMIN_TOKEN')
  const env = { ADMIN_TOKEN: 'the-token-of-another-one' }
  await expect(diffTransform({ ...options, argv, env })).rejects.toThrow('refuses the admin token')
  await expect(diffTransform({ ...options, argv: ['euros'], env: {} })).rejects.toThrow('Nothing is served from')
})
