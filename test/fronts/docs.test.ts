// docs/kafka.md says of each front what its code says.
import { expect, test } from 'vitest'
import type { KafkaFront } from '../../src/core/kafka.ts'
import { confluentCloud } from '../../src/fronts/confluent-cloud.ts'
import { confluentV3 } from '../../src/fronts/confluent-v3.ts'
import { confluent } from '../../src/fronts/confluent.ts'
import { karapace } from '../../src/fronts/karapace.ts'
import { redpanda } from '../../src/fronts/redpanda.ts'
import { strimzi } from '../../src/fronts/strimzi.ts'
import { upstash } from '../../src/fronts/upstash.ts'
import { codeIn, documentAt, filesOf, readSource, rowsIn, sectionOf } from '../support/documents.ts'

const page = documentAt('docs/kafka.md')
const url = 'https://kafka.example.com'
const fronts: readonly KafkaFront[] = [
  confluent({ url }),
  confluentV3({ url }),
  confluentCloud({ url, clusterId: 'lkc-1', apiKey: 'key', apiSecret: 'secret' }),
  karapace({ url }),
  redpanda({ url, partitions: 3 }),
  strimzi({ url }),
  upstash({ url, username: 'kafka', password: 'sesame' }),
]

test('the fronts of docs/kafka.md are those that there are, and the one that needs no HTTP has its own page', () => {
  const overHttp = (name: string) => name !== 'tcp'
  const files = filesOf('src/fronts/*.ts')
    .map((file) => file.replace(/^.*\/|\.ts$/g, ''))
    .filter(overHttp)
  expect(fronts.map(({ name }) => name).toSorted()).toEqual(files.toSorted())
  const documented = rowsIn(sectionOf(page, '## Config')).map(([name = '', , path = '']) => [
    codeIn(name)[0],
    codeIn(path)[0],
  ])
  expect(documented.toSorted()).toEqual(files.map((name) => [name, `sluiceway/fronts/${name}`]).toSorted())
  const exported = Object.keys((JSON.parse(readSource('package.json')) as { exports: object }).exports)
  for (const name of [...files, 'tcp']) expect(exported).toContain(`./fronts/${name}`)
  expect(readSource('docs/kafka.md')).toContain('](kafka-tcp.md)')
})

test('the table of docs/kafka.md says what each front can carry', () => {
  const word = (is: boolean) => (is ? 'yes' : 'no')
  const rows = rowsIn(sectionOf(page, '## What each front can carry')).map(([name = '', ...cells]) => [
    codeIn(name)[0],
    ...cells,
  ])
  expect(rows).toEqual(
    fronts.map(({ name, capabilities: can }) => [
      name,
      ...[can.consume, can.headers, can.timestamps, can.tombstones, can.partitionCount, can.latest].map(word),
      `${can.maxRecords}`,
      `${can.maxBytes}`,
    ]),
  )
})

test('karapace carries headers where the config says that it is new enough', () => {
  expect(karapace({ url, recordHeaders: true }).capabilities).toEqual({
    ...karapace({ url }).capabilities,
    headers: true,
  })
})
