// Cases that run in an isolate, and what a person who saves a file sees of a watch.
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Isolates } from '../../scripts/transforms/isolates.ts'
import { type RunOptions, runTests } from '../../scripts/transforms/test-files.ts'

const home = resolve(import.meta.dirname, '../..')
let root = ''
let isolates: Isolates
const place = () => ({ root, home, builds: join(root, 'builds') })
const write = (path: string, content: string | object) =>
  writeFileSync(join(root, path), typeof content === 'string' ? content : JSON.stringify(content))

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'sluiceway-isolated-'))
  mkdirSync(join(root, 'transforms/libraries'), { recursive: true })
  write('package.json', { type: 'module' })
  write(
    'config.ts',
    `import * as score from '#transforms/score'
import * as note from '#transforms/note'
import { inline as tax } from '#transforms/tax'
export const transforms = [score.isolated({ fetch: ['api.example.com'] }), note.inline, note.isolated, tax]`,
  )
  isolates = new Isolates({ home, answerMs: 1_500 })
})
afterAll(async () => {
  await isolates.stop()
  rmSync(root, { recursive: true, force: true })
})

/** Runs the cases of a transform. */
const ran = async (file: string, code: string, cases: readonly object[], options: RunOptions = {}): Promise<string> => {
  const name = file.replace(/\.\w+$/, '')
  const path = join(root, `transforms/${name}.test.json`)
  write(`transforms/${file}`, code)
  write(`transforms/${name}.test.json`, cases)
  return (await runTests(place(), { name, file: path, kind: 'cases' }, { isolates, ...options })).text
}

const score = `
import { double } from 'mathHelpers'
export async function transformEvent(event, metadata) {
  log('scoring', event.userId, { doubled: double(21) })
  const { score } = await fetch('https://api.example.com/score?user=' + event.userId)
  const failed = await fetchV2('https://api.example.com/down').catch(({ message }) => message)
  const { isolated } = globalThis
  globalThis.isolated = 'by an earlier case'
  return { ...event, properties: { score, failed, isolated, key: getCredential('apiKey'), source: metadata(event).sourceName } }
}
`
const asks = {
  name: 'asks for the score',
  options: { credentials: { apiKey: 'key-of-ada' } },
  responses: { 'https://api.example.com/score?user=ada': { score: 42 }, 'https://api.example.com/down': null },
  event: { userId: 'ada' },
  becomes: { userId: 'ada', properties: { score: 42, failed: 'fetch failed', key: 'key-of-ada', source: 'web' } },
  logs: ['scoring ada {"doubled":42}'],
}

