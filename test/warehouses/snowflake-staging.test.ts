import { gunzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Columns, Engine } from '../../src/core/warehouse.ts'
import { snowflake } from '../../src/warehouses/snowflake.ts'
import { blocks } from '../support/documents.ts'
import { type FakeSnowflake, stagingSecret } from '../support/fake-snowflake.ts'
import { loadOf } from '../support/load-of.ts'
import { type SnowflakeWarehouse, startSnowflakeWarehouse } from '../support/real-snowflake.ts'

describe('staging of snowflake()', () => {
  test('snowflake() says all that is wrong with its staging, without repeating a secret', () => {
    const { problems, redacted } = snowflake({
      account: 'engines-london',
      user: 'sluiceway',
      token: 'token of Ada',
      database: 'analytics',
      warehouse: 'loading',
      staging: {
        stage: 'events',
        provider: 's3',
        bucket: 'Events',
        accessKeyId: 'AKIAADA',
        secretAccessKey: 'difference engine',
      },
    })
    expect(problems).toEqual([
      '"staging": "bucket" is no name of a bucket, or has a dot in it',
      '"staging": "stage" must be DATABASE.SCHEMA.STAGE, with names as in SQL',
    ])
    expect(JSON.stringify(redacted)).not.toContain('difference engine')
  })
})

