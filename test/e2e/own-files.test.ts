// A user who clones the repository adds files, in JavaScript too: they pass `npm run check`, whose rules of the house are ours.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeClone } from '../support/clone.ts'

const root = resolve(import.meta.dirname, '../..')
const long = Array.from({ length: 320 }, (_, i) => `  'SKU-${i}': ${i},`).join('\n')

/** Transforms, destinations and sources as users bring them: without types, docstrings, vendors' pages or golden cases. */
const files: Readonly<Record<string, string>> = {
  'transforms/prices.js': `import { names } from './shared/names.mjs'

export const name = 'prices'

const prices = {
${long}
}

function total(a, b, c, d, e) {
  return a + b + c + d + e
}

export function transformEvent(event, metadata) {
  const meta = metadata(event)
  if (meta.sourceName === 'debug') return null
  event.context = event.context || {}
  event.properties = { ...event.properties, price: prices[event.properties?.sku], name: names[event.userId] }
  event.properties.total = total(event.properties.price, 1, 2, 3, 4)
  return event
}
`,
  'transforms/shared/names.mjs': `export const names = { ada: 'Ada Lovelace' }
`,
  'transforms/batch.mjs': `export async function transformBatch(events, metadata) {
  const kept = []
  for (const event of events) {
    const meta = metadata(event)
    if (meta.eventType !== 'page') kept.push(event)
  }
  return kept
}
`,
  'transforms/typed.ts': `import type { Event } from '../lib/types.ts'

export function transformEvent(event: Event) {
  const anything: any = event
  anything.channel ??= 'web'
  return event
}
`,
  'lib/types.ts': `export type { Event } from 'sluiceway/event'
`,
  'destinations/notes.js': `import { defineDestination } from 'sluiceway/destination'

export const notes = defineDestination({
  name: 'notes',
  settings: { url: { type: 'url', about: 'Where notes are taken.' } },
  encode: ({ id, event }) => (event.event ? { id, text: JSON.stringify(event) } : null),
  request: ([item], { url }) => ({ method: 'POST', url, headers: {}, body: item.text }),
})
`,
  'sources/letterbox.js': `import { defineSource } from 'sluiceway/source'

export const letterbox = defineSource({
  name: 'letterbox',
  settings: { secret: { type: 'string', about: 'What the vendor sends.', secret: true } },
  map: ({ body }) => [{ type: 'track', event: 'Letter Opened', userId: body.reader }],
})
`,
  'src/config.ts': `import { defineConfig } from 'sluiceway/config'
import { log } from 'sluiceway/streams/log'
import { notes } from '../destinations/notes.js'
import { letterbox } from '../sources/letterbox.js'
import * as batch from '../transforms/batch.mjs'
import * as prices from '../transforms/prices.js'
import * as typed from '../transforms/typed.ts'

export default defineConfig((env) => ({
  stream: log(),
  sources: {
    web: { writeKey: env.WRITE_KEY, transforms: [prices, batch, typed] },
    post: { writeKey: env.WRITE_KEY, webhook: letterbox({ secret: env.WEBHOOK_SECRET }) },
  },
  destinations: { notes: { use: notes({ url: env.WEBHOOK_URL }) } },
  admin: { token: env.ADMIN_TOKEN },
}))
`,
}

let clone = ''
const run = (command: string) => {
  const PATH = [join(root, 'node_modules/.bin'), dirname(process.execPath), process.env['PATH']].join(delimiter)
  const { status, stdout, stderr } = spawnSync('sh', ['-c', command], {
    cwd: clone,
    env: { ...process.env, PATH },
    encoding: 'utf8',
  })
  return { status, said: `${stdout}${stderr}` }
}
const write = (file: string, text: string) => {
  mkdirSync(dirname(join(clone, file)), { recursive: true })
  writeFileSync(join(clone, file), text)
}

beforeAll(() => {
  clone = makeClone()
  for (const [file, text] of Object.entries(files)) write(file, text)
  run('wrangler types')
})
afterAll(() => rmSync(clone, { recursive: true, force: true }))

const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> }

test.each(['check:types', 'check:lint', 'check:format', 'check:unused'])(
  'files of a user pass npm run %s, in JavaScript and in TypeScript',
  (script) => {
    const { status, said } = run(scripts[script] ?? '')
    expect(status, said).toBe(0)
  },
)

test.each(['check-imports', 'check-docs'])('files of a user pass scripts/%s.ts, which holds for ours', (script) => {
  const { status, said } = run(`node scripts/${script}.ts`)
  expect(status, said).toBe(0)
})

test('files of a user need no golden cases and no public name for the tests to pass', () => {
  const { status, said } = run(
    'vitest run --project pure test/transforms/golden.test.ts test/destinations/golden.test.ts test/public/names.test.ts',
  )
  expect(status, said).toBe(0)
})

test('files of a user are told what is wrong with them by the compiler, the linter and the judge of imports', () => {
  write(
    'transforms/wrong.ts',
    `import type { Event } from 'sluiceway/event'\n\nexport const kind = (event: Event): number => event.type\n`,
  )
  expect(run('tsc --noEmit -p .').said).toContain('transforms/wrong.ts')
  write(
    'transforms/wrong.ts',
    `export async function transformEvent(event: object) {\n  fetch('https://example.com')\n  return event\n}\n`,
  )
  expect(run('oxlint --type-aware --deny-warnings transforms').said).toContain('no-floating-promises')
  write('transforms/wrong.ts', `export { isRecord } from '../src/core/json.ts'\n`)
  expect(run('node scripts/check-imports.ts').said).toContain('not src/core/json.ts')
  rmSync(join(clone, 'transforms/wrong.ts'))
})

test('files of ours that stand beside those of a user keep the rules of the house', () => {
  const file = join(clone, 'destinations/webhook.ts')
  const before = readFileSync(file, 'utf8')
  writeFileSync(file, before.replaceAll(/20\d\d-\d\d-\d\d/g, 'some day') + '\n'.repeat(300))
  const { status, said } = run('node scripts/check-docs.ts')
  expect({ status, said }).toMatchObject({
    status: 1,
    said: expect.stringContaining("needs a link to the vendor's page"),
  })
  expect(said).toContain('destinations/webhook.ts: has more than 300 lines')
  writeFileSync(file, before)
})
