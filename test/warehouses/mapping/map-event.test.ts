import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { mapEvent } from '../../../src/warehouses/mapping/map-event.ts'
import { checkCase, type GoldenCase, OPTIONS } from './golden.ts'

const folder = join(import.meta.dirname, 'golden')

for (const file of readdirSync(folder).filter((name) => name.endsWith('.json'))) {
  const cases = JSON.parse(readFileSync(join(folder, file), 'utf8')) as readonly GoldenCase[]
  describe(`golden ${file}`, () => {
    test.each(cases)(`the mapping makes the rows of the golden case in ${file}: $name`, checkCase)
  })
}

const wide = (properties: number, rest: object = {}): object => ({
  type: 'page',
  messageId: 'm-1',
  receivedAt: '2026-11-22T10:00:01.000Z',
  properties: Object.fromEntries(Array.from({ length: properties }, (_, index) => [`Answer ${index}`, 1])),
  ...rest,
})

// A page without properties has three columns here: id, received_at and uuid_ts.
describe('the limit of columns', () => {
  const clickhouse = { ...OPTIONS, provider: 'clickhouse' } as const

  test('a row of 200 columns is mapped', () => {
    expect(Object.keys(mapEvent(wide(197), clickhouse)[0]?.columns ?? {})).toHaveLength(200)
  })

  test('a row of 201 columns is refused, with the table and the count in the details', () => {
    expect(() => mapEvent(wide(198), clickhouse)).toThrow(
      expect.objectContaining({
        code: 'too_many_columns',
        message: 'clickhouse transformer: Too many columns outputted from the event',
        details: { provider: 'clickhouse', table: 'pages', columns: 201, limit: 200 },
      }),
    )
  })

  test('the column loaded_at of BigQuery counts for the limit of columns', () => {
    expect(() => mapEvent(wide(197), { ...OPTIONS, provider: 'bq' })).toThrow('Too many columns')
  })

  test('the channel "sources" has no limit of columns, in upper case neither', () => {
    for (const provider of ['clickhouse', 'snowflake'] as const) {
      expect(mapEvent(wide(250, { channel: 'sources' }), { ...OPTIONS, provider })).toHaveLength(1)
    }
  })

  test('lakes have no limit of columns', () => {
    for (const provider of ['s3_datalake', 'gcs_datalake', 'azure_datalake'] as const) {
      expect(mapEvent(wide(250), { ...OPTIONS, provider })).toHaveLength(1)
    }
  })
})

describe('an event that nests', () => {
  const nested = (levels: number): object => {
    let value: object = { leaf: 1 }
    for (let level = 0; level < levels; level++) value = { a: value }
    return { type: 'page', messageId: 'm-1', properties: value }
  }

  test('an event that nests 30 levels deep is flattened into one column', () => {
    const [row] = mapEvent(nested(30), { ...OPTIONS, provider: 'clickhouse' })
    expect(row?.data[`${'a_'.repeat(30)}leaf`]).toBe(1)
  })

  test('an event that nests too deeply for the stack is a mapping error that keeps its cause', () => {
    expect(() => mapEvent(nested(100_000), OPTIONS)).toThrow(
      expect.objectContaining({ code: 'mapping_failed', cause: expect.any(RangeError) }),
    )
  })
})

test('a key named __proto__ becomes a column, and changes no prototype', () => {
  const event = JSON.parse(
    '{"type":"page","messageId":"m-1","properties":{"__proto__":["Ada Lovelace"],"constructor":"Babbage"},"integrations":{"POSTGRES":{"options":{"useBlendoCasing":true}}}}',
  ) as object
  const [row] = mapEvent(event, OPTIONS)
  expect(Object.getPrototypeOf(row?.data)).toBe(Object.prototype)
  expect(Object.entries(row?.data ?? {})).toContainEqual(['__proto__', ['Ada Lovelace']])
  expect(Object.entries(row?.data ?? {})).toContainEqual(['constructor', 'Babbage'])
})

test.each([
  ['snowflake', 'json'],
  ['snowpipe_streaming', 'json'],
  ['postgres', 'json'],
  ['mssql', 'json'],
  ['azure_synapse', 'json'],
  ['rs', 'text'],
  ['bq', 'string'],
  ['clickhouse', 'string'],
  ['deltalake', 'string'],
  ['s3_datalake', 'string'],
  ['gcs_datalake', 'string'],
  ['azure_datalake', 'string'],
] as const)('the whole event at %s is %s, in the row of each type that has one', (provider, type) => {
  for (const event of ['track', 'identify', 'page', 'screen', 'group', 'alias']) {
    const whole = { type: event, messageId: 'm-1', receivedAt: '2026-11-22T10:00:01.000Z', name: 'Ada Lovelace' }
    const [row] = mapEvent(whole, { ...OPTIONS, provider, storeFullEvent: true })
    const column = provider.startsWith('snow') ? 'RUDDER_EVENT' : 'rudder_event'
    expect(row?.columns[column]).toBe(type)
    expect(row?.data[column]).toBe(JSON.stringify(whole))
  }
})

test('the whole event of an extract is not stored', () => {
  const event = { type: 'extract', event: 'contacts', recordId: 'r-1' }
  expect(mapEvent(event, { ...OPTIONS, storeFullEvent: true })[0]?.columns).not.toHaveProperty('rudder_event')
})

test('the type "constructor" is an unknown type', () => {
  expect(() => mapEvent({ type: 'constructor' }, OPTIONS)).toThrow('Unknown event type: "constructor"')
})
