// The tests that lie beside transforms, as `npm run transforms -- test` runs them, in a folder of a user.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { repository } from '../../scripts/build/repository.ts'
import { transforms } from '../../scripts/transforms/command.ts'
import { makeNew } from '../../scripts/transforms/new-transform.ts'
import { findTests, runTests } from '../../scripts/transforms/test-files.ts'
import { watchTests } from '../../scripts/transforms/watch.ts'
import { until } from '../support/until.ts'

let root = ''
const said: string[] = []
const say = (line: string) => void said.push(line)
const place = () => ({ root, home: resolve(import.meta.dirname, '../..'), builds: join(root, 'builds') })

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'sluiceway-beside-'))
  mkdirSync(join(root, 'transforms/libraries'), { recursive: true })
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(root, 'tsconfig.json'), '{ "compilerOptions": { "strict": true } }')
})
beforeEach(() => void (said.length = 0))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const write = (path: string, content: string | object) =>
  writeFileSync(join(root, path), typeof content === 'string' ? content : JSON.stringify(content))

/** Writes a transform with its cases, and gives what running them came to. */
async function ran(name: string, module: string, cases: string | object): Promise<string> {
  write(`transforms/${name}.ts`, module)
  write(`transforms/${name}.test.json`, cases)
  const test = findTests(root).find((one) => one.name === name)
  if (test === undefined) throw new Error(`there are no tests of ${name}`)
  const { ok, text } = await runTests(place(), test)
  expect(text.startsWith(ok ? '✓' : '✗')).toBe(true)
  return text
}

const order = { event: 'Order Completed', userId: 'ada', properties: { total_cents: 12_990 } }
const euros = `
import type { Event } from 'sluiceway/event'
export function transformEvent(event: Event): Event | null {
  const total = event.properties?.['total_cents']
  if (typeof total === 'string') throw new Error('total_cents is text: ' + total)
  if (event.event === 'Debug Ping') return null
  return { ...event, properties: { ...event.properties, total: Number(total) / 100 } }
}
`

test('cases beside a transform pass when what comes out, is dropped and thrown is what they say', async () => {
  const text = await ran('euros', euros, [
    { name: 'adds euros', event: order, becomes: { ...order, properties: { total_cents: 12_990, total: 129.9 } } },
    { name: 'drops pings', event: { event: 'Debug Ping' }, becomes: 'dropped' },
    {
      name: 'throws at text',
      event: { ...order, properties: { total_cents: '129.90' } },
      throws: 'total_cents is text: 129.90',
    },
    {
      name: 'takes several',
      events: [order, { event: 'Debug Ping' }, { properties: { total_cents: '1' } }],
      becomes: [{ ...order, properties: { total_cents: 12_990, total: 129.9 } }],
      throws: 'total_cents is text: 1',
    },
  ])
  expect(text).toMatch(/^✓ transforms\/euros\.test\.json {2}4 cases, \d+ ms$/)
})

test('cases beside a transform that fail say which, what was expected, and the line that threw', async () => {
  const text = await ran('euros', euros, [
    { name: 'adds euros', event: order, becomes: { ...order, properties: { total_cents: 12_990, total: 130 } } },
    { name: 'drops orders', event: order, becomes: 'dropped' },
    { name: 'takes text', event: { ...order, properties: { total_cents: '129.90' } }, becomes: 'same' },
    { name: 'throws something else', event: { properties: { total_cents: '1' } }, throws: 'no total' },
    { name: 'throws at numbers', event: order, throws: 'no total' },
    { name: 'drops pings', event: { event: 'Debug Ping' }, becomes: 'dropped' },
  ])
  expect(text).toMatch(/^✗ .*5 of 6 cases failed/)
  expect(text).toMatch(/✗ adds euros\n[^]*\+ +total: 129\.9,\n *- +total: 130/)
  expect(text).toMatch(
    /✗ takes text\n +it throws:\n +Error: total_cents is text: 129\.90\n +at transformEvent \(transforms\/euros\.ts:5:40\)/,
  )
  expect(text).toContain('it throws "total_cents is text: 1", and must throw "no total"')
  expect(text).toContain('it throws nothing, and must throw "no total"')
  expect(text).not.toContain('drops pings')
})

test('cases beside a transform that cannot be read, or have no transform, say what to do', async () => {
  expect(await ran('euros', euros, '[{')).toContain('it is no JSON')
  expect(await ran('euros', euros, [])).toContain('the list of cases: has no cases')
  const text = await ran('euros', euros, [
    { name: 'a', event: order, becoms: 'same' },
    { name: 'b', becomes: 'same' },
    { name: 'c', event: order, becomes: 'gone' },
    { name: 'd', event: order, becomes: 'same', throws: 'no total' },
  ])
  expect(text).toContain('case 1: Unrecognized key: "becoms"')
  expect(text).toContain('case 2: needs either "event" or "events"')
  expect(text).toContain('case 3.becomes: must be "same", "dropped", an event or a list of events')
  expect(text).toContain('case 4: has one event, which cannot both become something and throw')
  expect(
    await ran('euros', 'export const transformEvent = (event) => {', [{ name: 'a', event: order, becomes: 'same' }]),
  ).toMatch(/transforms\/euros\.ts:1:\d+: ERROR/)
  expect(await ran('euros', 'export const one = 1', [{ name: 'a', event: order, becomes: 'same' }])).toContain(
    'exports neither',
  )
  write('transforms/alone.test.json', [{ name: 'a', event: order, becomes: 'same' }])
  const alone = findTests(root).find(({ name }) => name === 'alone')
  expect(alone && (await runTests(place(), alone)).text).toContain('There is no transforms/alone.ts')
  rmSync(join(root, 'transforms/alone.test.json'))
})

