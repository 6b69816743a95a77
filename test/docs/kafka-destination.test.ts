// docs/kafka-destination.md says what the code of the destination says.
import { expect, test } from 'vitest'
import { kafka } from '../../destinations/kafka.ts'
import { settingNames } from '../../destinations/kafka/settings.ts'
import { strimzi } from '../../src/fronts/strimzi.ts'
import { registryFields } from '../../src/registry/registry-settings.ts'
import { codeIn, documentAt, readSource, rowsIn, sectionOf } from '../support/documents.ts'

const page = documentAt('docs/kafka-destination.md')
const firstCells = (heading: string): string[] =>
  rowsIn(sectionOf(page, heading)).map(([cell = '']) => codeIn(cell).join())

test('every setting of the destination kafka is described once, and no other', () => {
  expect(settingNames.length).toBeGreaterThan(10)
  expect(firstCells('## Settings')).toEqual(['front', ...settingNames])
})

test('every setting of the registry of the destination kafka is described, and no other', () => {
  const own = firstCells('## Avro')
  const declared = /interface KafkaRegistryInput[^{]*\{([^]*?)\n\}/.exec(
    readSource('destinations/kafka/settings.ts'),
  )?.[1]
  expect(own).toEqual(Array.from(declared?.matchAll(/readonly (\w+)\?:/g) ?? [], ([, name = '']) => name))
  const [first = ''] = sectionOf(page, '## Avro').trim().split('\n')
  expect(codeIn(first)).toEqual(['registry', ...Object.keys(registryFields)])
})

test('the limits of a delivery into Kafka are those of the code', () => {
  const { events, bytes, timeoutSeconds } = kafka({
    front: strimzi({ url: 'https://x.example.com' }),
    topic: 'x',
  }).limits
  expect(sectionOf(page, '## Limits')).toContain(
    `at most ${events} events and ${bytes.toLocaleString('en')} characters, and ${timeoutSeconds} seconds`,
  )
})
