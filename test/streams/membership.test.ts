import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { driversIn } from '../support/drivers.ts'

const drivers = driversIn('streams', 'Stream')

test('the folder of streams holds at least the drivers of the log and of queues', () => {
  expect(drivers).toEqual(expect.arrayContaining(['log', 'queues']))
})

test.each(drivers)('the stream driver %s has a test that runs the contract suite', (driver) => {
  const text = readFileSync(join(import.meta.dirname, `${driver}.test.ts`), 'utf8')
  expect(text).toMatch(new RegExp(`streamSuite\\(\\{\\s*driver: '${driver}'`))
})