test('cases of a transform that the config runs isolated run in an isolate each, with answers, credentials and what it logs', async () => {
  write('transforms/libraries/math-helpers.ts', 'export const double = (n: number): number => n * 2')
  expect(await ran('score.ts', score, [asks, { ...asks, name: 'again' }])).toMatch(/^✓ .* 2 cases \(isolated\)/)
  const text = await ran('score.ts', score.replace('source: metadata', 'source: 1, of: metadata'), [
    asks,
    { ...asks, name: 'asks whom it may not ask', options: { fetch: ['other.example.com'] } },
    { ...asks, name: 'has a wrong option', options: { fetch: 'api.example.com' } },
    { ...asks, name: 'logs something else', becomes: undefined, throws: 'no score', logs: undefined },
  ])
  expect(text).toContain('4 of 4 cases (isolated) failed')
  expect(text).toMatch(/✗ asks for the score\n[^]*\+ +source: 1\b/)
  expect(text).toMatch(/✗ asks whom it may not ask\n[^]*\+ +failed: "api\.example\.com is not among the hosts/)
  expect(text).toContain('fetch must be a list of hosts')
  expect(text).toContain('it throws nothing, and must throw "no score"')
  const failing = `export const transformEvent = (event: { userId: string }) => {\n  throw new Error('no ' + event.userId)\n}`
  expect(await ran('score.ts', failing, [{ ...asks, becomes: undefined, throws: 'no grace' }])).toContain(
    'it throws "no ada", and must throw "no grace"',
  )
  expect(await ran('score.ts', failing, [{ ...asks, logs: undefined }])).toMatch(
    /Error: no ada\n +at transformEvent \(transforms\/score\.ts:2:\d+\)/,
  )
  expect(await ran('score.ts', 'export const transformEvent = (', [asks])).toMatch(/does not build: .*score\.ts:1:/)
})

test('a case that logs something else says what; one says where it runs; a flag runs all isolated, too', async () => {
  const note = `
def transformEvent(event, metadata):
    log("noting", event["userId"], 1.5)
    return event
`
  const notes = { name: 'notes', event: { userId: 'ada' }, becomes: 'same', logs: ['noting ada 1.5'] }
  expect(await ran('note.py', note, [notes])).toMatch(/^✓ .* 1 case \(inline, isolated\)/)
  expect(await ran('note.py', note, [{ ...notes, run: 'isolated' }])).toMatch(/^✓ .* 1 case \(isolated\)/)
  const text = await ran('note.py', note, [{ ...notes, logs: ['noting grace'] }])
  expect(text).toMatch(/✗ notes \(inline\)\n[^]*what it logs \(\+\)[^]*\+ +'noting ada 1\.5'/)
  expect(text).toContain('✗ notes (isolated)')

  const tax = `export const transformEvent = (event) => ({ ...event, isInline: global !== globalThis })`
  const inline = { name: 'taxes', event: {}, becomes: { isInline: true } }
  expect(await ran('tax.js', tax, [inline])).toMatch(/^✓ .* 1 case \(inline\)/)
  expect(await ran('tax.js', tax, [inline], { isolated: true })).toMatch(
    /1 of 1 case \(inline, isolated\) failed[^]*✗ taxes \(isolated\)/,
  )
  const plain = `export const transformEvent = (event) => ({ ...event, log: typeof log })`
  const where = [
    { name: 'is plain', event: {}, becomes: { log: 'undefined' } },
    { name: 'is isolated', run: 'isolated', event: {}, becomes: { log: 'function' } },
    { name: 'is inline', run: 'inline', event: {}, becomes: { log: 'function' } },
  ]
  expect(await ran('plain.js', plain, where)).toMatch(/^✓ .* 3 cases \(plain, isolated, inline\)/)
  expect(await ran('plain.js', plain, [{ ...where[0], run: 'there' }])).toContain('must be "inline" or "isolated"')
})

test('a case whose isolated code never ends fails, and those after it run', async () => {
  const loops = `
def transformEvent(event, metadata):
    while event["event"] == "Loop":
        pass
    return event
`
  const text = await ran('loops.py', loops, [
    { name: 'never ends', run: 'isolated', event: { event: 'Loop' }, becomes: 'same' },
    { name: 'ends', run: 'isolated', event: { event: 'Order Completed' }, becomes: 'same' },
  ])
  expect(text).toMatch(/1 of 2 cases \(isolated\) failed[^]*✗ never ends\n +the isolate did not answer within \d+ ms/)
}, 30_000)

/** A person's terminal: what a watch has said since the last look. */
function terminal() {
  const code = `import { transforms } from ${JSON.stringify(join(home, 'scripts/transforms/command.ts'))}
    const place = ${JSON.stringify(place())}
    await transforms({ ...place, argv: ['test', '--watch'], say: (line) => console.log(line) })`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  let heard: () => void = () => undefined
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data: Buffer) => {
      said += data.toString()
      heard()
    })
  return {
    /** Gives what was said once it has the text, and forgets it. */
    until: (text: RegExp): Promise<string> =>
      new Promise((done, fail) => {
        const timer = setTimeout(() => fail(new Error(`not said within 20 s: ${text}; said: ${said}`)), 20_000)
        heard = () => {
          if (!text.test(said)) return
          clearTimeout(timer)
          done(said)
          said = ''
        }
        heard()
      }),
    end: () => child.kill(),
  }
}

test('transforms test --watch answers within a second of a save: plain, inline, isolated and in Python', async () => {
  for (const name of ['score', 'note', 'tax', 'plain', 'loops'])
    for (const ending of ['ts', 'js', 'py', 'test.json'])
      rmSync(join(root, `transforms/${name}.${ending}`), { force: true })
  const returns = (value: string) => ({
    ts: `import type { Event } from 'sluiceway/event'\nexport const transformEvent = (event: Event): object => ({ ...event, is: '${value}' })\n`,
    py: `def transformEvent(event, metadata):\n    return {**event, "is": "${value}"}\n`,
  })
  const files = { plain: 'ts', tax: 'ts', score: 'ts', note: 'py' } as const
  for (const [name, ending] of Object.entries(files)) {
    write(`transforms/${name}.${ending}`, returns('right')[ending])
    write(`transforms/${name}.test.json`, [{ name: 'is right', event: {}, becomes: { is: 'right' } }])
  }
  const { until, end } = terminal()
  try {
    expect(await until(/Ctrl-C/)).toContain('1 case (inline, isolated)')
    const best: Record<string, number> = {}
    for (const [name, ending] of Object.entries(files)) {
      const times: number[] = []
      // The machine may be busy: the best of several saves tells what the watch takes.
      for (let i = 0; i < 4 && !(times.length > 1 && Math.min(...times) < 1_000); i++) {
        const isRight = i % 2 === 1
        const startedAt = performance.now()
        write(`transforms/${name}.${ending}`, `${returns(isRight ? 'right' : 'wrong')[ending]}\n`)
        await until(new RegExp(`^${isRight ? '✓' : '✗'} transforms/${name}\\.test\\.json .*$`, 'm'))
        times.push(performance.now() - startedAt)
      }
      best[name] = Math.min(...times)
    }
    for (const [name, ms] of Object.entries(best)) expect(ms, `milliseconds for ${name}`).toBeLessThan(1_000)
    if (process.env['SHOW_TIMES'] !== undefined) process.stderr.write(`${JSON.stringify(best)}\n`)
  } finally {
    end()
  }
}, 60_000)
