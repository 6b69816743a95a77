// A transform that never ends: `npm start` comes back by itself, everything else goes on, and its events are kept until it is mended.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { DeadLetter } from '../../src/core/dead-letter.ts'
import { Sink, sinkSecret } from '../support/sink.ts'
import { startAndFail, startServing, type Serving } from '../support/serving.ts'
import { until } from '../support/until.ts'

const config = `
  import { defineConfig } from 'sluiceway/config'
  import { webhook } from 'sluiceway/destinations/webhook'
  import { log } from 'sluiceway/streams/log'
  import * as score from './transforms/score.js'
  import * as tidy from './transforms/tidy.js'
  const sink = (url) => webhook({ url, secret: '${sinkSecret}', allowPrivate: true })
  export default defineConfig((env) => ({
    stream: log(),
    sources: {
      web: { writeKey: env.WRITE_KEY },
      app: { writeKey: 'app-key', transforms: [{ name: 'tidy', ...tidy }] },
    },
    destinations: {
      crm: { use: sink(env.CRM), transforms: [{ name: 'score', ...score }] },
      archive: { use: sink(env.ARCHIVE) },
    },
    admin: { token: env.ADMIN_TOKEN },
  }))`
const loopsAt = (event: string) => `
  export function transformEvent(event) {
    if (event.event === '${event}') for (;;);
    return { ...event, properties: { ...event.properties, scored: true } }
  }`

let folder: string
let crm: Sink
let archive: Sink
let serving: Serving

const start = async () =>
  (serving = await startServing({
    state: join(folder, 'state'),
    args: [
      '--config',
      join(folder, 'config.ts'),
      '--loop',
      '2',
      '--tick',
      '1',
      '--var',
      `CRM=${crm.url}`,
      '--var',
      `ARCHIVE=${archive.url}`,
    ],
  }))
