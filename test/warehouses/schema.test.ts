// What happens to tables when types, names and numbers of columns and events are as bad as they can be: through the whole loader,
// and read with SQL in the real engine.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import { PROVIDERS } from '../../src/warehouses/mapping/providers.ts'
import { StagedLoads } from '../loading/staged-loads.ts'
import { startClickHouseWarehouse } from '../support/real-clickhouse.ts'
import { startLake } from '../support/real-lake.ts'
import { realWarehouses, type RealWarehouse } from '../support/real-warehouses.ts'
import { expectValues, plainText } from './stored-values.ts'

const engines = [
  ...realWarehouses,
  ['clickhouse', () => startClickHouseWarehouse()] as const,
  ['lake', startLake] as const,
] as const

const track = (messageId: string, event: string, properties: Record<string, unknown>, more: object = {}): Event => ({
  type: 'track',
  messageId,
  userId: 'ada',
  event,
  properties,
  receivedAt: '2026-11-22T10:00:00.000Z',
  ...more,
})

/** A value of each kind of column, by a number. */
const kinds: Readonly<Record<string, (n: number) => unknown>> = {
  int: (n) => 1_000 + n,
  float: (n) => 1_000.25 + n,
  huge: (n) => (n + 1) * 1e20,
  boolean: (n) => n % 2 === 0,
  datetime: (n) => `2026-11-22T10:00:00.${String(n).padStart(3, '0')}Z`,
  text: (n) => `text ${n}`,
  digits: (n) => `${7_000 + n}`,
  array: (n) => ['a', n],
  json: (n) => ({ n }),
}
const all = Object.keys(kinds)
const numbers = ['int', 'float', 'huge']
/** What a column takes whose first value was of a kind. */
const taken: Readonly<Record<string, readonly string[]>> = {
  int: numbers,
  float: numbers,
  huge: numbers,
  boolean: ['boolean'],
  datetime: ['datetime'],
  text: all,
  digits: all,
  array: all,
  json: all,
}
const pairs = all.flatMap((first) => all.map((second) => ({ first, second, column: `${first}_then_${second}` })))

const reserved = [...new Set(Object.values(PROVIDERS).flatMap(({ reservedWords }) => [...reservedWords]))]
const names: readonly string[] = [
  [...PROVIDERS.postgres.reservedWords],
  // PostgreSQL
  ['xmin', 'xmax', 'cmin', 'cmax', 'ctid', 'tableoid', 'oid', 'pg_class', 'pg_type', 'pg_catalog', 'pg_temp'],
  ['information_schema', 'Orders', 'Orders Pkey', 'orders_pkey1', `${'p'.repeat(58)}_pkey`, '_orders', '__orders'],
  // SQLite and D1
  ['sqlite_schema', 'sqlite_master', 'sqlite_sequence', 'sqlite_stat1', 'Sqlite Error', '_cf_KV', '_cf_METADATA'],
  ['rowid', '_rowid_', 'json_each', 'jsonb_each', 'json_tree', 'pragma_table_info', 'pragma_x', 'd1_migrations'],
  ['excluded', 'main', 'temp', 'value', 'key', 'atom', 'json'],
  // ClickHouse
  ['_part', '_part_index', '_part_starting_offset', '_part_offset', '_part_granule_offset', '_part_uuid'],
  ['_part_data_version', '_partition_id', '_partition_value', '_sample_factor', '_block_number', '_block_offset'],
  ['_row_exists', '_database', '_table', '_disk_name', '_distance', 'system', 'default', '.inner.orders', '_file'],
  // Lakes and those who read them
  ['dt', 'filename', 'file_row_number', 'file_index', '_manifest', '_table.json', 'hive_partitioning', 'root'],
  // Ours
  ['Rudder Discards', '_rudder_discards', '_sluiceway_loads', '_sluiceway_columns', '_sluiceway_more', '_sluiceway'],
  ['__sluiceway_more', '_sluiceway_stage', '_sluiceway_probe', '_sluiceway_load', 'demo_sink', 'fresh', 'kept'],
  ['tracks', 'users', 'Users', '_users', 'identifies', 'pages', 'groups', 'accounts', 'aliases', 'screens'],
  ['id', 'ID', 'user_id', 'userId', 'anonymousId', 'event', 'event_text', 'received_at', 'sentAt', 'timestamp'],
  ['uuid_ts', 'UUID_TS', 'channel', 'context_ip', 'context_source_id', 'record_id', 'loaded_at', 'rudder_event'],
  // Equal after cleaning, or but for the case
  ['orderId', 'order_id', 'ORDER ID', 'Order-Id', 'order.id', 'order__id', 'orderID', 'order id ', ' order/id'],
  // No ASCII, some ASCII, and what Unicode writes in two ways
  ['订单', 'Заказ', 'Größe', 'Gro\u0308ße', 'ＦＵＬＬ', 'İstanbul', 'ﬁle', '👍', 'a\u200bb', 'שלום', '?!', ' '],
  // Whatever objects inherit, and what SQL might read
  ['constructor', 'toString', 'hasOwnProperty', '"', "'", 'a"b', "x'; DROP TABLE tracks; --", 'a\\b', '$1', '%s'],
  ['1st', '42', '_', '__', '_1'],
  // At the limit of length, beyond it, and equal after cutting
  [62, 63, 64, 126, 127, 128, 300].map((length) => 'l'.repeat(length)),
  ['a', 'b'].flatMap((end) => [`${'m'.repeat(63)}${end}`, `${'n'.repeat(127)}${end}`]),
  ['a', 'b'].map((end) => `_sluiceway${'z'.repeat(120)}${end}`),
  ['$', '\\'].flatMap((sign) => [sign.repeat(60), sign.repeat(130)]),
].flat()
const options = [
  {},
  { useBlendoCasing: true },
  { skipReservedKeywordsEscaping: true },
  { useBlendoCasing: true, skipReservedKeywordsEscaping: true },
].map((own) => ({
  integrations: Object.fromEntries(
    ['POSTGRES', 'CLICKHOUSE', 'S3_DATALAKE'].map((provider) => [provider, { options: own }]),
  ),
}))