test('cases beside a transform with settings, a library and tables run with them', async () => {
  write('transforms/libraries/rates.ts', 'export const rate = 100')
  const module = `
    import { defineTransform, KvReader } from 'sluiceway/transform'
    import { rate } from './libraries/rates.ts'
    export const planOf = defineTransform({
      name: 'plan-of',
      settings: { table: { type: 'string', about: 'Binding.' } },
      make: ({ table }, tools) => {
        const reader = new KvReader(tools, { table, cacheSeconds: 0 })
        return { transformEvent: async (event) => ({ ...event, properties: { plan: await reader.read(event.userId ?? ''), rate } }) }
      },
    })`
  const text = await ran('plan-of', module, [
    {
      name: 'finds the plan',
      settings: { table: 'PLANS' },
      tables: { PLANS: { ada: 'enterprise' } },
      event: { userId: 'ada' },
      becomes: { userId: 'ada', properties: { plan: 'enterprise', rate: 100 } },
    },
    { name: 'names what is wrong', event: { userId: 'ada' }, becomes: 'same' },
  ])
  expect(text).toContain('1 of 2 cases failed')
  expect(text).toContain('plan-of: "table" is missing')
})

test('cases beside a transform that the config imports by #transforms have the globals of RudderStack, and no network', async () => {
  write('config.ts', `import * as score from '#transforms/score'`)
  const module = `
    export async function transformEvent(event, metadata) {
      log('scoring', event.userId)
      const { score } = await fetch('https://api.example.com/score?user=' + event.userId)
      return { ...event, properties: { score, key: getCredential('apiKey'), source: metadata(event).sourceName } }
    }`
  const text = await ran('score', module, [
    {
      name: 'asks for the score',
      options: { credentials: { apiKey: 'key-of-ada' } },
      responses: { 'https://api.example.com/score?user=ada': { score: 42 } },
      event: { userId: 'ada' },
      becomes: { userId: 'ada', properties: { score: 42, key: 'key-of-ada', source: 'web' } },
    },
    {
      name: 'reaches nobody else',
      event: { userId: 'grace' },
      becomes: { userId: 'grace', properties: { source: 'web' } },
    },
  ])
  expect(text).toMatch(/^✓ .* 2 cases \(inline\)/)
})

test('a transform in Python runs its cases, with its library and the answers that they name', async () => {
  write('transforms/libraries/tax-rates.py', 'def tax(total):\n    return round(total * 0.19, 2)\n')
  write(
    'transforms/taxes.py',
    `from taxRates import tax
import requests
def transformEvent(event, metadata):
    plan = requests.get("https://api.example.com/plan").json()["plan"]
    return {**event, "properties": {"tax": tax(event["properties"]["total"]), "plan": plan}}
`,
  )
  write('transforms/taxes.test.json', [
    {
      name: 'adds the tax',
      responses: { 'https://api.example.com/plan': { plan: 'pro' } },
      event: { userId: 'ada', properties: { total: 129.9 } },
      becomes: { userId: 'ada', properties: { tax: 24.68, plan: 'pro' } },
    },
    {
      name: 'needs a total',
      responses: { 'https://api.example.com/plan': { plan: 'pro' } },
      event: { userId: 'ada', properties: {} },
      throws: 'KeyError: total',
    },
  ])
  const test = findTests(root).find(({ name }) => name === 'taxes')
  const { text } = await runTests(place(), test as NonNullable<typeof test>)
  expect(text).toMatch(/^✓ transforms\/taxes\.test\.json {2}2 cases \(inline\)/)
})

test('a program beside a transform is run with the test runner that it imports', async () => {
  write('transforms/euros.js', 'export const transformEvent = (event) => event')
  write(
    'transforms/euros.test.mjs',
    `import { test } from 'node:test'\nimport assert from 'node:assert'\nimport { transformEvent } from './euros.js'\ntest('keeps the user', () => assert.equal(transformEvent({ userId: 'ada' }).userId, 'ada'))`,
  )
  const program = () => findTests(root).find(({ kind }) => kind === 'program') as never
  expect((await runTests(place(), program())).text).toMatch(/^✓ transforms\/euros\.test\.mjs {2}node --test, /)
  write('transforms/euros.js', 'export const transformEvent = () => ({})')
  const { ok, text } = await runTests(place(), program())
  expect([ok, text]).toEqual([false, expect.stringContaining('keeps the user')])
  write('transforms/euros.test.mjs', `import { test } from 'vitest'`)
  expect((await runTests(place(), program())).text).toContain('vitest, which is not installed')
  rmSync(join(root, 'transforms/euros.test.mjs'))
  rmSync(join(root, 'transforms/euros.js'))
})

