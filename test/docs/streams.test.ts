// The pages of the streams say what their code says, and their sums are sums.
import { expect, test } from 'vitest'
import { prices } from '../../scripts/bench/prices.ts'
import type { Stream } from '../../src/core/stream.ts'
import { log } from '../../src/streams/log.ts'
import { qstash } from '../../src/streams/qstash.ts'
import { queues } from '../../src/streams/queues.ts'
import { codeIn, documentAt, readSource, rowsIn, sectionOf } from '../support/documents.ts'

const keys = { token: 'token-of-qstash', currentSigningKey: 'current-key', nextSigningKey: 'next-key' }
const drivers = [
  { name: 'log', stream: log(), also: ['topics', 'newTopics', 'users', 'regions'] },
  { name: 'queues', stream: queues(), also: [] },
  { name: 'qstash', stream: qstash({ url: 'https://events.example.org', ...keys }), also: [] },
]
const pageOf = (name: string) => documentAt(`docs/${name}.md`)
const cellsOf = (name: string, heading: string) => rowsIn(sectionOf(pageOf(name), heading))
const thousands = (value: number): string => value.toLocaleString('en-US')
const sourceOf = (name: string): string => readSource(`src/streams/${name}.ts`)

/** The settings that a driver declares, with what their page has to say of them. */
function settingsOf(name: string): { name: string; default?: string; from?: string; to?: string }[] {
  const declared = /^const fields = \{\n([^]*?)^\} as const$/m.exec(sourceOf(name))?.[1] ?? ''
  return Array.from(declared.matchAll(/^ {2}(\w+): (partitionsField\(|\{)([^]*?)(?=^ {2}\w+: |(?![^]))/gm), (found) => {
    const [, setting = '', kind = '', body = ''] = found
    if (kind !== '{') return { name: setting, default: '1', from: '1', to: '64' }
    const value = (field: string) =>
      new RegExp(`\\b${field}: ('[^']*'|[\\w.]+)`).exec(body)?.[1]?.replaceAll(/['_]/g, '')
    const bounds = { default: value('default'), from: value('min'), to: value('max') }
    return { name: setting, ...Object.fromEntries(Object.entries(bounds).filter(([, one]) => one !== undefined)) }
  })
}

test.each(drivers)('every setting of $name() is described once, with its default and bounds', ({ name, also }) => {
  const rows = cellsOf(name, '## Settings').map(([setting = '', , ...numbers]) => ({ setting, numbers }))
  const settings = settingsOf(name)
  expect(settings.length).toBeGreaterThan(0)
  expect(rows.flatMap(({ setting }) => codeIn(setting))).toEqual([...settings.map((one) => one.name), ...also])
  for (const { name: setting, default: byDefault, from = '', to = '' } of settings) {
    const numbers = rows
      .find((row) => row.setting === `\`${setting}\``)
      ?.numbers.map((cell) => cell.replaceAll('`', ''))
    expect([setting, numbers?.[1] ?? '', numbers?.[2] ?? '']).toEqual([setting, from, to])
    if (byDefault !== undefined) expect([setting, numbers?.[0]]).toEqual([setting, byDefault])
  }
})

const limitOf = (name: string, what: string): string =>
  cellsOf(name, '## Limits').find(([cell]) => cell === what)?.[1] ?? ''

test.each(drivers)('the limits of $name() are those of its code', ({ name, stream }) => {
  const { limits, eventBytesLimit } = stream as Stream
  expect(limitOf(name, 'an event')).toBe(`${thousands(eventBytesLimit ?? Number.NaN)} bytes`)
  expect(limitOf(name, 'an append')).toContain(
    `${thousands(limits.events)} events, ${thousands(limits.bytes)} characters`,
  )
})

/** A number of the code, as a page writes it. */
function numberIn(file: string, pattern: RegExp): string {
  const [, digits] = pattern.exec(readSource(file)) ?? []
  if (digits === undefined) throw new Error(`${file} has no ${pattern}`)
  return thousands(Number(digits.replaceAll('_', '')))
}

test('what a message of a queue may have, and how often it comes again, are numbers of the code', () => {
  const file = 'src/streams/queues/messages.ts'
  expect(limitOf('queues', 'a message')).toContain(numberIn(file, /messageBytes = ([\d_]+)/))
  expect(limitOf('queues', 'a batch')).toContain(numberIn(file, /batchBytes: ([\d_]+)/))
  expect(limitOf('queues', 'a batch')).toContain(`${numberIn(file, /batchMessages: ([\d_]+)/)} messages`)
  const away = sectionOf(pageOf('queues'), '## When it is away')
  expect(away).toContain(`tried ${numberIn(file, /renewFrom = ([\d_]+)/)} times`)
  expect(away).toContain(`at most ${numberIn(file, /longestDelaySeconds = ([\d_]+)/)}`)
  expect(away).toContain(`last retry (${numberIn('wrangler.toml', /max_retries = (\d+)/)})`)
})

test('what a message of QStash may have, and its times, are numbers of the code', () => {
  const file = 'src/streams/qstash.ts'
  expect(limitOf('qstash', 'a message')).toContain(`${numberIn(file, /messageBytes: ([\d_]+)/)} bytes`)
  expect(limitOf('qstash', 'a batch')).toBe(
    `${numberIn(file, /batchMessages: ([\d_]+)/)} messages, ${numberIn(file, /batchBytes: ([\d_]+)/)} bytes`,
  )
  const repeats = sectionOf(pageOf('qstash'), '## Repeats')
  expect(repeats).toContain(`within ${numberIn(file, /deliverySeconds = (\d+)/)} seconds`)
  const signatures = sectionOf(pageOf('qstash'), '## Signatures')
  expect(signatures).toContain(`${numberIn('src/streams/qstash/signature.ts', /toleranceSeconds = (\d+)/)} seconds`)
  const away = sectionOf(pageOf('qstash'), '## When it is away')
  expect(away).toContain(`longer than ${numberIn('src/streams/qstash/take-call.ts', /lanesMs = (\d+)_000/)} seconds`)
  const dead = 'src/streams/qstash/fetch-dead-letters.ts'
  const [messages, calls] = [/callMessages = (\d+)/, /mostCalls = (\d+)/].map((one) => Number(numberIn(dead, one)))
  expect(away).toContain(`up to ${thousands(Number(messages) * Number(calls))} of ours`)
})

test('a partition of the log holds what its page says', () => {
  const held = Number(
    /databaseLimit = ([\d_]+)/.exec(readSource('src/streams/log/log-object.ts'))?.[1]?.replaceAll('_', ''),
  )
  expect(limitOf('log', 'stored')).toContain(`${held / 1e9} GB for each partition`)
})

test.each(drivers.slice(1))('the lanes know repeats of $name() as long as its page says', ({ name, stream }) => {
  expect(stream.dedupMs).toBe(600_000)
  expect(sectionOf(pageOf(name), '## Repeats')).toContain('messageIds of ten minutes')
})

test.each(drivers)(
  'the price of $name() is the sum of its parts, and the one that streams are compared by',
  ({ name }) => {
    const rows = cellsOf(name, '## Price')
    const sums = rows.at(-1) ?? []
    expect(sums[0]).toBe('sum')
    for (const column of [2, 3]) {
      const parts = rows.slice(0, -1).reduce((total, row) => total + Number(row[column]), 0)
      expect(Math.abs(parts - Number(sums[column]))).toBeLessThan(0.0015)
    }
    const compared = rowsIn(sectionOf(documentAt('docs/streams.md'), '## What they cost')).find(
      ([cell]) => cell === `\`${name}()\``,
    )
    expect(sums.slice(2, 4)).toEqual(compared?.slice(1, 3))
  },
)

test('the prices of the parts are those by which the benches count', () => {
  const partOf = (name: string, part: string): number =>
    Number(cellsOf(name, '## Price').find(([cell]) => cell?.startsWith(part))?.[2])
  const { workerRequests, objectRequests, objectRowsWritten, queueOperations } = prices
  expect(partOf('log', 'requests of the Worker')).toBe(workerRequests)
  expect(partOf('log', 'requests to the object')).toBe(objectRequests)
  expect(partOf('log', 'rows written')).toBe(objectRowsWritten)
  // A message is written, read and deleted.
  expect(partOf('queues', 'operations of the queue')).toBeCloseTo(3 * queueOperations)
  // QStash calls the Worker once more.
  expect(partOf('qstash', 'requests of the Worker')).toBe(2 * workerRequests)
})
