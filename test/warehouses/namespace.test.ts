import { describe, expect, test } from 'vitest'
import { clickhouse } from '../../src/warehouses/clickhouse.ts'
import { d1 } from '../../src/warehouses/d1.ts'
import { lake } from '../../src/warehouses/lake.ts'
import { namespaceName } from '../../src/warehouses/namespace.ts'
import { postgres } from '../../src/warehouses/postgres.ts'
import type { ProviderName } from '../../src/warehouses/mapping/providers.ts'

const url = 'postgres://ada:pw@db.ada.dev/shop'

describe('the namespace of a source', () => {
  // What RudderStack makes of the same names (rudder-server, warehouse/utils, checked 2026-11-29).
  test.each<[provider: ProviderName, source: string, namespace: string]>([
    ['postgres', 'omega', 'omega'],
    ['postgres', 'omega v2 ', 'omega_v_2'],
    ['postgres', '9mega', '_9_mega'],
    ['postgres', 'mega&', 'mega'],
    ['postgres', 'ome$ga', 'ome_ga'],
    ['postgres', 'ome_ ga', 'ome_ga'],
    ['postgres', '9mega________-________90', '_9_mega_90'],
    ['postgres', 'Cízǔ', 'c_z'],
    ['postgres', 'Rudderstack', 'rudderstack'],
    ['postgres', '___', 'stringempty'],
    ['postgres', '网站', 'stringempty'],
    ['rs', 'group', '_group'],
    ['rs', 'k3_namespace', 'k_3_namespace'],
    ['clickhouse', 'group', 'group'],
    ['snowflake', 'My Shop', 'MY_SHOP'],
    ['snowflake', 'table', '_TABLE'],
    ['postgres', 'web-shop', 'web_shop'],
    ['postgres', 'a'.repeat(130), 'a'.repeat(63)],
    ['bq', 'a'.repeat(130), 'a'.repeat(127)],
  ])('the namespace in %s of a source %j is %j', (provider, source, namespace) => {
    expect(namespaceName(source, { provider })).toBe(namespace)
  })

  test('the namespace of a source is none of the system', () => {
    expect(postgres({ url }).namespaceOf('pg-orders')).toBe('_pg_orders')
    expect(postgres({ url }).namespaceOf('information-schema')).toBe('_information_schema')
    expect(clickhouse({ url: 'https://ch.ada.dev', password: 'pw' }).namespaceOf('system')).toBe('_system')
  })
})

describe('the settings of namespaces', () => {
  const placesOf = ({ namespaceOf }: ReturnType<typeof postgres>) => ['web', 'ios-app', 'crm'].map(namespaceOf)

  test('the settings of namespaces give each source a schema of its own when left out', () => {
    expect(placesOf(postgres({ url }))).toEqual(['web', 'ios_app', 'crm'])
    expect(placesOf(clickhouse({ url: 'https://ch.ada.dev' }))).toEqual(['web', 'ios_app', 'crm'])
    expect(placesOf(lake())).toEqual(['web', 'ios_app', 'crm'])
  })

  test('the settings of namespaces name one schema for all sources, and others for single ones', () => {
    expect(placesOf(postgres({ url, schema: 'events' }))).toEqual(['events', 'events', 'events'])
    expect(placesOf(postgres({ url, schemas: { web: 'my_website' } }))).toEqual(['my_website', 'ios_app', 'crm'])
    expect(placesOf(postgres({ url, schema: 'events', schemas: { web: 'my_website' } }))).toEqual([
      'my_website',
      'events',
      'events',
    ])
  })

  test('the settings of namespaces mean nothing for D1, which has one database', () => {
    expect(placesOf(d1())).toEqual(['', '', ''])
  })

  test('the settings of namespaces say what is wrong with a name', () => {
    expect(postgres({ url, schema: 'pg_events', schemas: { web: 'My Site' } }).problems).toEqual([
      '"schema" must have at most 63 of a-z, 0-9 and "_", and be no schema of the system',
      '"schemas" has "My Site" for the source "web", which must have at most 63 of a-z, 0-9 and "_", and be no schema of the system',
    ])
    expect(lake({ folder: '../other' }).problems).toEqual([
      '"folder" must have at most 127 letters, digits, "_" and "-", or be "."',
    ])
  })
})
