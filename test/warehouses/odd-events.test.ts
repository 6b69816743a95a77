import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import { StagedLoads } from '../loading/staged-loads.ts'
import { startBigQueryWarehouse } from '../support/real-bigquery.ts'
import { startClickHouseWarehouse } from '../support/real-clickhouse.ts'
import { realWarehouses, type RealWarehouse } from '../support/real-warehouses.ts'

const engines = [
  ...realWarehouses,
  ['clickhouse', () => startClickHouseWarehouse()] as const,
  ['bigquery', () => startBigQueryWarehouse()] as const,
] as const

let number = 0
const next = () => `m-${++number}`

const track = (event: string, properties: Record<string, unknown> = {}, more: Partial<Event> = {}): Event => ({
  type: 'track',
  messageId: next(),
  userId: 'ada',
  event,
  properties,
  ...more,
})
const ordinary = (n: unknown): Event => track('Ordinary', { n })
const identify = (traits: Record<string, unknown>, receivedAt: string): Event => ({
  type: 'identify',
  messageId: next(),
  userId: 'ada',
  traits,
  receivedAt,
})

describe.each(engines)('what odd events do to the tables of %s', (engine, start) => {
  let warehouse: RealWarehouse
  let loads: StagedLoads
  beforeAll(async () => {
    warehouse = await start()
  }, 60_000)
  afterAll(() => warehouse.stop())
  beforeEach(async () => {
    await warehouse.clear()
    loads = new StagedLoads(warehouse)
  })

  /** BigQuery reserves some words that others do not. */
  const named = (table: string) => (engine === 'bigquery' && ['rows', 'groups'].includes(table) ? `_${table}` : table)

  const ns = async () => (await warehouse.rows('ordinary')).map(({ n }) => Number(n))

  /** Sends an ordinary event, then odd ones, then another ordinary one; nothing may fail. */
  const around = async (...odd: Event[]) => {
    const reports = [await loads.send(ordinary(1)), await loads.send(...odd), await loads.send(ordinary(2))]
    expect(reports.map(({ error }) => error)).toEqual([undefined, undefined, undefined])
    expect(await ns()).toEqual(expect.arrayContaining([1, 2]))
  }

  test.each(['xmin', 'xmax', 'cmin', 'cmax', 'ctid', 'tableoid'])(
    'a property named as the system column %s is a column of its own',
    async (name) => {
      const blendo = { integrations: { POSTGRES: { options: { useBlendoCasing: true } } } }
      await around(
        track('Map Moved', { [name]: 4.1 }),
        track('Map Zoomed', { [name]: 4.2 }, blendo as Partial<Event>),
        identify({ [name]: 4.3 }, '2026-11-22T10:00:00.000Z'),
        { type: 'page', messageId: next(), userId: 'ada', name: 'Map', properties: { [name]: 4.4 } },
        track('Ordinary', { n: 1, [name]: 4.5 }, { messageId: `m-${number - 4}` }),
      )
      expect(loads.letters).toEqual([])
      const column = engine === 'postgres' ? `_${name}` : name
      for (const [table, value] of [
        ['map_moved', 4.1],
        ['map_zoomed', 4.2],
        ['identifies', 4.3],
        ['users', 4.3],
        ['pages', 4.4],
        ['ordinary', 4.5],
      ] as const)
        expect((await warehouse.rows(table)).map((row) => Number(row[column]))).toContain(value)
    },
  )

  test.each([
    ['Sqlite Error', 'sqlite_error'],
    ['sqlite_sequence', 'sqlite_sequence'],
    ['sqlite_stat1', 'sqlite_stat1'],
    ['_cf_KV', '_cf_kv'],
    ['_cf_METADATA', '_cf_metadata'],
    ['Jsonb Each', 'jsonb_each'],
    ['Json Each', 'json_each'],
    ['Pragma Table Info', 'pragma_table_info'],
    ['D1 Migrations', 'd1_migrations'],
    ['Demo Sink', 'demo_sink'],
  ])('an event named "%s", a name that SQLite or D1 keeps, has a table', async (event, name) => {
    await around(track(event, { n: 7 }), track('Other', { n: 8 }))
    expect(loads.letters).toEqual([])
    const table = engine === 'd1' ? `_${name}` : name
    expect(await warehouse.rows(table)).toMatchObject([{ event: name }])
  })

  test.each([
    ['Rudder Discards', 'rudder_discards', { id: 'x' }],
    ['_sluiceway_loads', '_sluiceway_loads', { load_id: 'staging/tables/0/000003', table_name: 'rudder_discards' }],
    ['_sluiceway_columns', '_sluiceway_columns', { table_name: 'ordinary', column_name: 'n', type: 'boolean' }],
    ['_sluiceway_stage', '_sluiceway_stage', { n: 1 }],
  ])(
    'an event named "%s", as one of our own tables, has another, and discards work',
    async (event, name, properties) => {
      await loads.send(track(event, properties))
      await around(track('Ordinary', { n: 'one' }, { messageId: 'one' }), track(event, properties))
      expect(loads.letters).toEqual([])
      expect(await warehouse.rows(`_${name}`)).toHaveLength(2)
      const discards = await warehouse.rows('rudder_discards')
      expect(discards.filter((row) => row['table_name'] === 'ordinary')).toMatchObject([
        { row_id: 'one', column_name: 'n', column_value: 'one' },
      ])
    },
    30_000,
  )

  test('a property named as our JSON column has another column, also after the schema was read anew', async () => {
    for (const n of [1, 2]) {
      await loads.send(track('More Wanted', { _sluiceway_more: `text ${n}` }))
      loads = new StagedLoads(warehouse)
    }
    const rows = await warehouse.rows('more_wanted')
    expect(rows.map((row) => row['__sluiceway_more']).toSorted()).toEqual(['text 1', 'text 2'])
    expect(loads.letters).toEqual([])
  })

  test.each([
    ['Orders', 'Orders Pkey', 'orders_pkey'],
    // Their tables have `_` in front, and so have the indexes of these.
    ['Users', 'Users Pkey', 'users_pkey'],
    ['_drafts', 'Drafts Pkey1', 'drafts_pkey1'],
  ])('beside the event "%s", one named "%s", as an index of its table, has a table', async (event, pkey, name) => {
    await loads.send(track(event, { n: 1 }))
    await around(track(pkey, { n: 2 }))
    const table = engine === 'postgres' && /pkey\d*$/.test(name) ? `_${name}_` : name
    expect(await warehouse.rows(table)).toMatchObject([{ event: name }])
    expect(loads.letters).toEqual([])
  })

  test.each(['rowid', 'oid'])(
    'a property named %s, another name of the number of a row, has a column',
    async (name) => {
      await around(track('Ordinary', { n: 3, [name]: 'A-7' }), track('Rows', { [name]: 'A-8' }))
      expect(loads.letters).toEqual([])
      expect((await warehouse.rows('ordinary')).map((row) => row[name])).toContain('A-7')
      expect(await warehouse.rows(named('rows'))).toMatchObject([{ [name]: 'A-8' }])
    },
  )

  test('an event, a property and a user named as what objects of JavaScript have are rows as others', async () => {
    const named = { constructor: 'Bauhaus', hasOwnProperty: 'yes' }
    await around(
      track('constructor', named),
      // The id looks like a time, and is a text all the same.
      { ...track('Building', named), userId: '2026-11-22' },
      { ...identify(named, '2026-11-22T10:00:00.000Z'), userId: 'constructor' },
    )
    await loads.send(track('constructor', { n: 1 }))
    expect(loads.letters).toEqual([])
    const columns = { constructor: 'Bauhaus', has_own_property: 'yes' }
    const rows = await warehouse.rows('constructor')
    expect(rows).toHaveLength(2)
    expect(rows).toContainEqual(expect.objectContaining({ ...columns, event: 'constructor' }))
    expect(await warehouse.rows('building')).toMatchObject([{ ...columns, user_id: '2026-11-22' }])
    expect(await warehouse.rows('users')).toMatchObject([{ ...columns, id: 'constructor' }])
  })

  test.each(['half a pair \ud800', 'zero \0 inside'])(
    'a user with the id %j, of which no warehouse holds all, is one user, and a late identify overwrites nothing of it',
    async (userId) => {
      loads = new StagedLoads(warehouse, { maxColumns: 50 })
      const many = (name: string) =>
        Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`${name}_${i + 10}`, name]))
      const at = (minute: number, traits: Record<string, unknown>) => ({
        ...identify(traits, `2026-11-22T10:${minute}:00.000Z`),
        userId,
      })
      await around(at(20, { plan: 'Free', city: 'London', ...many('first') }))
      await around(at(10, { city: 'Late', born: 1815 }), at(30, { plan: 'Pro', ...many('second') }))
      expect(loads.letters).toEqual([])
      const users = await warehouse.rows('users')
      expect(users).toHaveLength(1)
      expect(users[0]).toMatchObject({ plan: 'Pro', city: 'London', ...many('first'), ...many('second') })
      expect(Number(users[0]?.['born'])).toBe(1815)
    },
  )

  test('a relation that is no table stops only the rows of its name: they wait, and are loaded once it is gone', async () => {
    await loads.send(ordinary(0))
    await warehouse.query(`CREATE VIEW ${warehouse.schema ?? ''}salaries AS SELECT 1 AS one`)
    await loads.send(track('Salaries', { amount: 5 }, { messageId: 'pay-1' }), ordinary(1), ordinary(2))
    expect((await ns()).toSorted()).toEqual([0, 1, 2])
    expect((await warehouse.rows('tracks')).map(({ id }) => id)).toContain('pay-1')
    await warehouse.query(`DROP VIEW ${warehouse.schema ?? ''}salaries`)
    loads.aheadMs = 120_000
    expect((await loads.load()).error).toBeUndefined()
    const salaries = await warehouse.rows('salaries')
    expect(salaries.map(({ id, amount }) => [id, Number(amount)])).toEqual([['pay-1', 5]])
    expect(loads.letters).toEqual([])
  })

  test('a table that was dropped is made again, and no event is buried', async () => {
    await loads.send(ordinary(1))
    await warehouse.query(`DROP TABLE ${warehouse.schema ?? ''}ordinary`)
    expect((await loads.send(ordinary(2))).error).toBeUndefined()
    expect(await ns()).toEqual([2])
    expect(loads.letters).toEqual([])
  })

  test('a column of fractions takes integers beyond 2^53, which come as their digits, and no other text', async () => {
    await loads.send(ordinary(1.5))
    const taken = ['9007199254740993', '-9223372036854775808', '123456789012345678901234567890']
    const others = ['42', '9007199254740993.5', '1e21', '0'.repeat(20), '9'.repeat(400)]
    await loads.send(...[...taken, ...others].map(ordinary))
    const stored = (await warehouse.rows('ordinary')).flatMap((row) => row['n'] ?? [])
    expect(stored.map(Number).toSorted((a, b) => a - b)).toEqual([
      -(2 ** 63),
      1.5,
      2 ** 53,
      Number('123456789012345678901234567890'),
    ])
    const discards = (await warehouse.rows('rudder_discards')).map((row) => row['column_value'])
    expect(discards.toSorted()).toEqual(others.toSorted())
    expect(loads.letters).toEqual([])
  })

  test('a column of integers takes one beyond 2^53, which comes as its digits, and no other text', async () => {
    await loads.send(ordinary(1))
    const texts = ['9007199254740993', '-9223372036854775808', '9223372036854775808', '42', '9007199254740993.5']
    await loads.send(...texts.map(ordinary))
    const stored = (await warehouse.rows('ordinary')).flatMap((row) => row['n'] ?? [])
    expect(stored.map(Number)).toEqual(expect.arrayContaining([1, 2 ** 53, -(2 ** 63)]))
    expect(stored).toHaveLength(3)
    const discards = (await warehouse.rows('rudder_discards')).map((row) => row['column_value'])
    expect(discards.toSorted()).toEqual(texts.slice(2).toSorted())
    expect(loads.letters).toEqual([])
  })

  const changed: Readonly<Record<string, (column: string, type: 'text' | 'int') => string>> = {
    postgres: (column, type) =>
      `ALTER COLUMN ${column} TYPE ${type === 'int' ? `bigint USING ${column}::bigint` : 'text'}`,
    clickhouse: (column, type) => `MODIFY COLUMN ${column} Nullable(${type === 'int' ? 'Int64' : 'String'})`,
  }
  const change = changed[engine]
  test.runIf(change)(
    'a column that a person gives another type is seen to have it, once a value does not fit',
    async () => {
      const send = (...values: (readonly [n: unknown, code: unknown])[]) =>
        loads.send(...values.map(([n, code]) => track('Ordinary', { n, code })))
      await send([1, '7'])
      for (const [column, type] of [
        ['n', 'text'],
        ['code', 'int'],
      ] as const)
        await warehouse.query(`ALTER TABLE ${warehouse.schema ?? ''}ordinary ${change?.(column, type)}`)
      await send(['many', '8'], [2, 'C-9'], [3, 10])
      const rows = await warehouse.rows('ordinary')
      expect(rows.map(({ n }) => n).toSorted()).toEqual(['1', '2', '3', 'many'])
      expect(rows.flatMap(({ code }) => code ?? []).map(Number)).toEqual(expect.arrayContaining([7, 10]))
      expect(await warehouse.rows('rudder_discards')).toMatchObject([
        { column_name: 'code', column_value: '8' },
        { column_name: 'code', column_value: 'C-9' },
      ])
      expect(loads.letters).toEqual([])
    },
  )

  test.runIf(change)('a column of texts that a person makes one of integers buries no event', async () => {
    await loads.send(track('Ordinary', { code: 'x' }))
    await warehouse.query(`TRUNCATE TABLE ${warehouse.schema ?? ''}ordinary`)
    await warehouse.query(`ALTER TABLE ${warehouse.schema ?? ''}ordinary ${change?.('code', 'int')}`)
    await loads.send(track('Ordinary', { code: 'C-9' }), track('Ordinary', { code: 'C-10' }))
    expect(await warehouse.rows('ordinary')).toMatchObject([{ code: null }, { code: null }])
    expect((await warehouse.rows('rudder_discards')).map((row) => row['column_value']).toSorted()).toEqual([
      'C-10',
      'C-9',
    ])
    expect(loads.letters).toEqual([])
  })

  test('columns of ours have fixed types, whatever the first event looks like', async () => {
    const odd = { userId: '2026-11-22', anonymousId: '2026-11-22', channel: '2026-11-22' }
    await loads.send(
      { ...track('Seen'), ...odd, timestamp: 1795870903895 as unknown as string },
      { type: 'page', messageId: next(), ...odd, name: '2026-11-22' } as Event,
      { type: 'group', messageId: next(), ...odd, groupId: '2026-11-22' } as Event,
      { type: 'alias', messageId: next(), userId: 'ada', previousId: '2026-11-22' } as Event,
    )
    const time = '2026-11-22T10:00:00.000Z'
    const plain = { userId: 'ada', anonymousId: 'anon-ada', channel: 'web', timestamp: time }
    await loads.send(
      { ...track('Seen'), ...plain } as Event,
      { type: 'page', messageId: next(), ...plain, name: 'Shop' } as Event,
      { type: 'group', messageId: next(), ...plain, groupId: 'engines' } as Event,
      { type: 'alias', messageId: next(), userId: 'ada', previousId: 'anon-ada' } as Event,
    )
    const seen = async (table: string, column: string) =>
      (await warehouse.rows(table)).map((row) => row[column]).toSorted()
    for (const table of ['tracks', 'seen', 'pages', named('groups')]) {
      expect(await seen(table, 'user_id'), table).toEqual(['2026-11-22', 'ada'])
      expect(await seen(table, 'anonymous_id'), table).toEqual(['2026-11-22', 'anon-ada'])
      expect(await seen(table, 'channel'), table).toEqual(['2026-11-22', 'web'])
    }
    expect(await seen('pages', 'name')).toEqual(['2026-11-22', 'Shop'])
    expect(await seen(named('groups'), 'group_id')).toEqual(['2026-11-22', 'engines'])
    expect(await seen('aliases', 'previous_id')).toEqual(['2026-11-22', 'anon-ada'])
    const times = (await warehouse.rows('tracks')).flatMap(({ timestamp }) => timestamp ?? [])
    expect(times.map((at) => new Date(at as string).toISOString())).toEqual([time])
    expect(await warehouse.rows('rudder_discards')).toMatchObject([
      { column_name: 'timestamp', column_value: '1795870903895' },
      { column_name: 'timestamp', column_value: '1795870903895' },
    ])
  })

  test('what no time could be read from is a text, also when it looks like a date that there is', async () => {
    await loads.send({ ...track('Seen'), context: { invalidTimestamp: '2026-02-30' } })
    await loads.send({ ...track('Seen'), context: { invalidTimestamp: 'Order 66' } })
    for (const table of ['tracks', 'seen']) {
      const kept = (await warehouse.rows(table)).map((row) => row['context_invalid_timestamp'])
      expect(kept.toSorted(), table).toEqual(['2026-02-30', 'Order 66'])
    }
    expect(await warehouse.tables()).not.toContain('rudder_discards')
  })

  test('an identify that comes late fills what is missing of its user, and overwrites nothing', async () => {
    await loads.send(identify({ plan: 'pro' }, '2026-11-22T12:00:00.000Z'))
    await loads.send(identify({ plan: 'free', phone: 1 }, '2026-11-22T11:00:00.000Z'))
    const [user] = await warehouse.rows('users')
    expect(user).toMatchObject({ id: 'ada', plan: 'pro' })
    expect(Number(user?.['phone'])).toBe(1)
    expect(new Date(user?.['received_at'] as string).toISOString()).toBe('2026-11-22T12:00:00.000Z')
    await loads.send(
      identify({ plan: 'basic', city: 'London' }, '2026-11-22T14:00:00.000Z'),
      identify({ plan: 'gold', city: 'Paris', title: 'Countess' }, '2026-11-22T13:00:00.000Z'),
    )
    expect(await warehouse.rows('users')).toMatchObject([{ plan: 'basic', city: 'London', title: 'Countess' }])
  })

  test('a user with more traits than a table of D1 has columns is folded by time as well', async () => {
    const traits = (city: string, n: number) => ({
      ...Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`answer_${i}`, i])),
      city,
      [`seen_${n}`]: true,
    })
    await loads.send(identify(traits('London', 1), '2026-11-22T12:00:00.000Z'))
    await loads.send(identify(traits('Paris', 2), '2026-11-22T11:00:00.000Z'))
    const [user] = await warehouse.rows('users')
    expect(user).toMatchObject({ city: 'London' })
    expect([user?.['seen_1'], user?.['seen_2']].map(Boolean)).toEqual([true, true])
    expect(new Date(user?.['received_at'] as string).toISOString()).toBe('2026-11-22T12:00:00.000Z')
  })

  test('a row that is too wide is there, with what is beyond as JSON, and its row of tracks too', async () => {
    const wide = Object.fromEntries(Array.from({ length: 1_600 }, (_, i) => [`answer_${i}`, `forty-two times ${i}`]))
    await around(track('Asked', wide, { messageId: 'wide' }), identify(wide, '2026-11-22T10:00:00.000Z'))
    expect(loads.letters).toEqual([])
    expect((await warehouse.rows('tracks')).map(({ id }) => id)).toContain('wide')
    for (const table of ['asked', 'identifies', 'users']) expect(await warehouse.rows(table)).toMatchObject([wide])
  })

  test('mapping.maxColumns says how many columns a row may have', async () => {
    loads = new StagedLoads(warehouse, { maxColumns: 50 })
    const many = Object.fromEntries(Array.from({ length: 80 }, (_, i) => [`answer_${i}`, i]))
    await loads.send(track('Asked', many))
    const [row] = await warehouse.query(`SELECT * FROM ${warehouse.schema ?? ''}asked`)
    // BigQuery's tables have this one besides.
    expect(Object.keys(row ?? {}).filter((name) => name !== 'loaded_at')).toHaveLength(50)
    expect(Object.keys(row ?? {})).toEqual(expect.arrayContaining(['id', 'user_id', 'uuid_ts', '_sluiceway_more']))
    expect(await warehouse.rows('asked')).toMatchObject([{ answer_79: 79 }])
  })

  test('values that lose their column to another key, or whose key gives none, are in rudder_discards', async () => {
    await loads.send(track('Order', { order_id: 1, orderId: 1.5, 金额: 7, '?!': 8 }, { messageId: 'order-1' }))
    // No word is reserved at RudderStack's ClickHouse.
    const [table, other] = engine === 'clickhouse' ? ['order', '_order'] : ['_order', 'order']
    expect(await warehouse.rows(other)).toEqual([])
    expect(Number((await warehouse.rows(table))[0]?.['order_id'])).toBe(1.5)
    const discards = await warehouse.rows('rudder_discards')
    expect(discards.map((row) => [row['column_name'], row['column_value']]).toSorted()).toEqual(
      [
        ['order_id', '1'],
        ['金额', '7'],
        ['?!', '8'],
      ].toSorted(),
    )
  })

  test('a fraction in a column of integers widens it, in the same load and in a later one, and nothing is cut', async () => {
    await loads.send(track('Ordinary', { n: 10, total: 10 }), track('Ordinary', { n: 0.5, total: 20 }))
    await loads.send(track('Ordinary', { n: 1, total: 39.95 }), track('Ordinary', { n: 2, total: 1e30 }))
    await loads.send(track('Ordinary', { n: 3, total: 30 }))
    const discards = (await warehouse.rows('rudder_discards')).map(
      ({ row_id: id, column_name: name, column_value }) => [`${String(id)} ${String(name)}`, Number(column_value)],
    )
    const found = (await warehouse.rows('ordinary')).flatMap(({ id, n, total }) =>
      Object.entries({ n, total }).flatMap(([name, value]) =>
        value === null ? [] : [[`${String(id)} ${name}`, Number(value)]],
      ),
    )
    expect([...found, ...discards].map(([, value]) => Number(value)).toSorted((one, other) => one - other)).toEqual([
      0.5, 1, 2, 3, 10, 10, 20, 30, 39.95, 1e30,
    ])
    expect(discards).toEqual([])
  })

  test.runIf(engine === 'postgres')(
    'a fraction in a column of integers that a view uses is discarded once, whole, and its row stays',
    async () => {
      await loads.send(track('Ordinary', { n: 10 }))
      await warehouse.query('CREATE VIEW "sluiceway"."sums" AS SELECT sum(n) FROM "sluiceway"."ordinary"')
      await loads.send(track('Ordinary', { n: 39.95 }, { messageId: 'fraction' }), track('Ordinary', { n: 11 }))
      expect(await warehouse.ids('ordinary')).toHaveLength(3)
      expect(await warehouse.rows('rudder_discards')).toMatchObject([
        {
          row_id: 'fraction',
          column_name: 'n',
          column_value: '39.95',
          reason: 'the column is int, the value is float',
        },
      ])
    },
  )

  test.runIf(engine === 'd1')(
    'a table that an earlier version made, with a rowid, is widened and filled as before',
    async () => {
      await warehouse.query('CREATE TABLE "ordinary" ("id" TEXT NOT NULL PRIMARY KEY, "n" INTEGER)')
      await warehouse.query(`INSERT INTO "ordinary" VALUES ('old', 1), ('repeated', 2)`)
      await loads.send(track('Ordinary', { n: 3, city: 'London' }, { messageId: 'repeated' }), ordinary(4))
      const rows = (await warehouse.rows('ordinary')).map(({ id, n, city }) => [id, n, city])
      expect(rows).toEqual(
        expect.arrayContaining([
          ['old', 1, null],
          ['repeated', 3, 'London'],
        ]),
      )
      expect(rows).toHaveLength(3)
    },
  )

  test('events that a lane staged twice, in files that overlap, have their rows and their discards once', async () => {
    const [first, odd, last] = [ordinary(1), ordinary('one'), ordinary(2)]
    await loads.send(first, odd)
    await loads.send(first, odd, last)
    expect(await warehouse.rows('ordinary')).toHaveLength(3)
    expect(await warehouse.rows('rudder_discards')).toMatchObject([{ row_id: odd.messageId, column_value: 'one' }])
  })

  test('a long value that is discarded is cut, and the reason says so', async () => {
    await loads.send(track('Ordinary', { n: 1 }), track('Ordinary', { n: 'x'.repeat(30_000) }))
    const [discard] = await warehouse.rows('rudder_discards')
    expect(String(discard?.['column_value'])).toHaveLength(10_000)
    expect(discard?.['reason']).toMatch(/cut from 30000 characters to 10000/)
  })
})
