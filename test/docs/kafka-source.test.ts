// docs/kafka-source.md says what the code of the source says.
import { expect, test } from 'vitest'
import { upstash } from '../../src/fronts/upstash.ts'
import { kafka } from '../../src/sources/kafka.ts'
import { codeIn, documentAt, readSource, rowsIn, sectionOf } from '../support/documents.ts'

const page = documentAt('docs/kafka-source.md')
const namesIn = (heading: string): string[] => rowsIn(sectionOf(page, heading)).flatMap(([cell = '']) => codeIn(cell))
const membersOf = (file: string, declared: string): string[] =>
  Array.from(
    new RegExp(`interface ${declared}[^{]*\\{([^]*?)\\n\\}`)
      .exec(readSource(file))?.[1]
      ?.matchAll(/^ {2}readonly (\w+)/gm) ?? [],
    ([, name = '']) => name,
  )

const front = upstash({ url: 'https://kafka.example.com', username: 'router', password: 'password-of-kafka' })
const source = kafka({ front, topics: ['orders'], map: () => null })

test('every setting of a Kafka source is described once, and no other', () => {
  const { redacted } = source
  const own = [...membersOf('src/sources/kafka.ts', 'KafkaSourceInput'), ...Object.keys(redacted)]
  expect(
    namesIn('## Settings')
      .filter((name) => /^\w+$/.test(name) && own.includes(name))
      .toSorted(),
  ).toEqual([...new Set(own)].toSorted())
  expect(rowsIn(sectionOf(page, '## Settings'))).toHaveLength(new Set(own).size)
})

test('the defaults of a Kafka source are those of the code', () => {
  const { begin, group, pollSeconds } = source
  const settings = sectionOf(page, '## Settings')
  expect(settings).toContain(`\`${begin}\` (the default)`)
  expect(settings).toContain(`\`${group}\` when left out`)
  expect(settings).toContain(`1 to 3600, ${pollSeconds} when left out`)
})

test('every field of a record that map gets, and of one in a dead letter, is described', () => {
  expect(namesIn('## The record and the events')).toEqual(
    membersOf('src/core/kafka-source.ts', 'KafkaSourceRecord').toSorted((a, b) => order.indexOf(a) - order.indexOf(b)),
  )
  expect(namesIn('## Dead letters')).toEqual(expect.arrayContaining([...order, 'text', 'bytes', 'headerBytes']))
})

const order = ['topic', 'partition', 'offset', 'timestamp', 'key', 'headers', 'value']

test('the times and bounds of a run of a Kafka source are those of the code', () => {
  const [, fetches, budget] =
    /mostFetches: (\d+), budgetMs: (\d+)_000/.exec(readSource('src/polling/kafka-source-object.ts')) ?? []
  expect(sectionOf(page, '## Limits and costs')).toContain(`reads ${fetches} times, up to ${budget} seconds`)
  const [, patience] = /patienceMs = (\d+)_000/.exec(readSource('src/observe/stuck-kafka.ts')) ?? []
  expect(sectionOf(page, '## When it cannot read')).toContain(`after ${patience} seconds of it`)
})

test('every field that GET /admin/sources and GET /admin/stream tell is described, and no other', () => {
  const api = documentAt('docs/admin-api.md')
  const fieldsIn = (heading: string) =>
    rowsIn(sectionOf(api, heading))
      .flatMap(([cell = '']) => codeIn(cell))
      .toSorted()
  const names = (file: string, declared: string, left: string) =>
    membersOf(file, declared)
      .filter((name) => name !== left)
      .toSorted()
  expect(fieldsIn('### GET /admin/sources')).toEqual(names('src/core/kafka-source.ts', 'KafkaSourceStatus', 'source'))
  expect(fieldsIn('### GET /admin/stream')).toEqual(names('src/core/stream.ts', 'KafkaStatus', 'partition'))
  const partitions = rowsIn(sectionOf(api, '### GET /admin/sources')).find(([cell]) => cell?.includes('`partitions`'))
  for (const name of ['next', 'head', 'lag']) expect(partitions?.[1]).toContain(`\`${name}\``)
})