const send = (names: readonly string[], prefix: string, writeKey = serving.ready.writeKey) =>
  fetch(`${serving.ready.url}/v1/batch`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${writeKey}:`)}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      batch: names.map((event, i) => ({ type: 'track', event, userId: `ada-${i}`, messageId: `${prefix}-${i}` })),
    }),
  })
/** What counts is the CPU that the runtime gets. */
const busy = { seconds: 90 }
/** As an SDK does: what was not answered is sent again. */
const post = (names: readonly string[], prefix: string, writeKey?: string) =>
  until('it is taken', async () => (await send(names, prefix, writeKey)).ok, busy)
const has = (sink: Sink, ...ids: string[]) =>
  until(`${ids[0]} has arrived`, () => ids.every((id) => sink.ids.has(id)), busy)
const said = (text: string) => until(`it says ${text}`, () => serving.stderr().includes(text), busy)

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluiceway-loops-'))
  mkdirSync(join(folder, 'transforms'))
  writeFileSync(join(folder, 'config.ts'), config)
  writeFileSync(join(folder, 'transforms/score.js'), loopsAt('Order Completed'))
  writeFileSync(join(folder, 'transforms/tidy.js'), loopsAt('Cart Viewed'))
  crm = await Sink.open()
  archive = await Sink.open()
  await start()
}, 120_000)
afterAll(async () => {
  await serving?.stop()
  await crm?.close()
  await archive?.close()
  rmSync(folder, { recursive: true, force: true })
})

test('npm start ends a transform that loops for ever, and keeps its events', async () => {
  // More than are watched one by one.
  await post(Array<string>(150).fill('Page Seen'), 'before')
  await has(crm, 'before-0', 'before-149')

  await post(['Order Completed', 'Page Seen'], 'order')
  await said('Which transform it was is not known')
  await said('The transform "score" (')
  expect(serving.stderr()).toContain('did not end. It is suspended until its code changes')

  await post(['Page Seen'], 'after')
  await has(archive, 'order-0', 'order-1', 'after-0')
  expect([...crm.ids].filter((id) => !id.startsWith('before'))).toEqual([])
  await until('the lane says why it waits', async () => {
    const { url, adminToken } = serving.ready
    const answer = await fetch(`${url}/admin/lanes`, { headers: { authorization: `Bearer ${adminToken}` } })
    return (await answer.text()).includes('the transform \\"score\\" is suspended')
  })
}, 240_000)

test('npm start ends a transform of a source that loops for ever: the client is refused, then its events are dead letters', async () => {
  await post(['Cart Viewed'], 'cart', 'app-key')
  expect(serving.stderr()).toContain('The transform "tidy" (')
  const { url, adminToken } = serving.ready
  const { deadLetters } = await until('there is a dead letter', async () => {
    const path = `${url}/admin/dead-letters?messageId=cart-0`
    const answer = await fetch(path, { headers: { authorization: `Bearer ${adminToken}` } })
    const found = (await answer.json()) as { deadLetters: DeadLetter[] }
    return found.deadLetters.length > 0 && found
  })
  expect(deadLetters[0]).toMatchObject({
    code: 'transform_failed',
    reason: expect.stringMatching(
      /^the transform "tidy" is suspended: it did not end on 20\S+; change its code and start again$/,
    ),
  })
}, 240_000)

test('npm start goes on with what was stored: it ends what holds it while it starts, and runs again what has changed', async () => {
  const path = join(folder, 'state/suspended.json')
  const suspended = (): { name: string }[] => JSON.parse(readFileSync(path, 'utf8')) as { name: string }[]
  expect(suspended().map(({ name }) => name)).toEqual(['score', 'tidy'])

  await serving.stop()
  writeFileSync(path, JSON.stringify(suspended().filter(({ name }) => name === 'tidy')))
  await start()
  expect(serving.stderr()).toMatch(/The transform "tidy" \(.*\) is still suspended/)
  await said('did not end. It is suspended until its code changes')
  await post(['Page Seen'], 'restarted')
  await has(archive, 'restarted-0')
  expect(crm.ids.has('restarted-0')).toBe(false)
  expect(serving.stderr()).not.toContain('failed')

  await serving.stop()
  writeFileSync(join(folder, 'transforms/score.js'), loopsAt('never'))
  await start()
  expect(serving.stderr()).toMatch(/The transform "score" \(.*\) has changed, and is run again/)
  await has(crm, 'order-0', 'order-1', 'after-0', 'restarted-0')
  const order = crm.received.flatMap(({ events }) => events).find(({ messageId }) => messageId === 'order-0')
  expect(order?.properties).toEqual({ scored: true })
  expect(suspended().map(({ name }) => name)).toEqual(['tidy'])
}, 240_000)

test('npm start whose config does not end while it is loaded says so, and ends', async () => {
  const path = join(folder, 'endless.config.ts')
  writeFileSync(path, `while (Date.now() >= 0);${config}`)
  const args = [
    '--config',
    path,
    '--loop',
    '1',
    '--var',
    'CRM=https://crm.example',
    '--var',
    'ARCHIVE=https://a.example',
  ]
  const { code, stdout, stderr } = await startAndFail({ state: join(folder, 'endless'), args })
  expect([code, stdout]).toEqual([1, ''])
  expect(stderr).toContain('did not open its port, 2 times: code at the top level of the config, of a transform or')
}, 120_000)

test('npm start blames no transform that waits for a statement that somebody asked of a D1 and that does not end', async () => {
  const file = join(folder, 'statements.config.ts')
  writeFileSync(
    file,
    `
    import { defineConfig } from 'sluiceway/config'
    import { log } from 'sluiceway/streams/log'
    import { d1 } from 'sluiceway/warehouses/d1'
    const patient = {
      name: 'patient',
      transformEvent: async (event) => (await new Promise((done) => setTimeout(done, 1500)), event),
    }
    export default defineConfig((env) => ({
      stream: log(),
      sources: { web: { writeKey: env.WRITE_KEY, transforms: [patient] } },
      warehouses: { tables: { use: d1(), stageSeconds: 1, sql: true } },
      admin: { token: env.ADMIN_TOKEN },
    }))`,
  )
  await serving.stop()
  serving = await startServing({
    state: join(folder, 'statements'),
    args: ['--config', file, '--loop', '2', '--tick', '1'],
  })
  const ask = async (statement: string) => {
    const { url, adminToken } = serving.ready
    const query = `q=${encodeURIComponent(statement)}`
    const headers = { authorization: `Bearer ${adminToken}` }
    return (await fetch(`${url}/admin/warehouses/tables/sql?${query}`, { headers })).text()
  }
  const sent = send(['Page Seen'], 'early').catch(() => undefined)
  await new Promise((resolve) => setTimeout(resolve, 500))
  await ask('WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r').catch(() => '')
  await said('It ran a statement that somebody asked of the warehouse "tables"; no transform is suspended.')
  await sent
  await post(['Page Seen'], 'patient')
  await until('its row is in the table', async () => (await ask('SELECT id FROM tracks')).includes('patient-0'), busy)
  expect(serving.stderr()).not.toContain('did not end')
}, 240_000)
