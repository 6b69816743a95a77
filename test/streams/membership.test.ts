import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const drivers = join(import.meta.dirname, '../../src/streams')

// A driver is a file with a function that returns a Stream; modules for workerd cannot be imported here, so its text is read.
const found = readdirSync(drivers, { withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map(({ name }) => name)
  .filter((file) =>
    /^export (?:const|function) \w+.*\): Stream (?:=>|\{)/m.test(readFileSync(join(drivers, file), 'utf8')),
  )
  .map((file) => file.replace(/\.ts$/, ''))

test('there are drivers', () => {
  expect(found).toEqual(expect.arrayContaining(['log', 'queues']))
})

test.each(found)('the driver %s has a test that runs the contract suite', (driver) => {
  const text = readFileSync(join(import.meta.dirname, `${driver}.test.ts`), 'utf8')
  expect(text).toMatch(new RegExp(`streamSuite\\(\\{\\s*driver: '${driver}'`))
})
