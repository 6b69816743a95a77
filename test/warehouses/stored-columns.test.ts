import { expect, test } from 'vitest'
import { StoredColumns } from '../../src/warehouses/stored-columns.ts'

function startReader() {
  const asked: (readonly string[])[] = []
  const rows = [
    ['orders', 'id', 'STRING', null],
    ['orders', 'constructor', 'BIGINT', 'a comment'],
    ['users', 'id', 'STRING', null],
  ]
  const columns = new StoredColumns({
    tablesAtOnce: 2,
    ask: (tables) => {
      asked.push(tables)
      return Promise.resolve(rows.filter(([table]) => tables.includes(String(table))))
    },
    columnOf: (type, more) => `${type} ${more}`,
  })
  return { asked, columns }
}

const namesOf = async (columns: StoredColumns<string>) => [...((await columns.of('orders'))?.keys() ?? [])]

test('stored columns are asked for once, several tables in one question, and what is not there is null', async () => {
  const { asked, columns } = startReader()
  await columns.read(['orders', 'users', 'visits'])
  expect(await columns.of('orders')).toEqual(
    new Map([
      ['id', 'STRING null'],
      ['constructor', 'BIGINT a comment'],
    ]),
  )
  expect(await columns.of('visits')).toBeNull()
  await columns.readUnknown(['users', 'pages', 'orders'])
  expect(asked).toEqual([['orders', 'users'], ['visits'], ['pages']])
})

test('stored columns of a table that was not there are asked for again before many are used, since it may be there now', async () => {
  const { asked, columns } = startReader()
  await columns.read(['visits', 'orders'])
  await columns.readUnknown(['orders', 'visits'])
  expect(asked).toEqual([['visits', 'orders'], ['visits']])
})

test('stored columns that are forgotten are asked for again, and those that were added are not', async () => {
  const { asked, columns } = startReader()
  await columns.of('orders')
  columns.add('orders', [['total', 'DOUBLE null']])
  columns.add('visits', [['id', 'STRING null']])
  expect(await namesOf(columns)).toEqual(['id', 'constructor', 'total'])
  expect(await columns.of('visits')).toEqual(new Map([['id', 'STRING null']]))
  columns.forget('orders')
  expect(await namesOf(columns)).toEqual(['id', 'constructor'])
  columns.clear()
  expect(await columns.of('visits')).toBeNull()
  expect(asked).toEqual([['orders'], ['orders'], ['visits']])
})