describe.each(engines)('the tables of %s', (engine, start) => {
  let warehouse: RealWarehouse
  beforeAll(async () => {
    warehouse = await start()
  }, 60_000)
  afterAll(() => warehouse.stop())
  beforeEach(() => warehouse.clear())

  test.each(['in one load', 'in two loads'])(
    'a value of any type in a column of any other is in it or in rudder_discards: %s',
    async (how) => {
      const isOne = how === 'in one load'
      // What is JSON is so by the settings, which are the same for all of a load.
      const of = pairs.filter(({ first, second }) => !isOne || (first !== 'json' && second !== 'json'))
      const properties = (which: 'first' | 'second') =>
        Object.fromEntries(of.map(({ column, ...pair }, n) => [column, kinds[pair[which]]?.(n)]))
      const loadsOf = (which: 'first' | 'second') =>
        new StagedLoads(
          warehouse,
          {
            jsonPaths: of.flatMap((pair) => (pair[which] === 'json' ? [`track.properties.${pair.column}`] : [])),
            maxColumns: 1_000,
          },
          { partition: which === 'first' ? 0 : 1 },
        )
      // ClickHouse and the lake read no such settings; an event brings its own.
      const own = (which: 'first' | 'second') => ({
        integrations: Object.fromEntries(
          ['CLICKHOUSE', 'S3_DATALAKE'].map((provider) => [
            provider,
            {
              options: {
                jsonPaths: of.flatMap((pair) => (pair[which] === 'json' ? [`track.properties.${pair.column}`] : [])),
              },
            },
          ]),
        ),
      })
      const events = (['first', 'second'] as const).map((which) =>
        track(which, 'Types Changed', properties(which), own(which)),
      )
      const groups = isOne ? [events] : events.map((event) => [event])
      for (const group of groups) {
        const loads = loadsOf(group[0]?.messageId as 'first' | 'second')
        expect(await loads.send(...group)).not.toHaveProperty('error')
        expect(loads.letters).toEqual([])
      }
      const rows = new Map((await warehouse.rows('types_changed')).map((row) => [row['id'], row]))
      expect([...rows.keys()].toSorted()).toEqual(['first', 'second'])
      const discards = await warehouse.rows('rudder_discards')
      const wanted = of.map(({ first, second, column }, n): unknown[] => {
        const isTaken = taken[first]?.includes(second) === true
        return [
          column,
          plainText(kinds[first]?.(n)),
          isTaken ? plainText(kinds[second]?.(n)) : 'null',
          Number(!isTaken),
        ]
      })
      const unquoted = (value: unknown) => {
        const text = plainText(value)
        // JSON of a text is that text in quotes.
        return plainText(text.startsWith('"') ? JSON.parse(text) : text)
      }
      const found = of.map(({ column }) => [
        column,
        unquoted(rows.get('first')?.[column]),
        unquoted(rows.get('second')?.[column]),
        discards.filter((row) => row['row_id'] === 'second' && row['column_name'] === column).length,
      ])
      expect(found).toEqual(wanted)
      const refused = wanted.filter(([, , , count]) => count === 1)
      expect(discards).toHaveLength(refused.length)
      const values = new Map(of.map(({ column, second }, n) => [column, plainText(kinds[second]?.(n))]))
      for (const discard of discards) {
        expect(discard).toMatchObject({ table_name: 'types_changed', row_id: 'second' })
        expect(discard['reason']).toMatch(/^the column is \w+, the value is \w+$/)
        expect(plainText(discard['column_value'])).toBe(values.get(String(discard['column_name'])))
      }
    },
  )

  test('a table takes 1,500 columns, and what comes beyond is in its JSON column', async () => {
    const loads = new StagedLoads(warehouse)
    const events = Array.from({ length: 40 }, (_, n) =>
      track(`wide-${n}`, 'Asked', {
        ...Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`answer_${n * 100 + i}`, `${n}-${i}`])),
        // Each also says something that all have.
        again: `again ${n}`,
      }),
    )
    for (let i = 0; i < events.length; i += 10) {
      await loads.stage(events.slice(i, i + 10))
      for (let runs = 1; !(await loads.load()).done; runs++) expect(runs).toBeLessThan(20)
    }
    expect(loads.letters).toEqual([])
    expect(await warehouse.tables()).not.toContain('rudder_discards')
    await expectValues(warehouse, loads, events)
    const [row = {}] = await warehouse.query(
      `SELECT * FROM ${engine === 'lake' ? 'asked' : `${warehouse.schema}asked`} LIMIT 1`,
    )
    const columns = Object.keys(row)
    expect(columns).toContain('_sluiceway_more')
    // The folder of a lake and the number of its load are columns as well.
    const others = new Set(['dt', '_sluiceway_load', '_sluiceway_more'])
    expect(columns.filter((name) => !others.has(name))).toHaveLength(engine === 'd1' ? 99 : 1_500)
  }, 120_000)

  const count = engine === 'clickhouse' ? 200 : 1_000
  // That of D1 is in test/loading/limits.test.ts, in the runtime.
  test.runIf(engine !== 'd1')(
    `a load of ${count} names of events goes on where it stopped, and has a table for each`,
    async () => {
      const loads = new StagedLoads(warehouse)
      const events = Array.from({ length: count }, (_, n) =>
        track(`name-${n}`, `Name ${n} Seen`, { n, city: `City ${n}` }),
      )
      await loads.stage(events)
      for (let runs = 1; ; runs++) {
        const report = await loads.load()
        expect(report).not.toHaveProperty('error')
        if (report.done) break
        expect(runs).toBeLessThan(20)
      }
      expect(loads.letters).toEqual([])
      const tables = new Set(await warehouse.tables())
      expect(events.filter((_, n) => !tables.has(`name_${n}_seen`))).toEqual([])
      expect((await warehouse.ids('tracks')).toSorted()).toEqual(events.map(({ messageId }) => messageId).toSorted())
      for (let n = 0; n < events.length; n += 37) expect(await warehouse.ids(`name_${n}_seen`)).toEqual([`name-${n}`])
    },
    300_000,
  )

  test('an event of any name and a property of any name has its values in a table, or in rudder_discards', async () => {
    const events: Event[] = []
    for (const [o, more] of options.entries())
      for (const [k, name] of names.entries()) {
        // All names by the ordinary rules, some of them by each of the others; the properties below have all by all.
        if (o > 0 && k % 12 !== o) continue
        const id = `event-${o}-${k}`
        events.push(track(id, name, { [name]: `own ${id}`, other: `other ${id}` }, more))
      }
    for (const [o, more] of options.entries())
      for (const [round, many] of [names, reserved].entries())
        for (let i = 0; i < many.length; i += 150) {
          const id = `properties-${o}-${round}-${i}`
          const properties = Object.fromEntries(
            many
              .slice(i, i + 150)
              .map((name, k): [string, unknown] => [name, o % 2 === 0 ? `p ${k} of ${id}` : k + 0.5]),
          )
          events.push(track(id, 'Everything Told', properties, more))
        }
    // What is known of the tables must be what is there.
    const half = events.length >> 1
    const loads = [
      new StagedLoads(warehouse, {}, { partition: 0 }),
      new StagedLoads(warehouse, {}, { partition: 1 }),
    ] as const
    for (const [i, one] of loads.entries()) {
      await one.stage(i === 0 ? events.slice(0, half) : events.slice(half))
      for (let runs = 1; ; runs++) {
        const report = await one.load()
        expect(report).not.toHaveProperty('error')
        expect(runs).toBeLessThan(20)
        if (report.done) break
      }
      expect(one.letters.map(({ messageId, reason }) => ({ messageId, reason }))).toEqual([])
    }
    await expectValues(warehouse, loads[0], events)
  }, 180_000)
})
