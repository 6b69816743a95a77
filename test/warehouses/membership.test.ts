import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { driversIn } from '../support/drivers.ts'

const engines = driversIn('warehouses', 'Warehouse')

test('the folder of warehouses holds at least the engines of D1, PostgreSQL, ClickHouse and Snowflake', () => {
  expect(engines).toEqual(expect.arrayContaining(['d1', 'postgres', 'clickhouse', 'snowflake']))
})

test.each(engines)('the warehouse engine %s has a test that runs the contract suite', (engine) => {
  const text = readFileSync(join(import.meta.dirname, `${engine}.test.ts`), 'utf8')
  expect(text).toMatch(new RegExp(`engineSuite\\(\\s*'${engine}'`))
})
