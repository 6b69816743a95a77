import { describe, expect, test } from 'vitest'
import { d1 } from '../../src/warehouses/d1.ts'
import { quoteIdentifier } from '../../src/warehouses/identifier.ts'
import { loadOf } from '../support/load-of.ts'
import { startD1 } from '../support/real-warehouses.ts'
import type { EngineHarness } from './engine-harness.ts'
import { engineSuite } from './engine-suite.ts'

const start = (idIndex: boolean) => async (): Promise<EngineHarness> => {
  const warehouse = await startD1()
  const database = warehouse.bindings['DB'] as D1Database
  const engine = d1({ idIndex }).open({ DB: database }, '')
  const all = async (sql: string) => (await database.prepare(sql).all()).results
  return {
    engine,
    rows: async (table, order = 'id') => {
      const columns = (await engine.columns(table)) ?? {}
      // A number in a result of D1 has 53 bits; integers beyond are read as text.
      const list = Object.entries(columns).map(([name, type]) =>
        type === 'int' && name.length === 1
          ? `CASE WHEN abs(${quoteIdentifier(name)}) > 9007199254740991 THEN CAST(${quoteIdentifier(name)} AS TEXT) ELSE ${quoteIdentifier(name)} END AS ${quoteIdentifier(name)}`
          : quoteIdentifier(name),
      )
      const more = await all(
        `SELECT 1 FROM pragma_table_info('${table.replaceAll("'", "''")}') WHERE name = '_sluiceway_more'`,
      )
      if (more.length > 0) list.push('"_sluiceway_more"')
      const wide = list.length > 99
      const rows = await all(
        `SELECT ${wide ? '*' : list.join(', ')} FROM ${quoteIdentifier(table)} ORDER BY ${quoteIdentifier(order)}`,
      )
      return rows.map((row) => {
        const more = row['_sluiceway_more']
        const whole = typeof more === 'string' ? { ...row, ...JSON.parse(more) } : row
        return Object.fromEntries(
          Object.entries(whole).map(([name, value]) => [
            name,
            columns[name] === 'boolean' && value !== null ? value === 1 : value,
          ]),
        )
      })
    },
    count: async (table) => Number((await all(`SELECT count(*) AS n FROM ${quoteIdentifier(table)}`))[0]?.['n']),
    tables: async () =>
      (await all(`SELECT name FROM sqlite_schema WHERE type = 'table'`)).map((row) => String(row['name'])),
    stop: () => warehouse.stop(),
  }
}

engineSuite('d1', start(false))
engineSuite('d1 with idIndex', start(true))

describe('d1()', () => {
  test.each([
    ['d1()', false, 100],
    ['d1({ idIndex: true })', true, 200],
  ])(
    '%s writes for 100 rows of a new table (with an index for ids: %s) %i rows that are billed',
    async (_, idIndex, billed) => {
      const warehouse = await startD1()
      const engine = d1({ idIndex }).open(warehouse.bindings, warehouse.namespace)
      const columns = { id: 'string', total: 'float' } as const
      await engine.widen('order_completed', columns)
      const before = engine.rowsWritten ?? 0
      const rows = Array.from({ length: 100 }, (_, i) => ({ id: `order-${i}`, total: i }))
      await engine.load(loadOf({ id: 'load-1', table: 'order_completed', columns, rows, merge: 'replace' }))
      expect((engine.rowsWritten ?? 0) - before).toBe(billed)
      await warehouse.stop()
    },
  )

  test('d1() says which binding is missing', () => {
    expect(() => d1({ binding: 'TABLES' }).open({}, '')).toThrow('There is no D1 binding "TABLES"')
  })
})