test('a new transform has cases that pass, a name that fits, and takes the place of none', async () => {
  makeNew({ root, argv: ['transform', 'order-size'], say })
  expect(said.join('\n')).toContain("import * as orderSize from './transforms/order-size.ts'")
  expect(readFileSync(join(root, 'transforms/order-size.ts'), 'utf8')).toContain("export const name = 'order-size'")
  said.length = 0
  expect(await transforms({ ...place(), argv: ['test', 'order-size'], say })).toBe(0)
  expect(said.join('\n')).toMatch(/^✓ transforms\/order-size\.test\.json {2}2 cases/)
  const made =
    (...argv: string[]) =>
    () =>
      makeNew({ root, argv, say })
  expect(made('transform', 'order-size')).toThrow('is there already')
  expect(made('transform', '../order')).toThrow('cannot be the name')
  expect(made('transform')).toThrow('Usage: npm run new -- transform <name>')
  expect(made('carousel', 'order-size')).toThrow('Usage')
  expect(made('transform', 'order-value', '--ruby')).toThrow('--ruby')
  made('--help')()
  expect(said.at(-1)).toContain('--python')
})

test('a new transform in Python has cases that pass, by a flag or by its ending, beside one in TypeScript', async () => {
  for (const [argv, file] of [
    [['order-note', '--python'], 'order-note'],
    [['gift-note.py'], 'gift-note'],
  ] as const) {
    said.length = 0
    makeNew({ root, argv: ['transform', ...argv], say })
    expect(said.join('\n')).toContain(`transforms/${file}.py and transforms/${file}.test.json made`)
    expect(said.join('\n')).toContain(`from '#transforms/${file}'`)
    said.length = 0
    expect(await transforms({ ...place(), argv: ['test', file], say })).toBe(0)
    expect(said.join('\n')).toMatch(/2 cases \(inline\)/)
  }
  const made =
    (...argv: string[]) =>
    () =>
      makeNew({ root, argv: ['transform', ...argv], say })
  expect(made('gift-note')).toThrow('gift-note.py is there already')
  expect(made('order-value.ts', '--python')).toThrow('leave one out')
  expect(made('order-value.rb')).toThrow('cannot be the name')
  // It is the code that its cases judge.
  write('transforms/gift-note.py', 'def transformEvent(event, metadata):\n    return event\n')
  expect(await transforms({ ...place(), argv: ['test', 'gift-note'], say })).toBe(1)
})

test('transforms test ends with 1 where a case fails, and refuses what there is not', async () => {
  await ran('euros', euros, [{ name: 'drops orders', event: order, becomes: 'dropped' }])
  expect(await transforms({ ...place(), argv: ['test', 'euros', '--cases'], say })).toBe(1)
  const run = (...argv: string[]) => transforms({ ...place(), argv, say })
  await expect(run('test', 'nothing')).rejects.toThrow('There are no tests of nothing: transforms/nothing.test.json')
  await expect(run('best')).rejects.toThrow('There is no "transforms best"')
  await expect(run('test', '--fast')).rejects.toThrow('--fast')
  expect(await transforms({ ...repository, argv: ['--help'], say })).toBe(0)
})

test('transforms test --watch runs again what a save concerns, and nothing else', async () => {
  await ran('euros', euros, [{ name: 'drops pings', event: { event: 'Debug Ping' }, becomes: 'dropped' }])
  const tests = findTests(root).filter(({ name }) => ['euros', 'plan-of'].includes(name))
  const reports = []
  for (const one of tests) reports.push(await runTests(place(), one))
  const stop = watchTests({
    place: place(),
    isWanted: ({ name }) => tests.some((one) => one.name === name),
    say,
    reports,
  })
  try {
    expect(said.splice(0)).toEqual([expect.stringContaining('Ctrl-C ends it')])
    const next = async (what: string) => (await until(what, () => said.length > 0)) && said.splice(0).join('\n')
    write('transforms/euros.ts', euros.replace(`'Debug Ping'`, `'Ping'`))
    expect(await next('the transform was saved')).toMatch(/^✗ transforms\/euros\.test\.json {2}1 of 1 case failed/)
    write('transforms/euros.test.json', [{ name: 'drops pings', event: { event: 'Ping' }, becomes: 'dropped' }])
    expect(await next('its cases were saved')).toMatch(/^✓ transforms\/euros\.test\.json/)
    write('transforms/libraries/rates.ts', 'export const rate = 101')
    expect(await next('a library was saved')).toMatch(/^✗ transforms\/plan-of\.test\.json[^]*\+ +rate: 101/)
  } finally {
    stop()
  }
})
