import { describe, expect, test } from 'vitest'
import { blendoName, namesFor, type NameRules, safeName, transformName } from '../../../src/warehouses/mapping/names.ts'
import { type ProviderName, PROVIDERS } from '../../../src/warehouses/mapping/providers.ts'
import cases from './names.json' with { type: 'json' }

const rules: NameRules = { provider: 'postgres', divideNumbers: false, blendo: false, keepReserved: false }

describe('a name in snake case', () => {
  test.each(cases.snake)(
    'the snake case of "$text" is "$divided" divided and "$joined" joined',
    ({ text, divided, joined }) => {
      expect(transformName(text, true)).toBe(divided)
      expect(transformName(text, false)).toBe(joined)
    },
  )

  test('a name in snake case takes no more than a moment for a hostile key', () => {
    for (const text of ['A'.repeat(30_000), 'a1'.repeat(15_000), '1'.repeat(30_000), '_'.repeat(30_000)]) {
      expect(transformName(text, true).length).toBeGreaterThan(0)
      expect(transformName(text, false).length).toBeGreaterThan(0)
    }
  })
})

test.each(cases.blendo)('a name in Blendo casing of "$text" is "$name"', ({ text, name }) => {
  expect(blendoName(text)).toBe(name)
})

test.each(cases.eventTables)(
  'the table of "$event" at $provider is "$table"',
  ({ provider, event, table, ...rest }) => {
    const names = namesFor({ ...rules, provider: provider as ProviderName, ...rest })
    expect(names.eventTable(names.eventValue(event))).toBe(table)
  },
)

describe('a safe name', () => {
  test('a safe name is upper case at Snowflake and lower case elsewhere', () => {
    for (const name of Object.keys(PROVIDERS) as readonly ProviderName[]) {
      const upper = name === 'snowflake' || name === 'snowpipe_streaming'
      expect(safeName('Lovelace', { ...rules, provider: name }, 'Column')).toBe(upper ? 'LOVELACE' : 'lovelace')
    }
  })

  test('a safe name is cut to 63 at Postgres, to 127 elsewhere, and not at all in lakes', () => {
    const long = 'a'.repeat(200)
    const lengthAt = (provider: ProviderName): number => safeName(long, { ...rules, provider }, 'Column').length
    expect(lengthAt('postgres')).toBe(63)
    for (const provider of ['rs', 'bq', 'clickhouse', 'snowflake', 'mssql', 'azure_synapse', 'deltalake'] as const) {
      expect(lengthAt(provider)).toBe(127)
    }
    for (const provider of ['s3_datalake', 'gcs_datalake', 'azure_datalake'] as const) {
      expect(lengthAt(provider)).toBe(200)
    }
  })

  test('a safe name has an underscore in front when it is a reserved word, unless these are kept', () => {
    expect(safeName('select', rules, 'Column')).toBe('_select')
    expect(safeName('select', { ...rules, provider: 'snowflake' }, 'Column')).toBe('_SELECT')
    expect(safeName('select', { ...rules, keepReserved: true }, 'Column')).toBe('select')
    expect(safeName('select', { ...rules, provider: 'clickhouse' }, 'Column')).toBe('select')
  })

  test('a safe name must not be empty', () => {
    expect(() => safeName('', rules, 'Column')).toThrow('Column name cannot be empty.')
    expect(() => safeName('', rules, 'Table')).toThrow(expect.objectContaining({ code: 'mapping_failed' }))
  })
})

test.each(Object.entries(cases.reservedWords))(
  'the reserved words of %s are as many as the vendor lists',
  (name, count) => {
    expect(PROVIDERS[name as ProviderName].reservedWords.size).toBe(count)
  },
)

test('"encrypt" and "snapshot" are not escaped at Redshift, as at RudderStack', () => {
  expect(safeName('encrypt', { ...rules, provider: 'rs' }, 'Column')).toBe('encrypt')
  expect(safeName('snapshot', { ...rules, provider: 'rs' }, 'Column')).toBe('snapshot')
})

test('names stay right when more keys come than are remembered', () => {
  const columnOf = namesFor(rules).columnsUnder('context_')
  for (let n = 0; n < 10_000; n++) columnOf(`Key ${n}`)
  expect(columnOf('Key 7')).toBe('context_key_7')
  expect(namesFor(rules).columnsUnder('context_')('Key 9999')).toBe('context_key_9999')
})