// The contract suite alone is for accounts.
describe.skipIf(process.env['SNOWFLAKE_ACCOUNT'] !== undefined)('a Snowflake that reads a stage', () => {
  let warehouse: SnowflakeWarehouse
  let fake: FakeSnowflake
  let engine: Engine
  let stage: FakeSnowflake['stage']
  beforeAll(async () => {
    warehouse = await startSnowflakeWarehouse('stage')
    fake = warehouse.fake as FakeSnowflake
    stage = fake.stage
    engine = warehouse.use.open({}, warehouse.namespace)
  }, 60_000)
  afterEach(() => {
    fake.fault = undefined
    fake.stage = stage
    fake.s3.refuse = undefined
    fake.s3.stored.clear()
    fake.s3.answers.length = 0
    fake.ran.length = 0
    fake.seen.length = 0
  })
  afterAll(() => warehouse?.stop())

  const columns: Columns = { ID: 'string', EVENT: 'string', TOTAL: 'float', CART: 'json', RECEIVED_AT: 'datetime' }
  const orderOf = (id: string) => ({
    ID: id,
    EVENT: 'order_completed',
    TOTAL: 10,
    CART: '{"n":1}',
    RECEIVED_AT: '2026-11-29T10:00:00.000Z',
  })
  const ordersOf = (table: string, ids: readonly string[], merge: 'replace' | 'coalesce' | 'append' = 'replace') =>
    loadOf({ id: '1', table, columns, rows: ids.map(orderOf), merge })
  const idsOf = async (table: string) => (await warehouse.ids(table)).toSorted()
  const merges = () => fake.ran.filter((sql) => sql.startsWith('MERGE'))

  test('a Snowflake that reads a stage gets a load by one object and one statement, and the object is deleted', async () => {
    await engine.widen('ORDERS', columns)
    const rows: string[] = []
    fake.fault = () => {
      rows.push(...Array.from(fake.s3.stored.values(), (bytes) => gunzipSync(bytes).toString()))
      return undefined
    }
    await engine.load(ordersOf('ORDERS', ['order-1', 'order-2']))
    const [put = '', deleted = '', ...others] = fake.s3.answers
    const [, name] = /^PUT \/analytics-staging\/sluiceway-snowflake\/([0-9a-f]{64}\.json\.gz) 200$/.exec(put) ?? []
    expect(name).toBeDefined()
    expect([deleted, ...others]).toEqual([`DELETE /analytics-staging/sluiceway-snowflake/${name} 204`])
    const cells = [
      'F.$1[0]::VARCHAR AS C0',
      'F.$1[1]::VARCHAR AS C1',
      'F.$1[2]::VARCHAR::DOUBLE AS C2',
      'PARSE_JSON(F.$1[3]::VARCHAR) AS C3',
      "TO_TIMESTAMP_TZ(F.$1[4]::VARCHAR, 'AUTO') AS C4",
    ]
    expect(merges()).toEqual([
      expect.stringContaining(
        `USING (SELECT ${cells.join(', ')} FROM @"ANALYTICS"."PUBLIC"."EVENTS_ON_THEIR_WAY"/${name} F) AS FRESH ON KEPT."ID" = FRESH.C0 `,
      ),
    ])
    expect(rows).toEqual([
      ['order-1', 'order-2']
        .map((id) => `["${id}","order_completed","10","{\\"n\\":1}","2026-11-29T10:00:00.000+00:00"]\n`)
        .join(''),
    ])
    expect(await idsOf('ORDERS')).toEqual(['order-1', 'order-2'])
    const sent = JSON.stringify(fake.seen)
    for (const secret of [stagingSecret, 'AKIAADA', 'order_completed"']) expect(sent).not.toContain(secret)
  })

  test('a Snowflake that reads a stage gets a load of several MB by one statement, and by its repeat nothing changes', async () => {
    await engine.widen('LARGE', columns)
    const rows = Array.from({ length: 12 }, (_, i) => ({ ...orderOf(`order-${i}`), EVENT: 'x'.repeat(300_000) }))
    fake.ran.length = 0
    for (const _ of [1, 2]) await engine.load(loadOf({ id: '1', table: 'LARGE', columns, rows, merge: 'replace' }))
    expect(merges()).toHaveLength(2)
    expect(await warehouse.count('LARGE')).toBe(12)
    expect(fake.s3.stored.size).toBe(0)
  })

  test('what a stage cannot count goes in the statement: discards, and rows without an id', async () => {
    await engine.widen('RUDDER_DISCARDS', columns)
    for (const _ of [1, 2]) await engine.load(ordersOf('RUDDER_DISCARDS', ['order-1', 'order-2'], 'append'))
    expect(await warehouse.count('RUDDER_DISCARDS')).toBe(2)
    const pairs: Columns = { MERGE_PROPERTY_1_VALUE: 'string', MERGE_PROPERTY_2_VALUE: 'string' }
    await engine.widen('RULES', pairs)
    const rules = loadOf({
      id: '1',
      table: 'RULES',
      columns: pairs,
      rows: [{ MERGE_PROPERTY_1_VALUE: 'a-1', MERGE_PROPERTY_2_VALUE: 'ada' }],
      merge: 'replace',
    })
    for (const _ of [1, 2]) await engine.load(rules)
    expect(await warehouse.count('RULES')).toBe(1)
    expect(fake.s3.answers).toEqual([])
  })

  test.each<[string, () => void, RegExp, boolean]>([
    [
      'has no such stage',
      () => void (fake.stage = { ...stage, name: '"ANALYTICS"."PUBLIC"."OTHER"' }),
      /Stage 'ANALYTICS\.PUBLIC\.EVENTS_ON_THEIR_WAY' does not exist or not authorized.*docs\/warehouse-snowflake\.md/s,
      true,
    ],
    [
      'has a stage with another URL, of which it reads no rows',
      () => void (fake.stage = { ...stage, path: '/analytics-staging/' }),
      /took 0 rows of the 1 in @"ANALYTICS"\."PUBLIC"\."EVENTS_ON_THEIR_WAY"\/.*Check that the stage has the URL/,
      false,
    ],
    [
      'has a bucket that refuses the key',
      () => void (fake.s3.refuse = () => ({ status: 403, body: '<Error><Code>AccessDenied</Code></Error>' })),
      /Snowflake: HTTP 403 AccessDenied to put .*docs\/warehouse-snowflake\.md has the policy/,
      true,
    ],
  ])(
    'a Snowflake that reads a stage and %s fails as a warehouse, says what to do, and takes the repeat',
    async (_, breakIt, words, lasting) => {
      await engine.widen('BROKEN', columns)
      await engine.load(ordersOf('BROKEN', ['order-0']))
      breakIt()
      const thrown = (await engine.load(ordersOf('BROKEN', ['order-1'])).catch((error: unknown) => error)) as {
        readonly message: string
        readonly details: Readonly<Record<string, unknown>>
      }
      expect(thrown.message).toMatch(words)
      expect(thrown.details['scope']).toBe('warehouse')
      expect(thrown.details['lasting'] ?? false).toBe(lasting)
      expect(`${thrown.message} ${JSON.stringify(thrown.details)}`).not.toContain(stagingSecret)
      expect(fake.s3.stored.size).toBe(0)
      fake.stage = stage
      fake.s3.refuse = undefined
      await engine.load(ordersOf('BROKEN', ['order-1']))
      expect(await idsOf('BROKEN')).toEqual(['order-0', 'order-1'])
    },
  )

  test('a row that a table of Snowflake does not take fails the load with the scope rows, leaves nothing of it, and no object', async () => {
    await engine.widen('REFUSED', columns)
    const rows = [orderOf('order-1'), { ...orderOf('order-2'), TOTAL: 'much' }]
    await expect(
      engine.load(loadOf({ id: '1', table: 'REFUSED', columns, rows, merge: 'replace' })),
    ).rejects.toMatchObject({ details: { scope: 'rows', ended: true } })
    expect(await warehouse.count('REFUSED')).toBe(0)
    expect(fake.s3.stored.size).toBe(0)
  })

  test('an object whose statement did not tell how it ended stays until the repeat', async () => {
    await engine.widen('CUT', columns)
    await engine.load(ordersOf('CUT', ['order-0']))
    fake.fault = ({ body }) => (String(body?.['statement']).startsWith('MERGE') ? { status: 503 } : undefined)
    await expect(engine.load(ordersOf('CUT', ['order-1']))).rejects.toMatchObject({ details: { scope: 'warehouse' } })
    expect(fake.s3.stored.size).toBe(1)
    fake.fault = undefined
    await engine.load(ordersOf('CUT', ['order-1']))
    expect(await idsOf('CUT')).toEqual(['order-0', 'order-1'])
    expect(fake.s3.stored.size).toBe(0)
  })

  test('an object whose statement took too long is deleted, since Snowflake has stopped the statement', async () => {
    await engine.widen('LONG', columns)
    await engine.load(ordersOf('LONG', ['order-0']))
    const body = { code: '000630', message: 'Statement reached its statement or warehouse timeout of 120 second(s).' }
    fake.fault = (request) =>
      String(request.body?.['statement']).startsWith('MERGE') ? { status: 408, body } : undefined
    await expect(engine.load(ordersOf('LONG', ['order-1']))).rejects.toMatchObject({
      details: { scope: 'warehouse', ended: true },
    })
    expect(fake.s3.stored.size).toBe(0)
  })

  test('a probe of a Snowflake that reads a stage reads it, and leaves nothing behind', async () => {
    fake.stage = { ...stage, path: '/elsewhere/' }
    await expect(engine.probe()).rejects.toThrow(/took 0 rows of the 1/)
    fake.stage = stage
    await engine.probe()
    expect(await warehouse.tables()).not.toContain('_SLUICEWAY_PROBE')
    expect(fake.s3.stored.size).toBe(0)
  })

  test('the SQL of the document makes the stage, and grants it', () => {
    const script = blocks.find(({ path }) => path === 'snowflake-stage.sql')?.text ?? ''
    const statements = script
      .split(';')
      .map((one) => one.trim().replaceAll(/\s+/g, ' '))
      .filter(Boolean)
    expect(statements).toEqual([
      expect.stringMatching(
        /^CREATE STORAGE INTEGRATION IF NOT EXISTS \w+ TYPE = EXTERNAL_STAGE STORAGE_PROVIDER = 'S3' /,
      ),
      expect.stringMatching(
        /^CREATE STAGE IF NOT EXISTS ANALYTICS\.PUBLIC\.\w+ URL = 's3:\/\/analytics-staging\/sluiceway-snowflake\/' STORAGE_INTEGRATION = \w+ FILE_FORMAT = \(TYPE = JSON\)$/,
      ),
      'GRANT USAGE ON SCHEMA ANALYTICS.PUBLIC TO ROLE SLUICEWAY',
      expect.stringMatching(/^GRANT USAGE ON STAGE ANALYTICS\.PUBLIC\.\w+ TO ROLE SLUICEWAY$/),
    ])
  })
})
