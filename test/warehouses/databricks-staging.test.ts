import { gunzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Columns, Engine } from '../../src/core/warehouse.ts'
import { databricks } from '../../src/warehouses/databricks.ts'
import { blocks } from '../support/documents.ts'
import { accessToken, type FakeDatabricks, stagingSecret, warehouseId } from '../support/fake-databricks.ts'
import { loadOf } from '../support/load-of.ts'
import { type RealDatabricks, stagingOf, startDatabricksWarehouse } from '../support/real-databricks.ts'

const input = {
  url: 'https://dbc-a1b2345c-d6e7.cloud.databricks.com',
  warehouseId,
  catalog: 'events',
  token: 'dapi-of-ada',
}
const key = { accessKeyId: 'AKIAADA', secretAccessKey: 'difference engine' }

describe('staging of databricks()', () => {
  test('databricks() says all that is wrong with its staging, without repeating a secret', () => {
    const { problems, redacted } = databricks({
      ...input,
      staging: { ...key, provider: 's3', bucket: 'events.staging', prefix: 'a//b', endpoint: 'http://10.0.0.1' },
    })
    expect(problems).toEqual([
      '"staging": "bucket" is no name of a bucket, or has a dot in it',
      '"staging": "endpoint" must begin with https: (unless "allowPrivate" is true, for tests)',
      `"staging": "prefix" must be names of letters, digits, "_" and "-", with "/" between them`,
    ])
    expect(JSON.stringify(redacted)).not.toContain('difference engine')
    expect(redacted['staging']).toMatchObject({ bucket: 'events.staging', accessKeyId: 'AKIAADA' })
  })

  test.each([
    ['s3', '"staging": "region" is missing, which s3 needs'],
    ['r2', '"staging": "accountId" is missing, which r2 needs'],
  ] as const)('databricks() says what a bucket of %s needs', (provider, problem) => {
    expect(databricks({ ...input, staging: { ...key, provider, bucket: 'events' } }).problems).toEqual([problem])
  })
})

// The contract suite alone is for accounts.
describe.skipIf(process.env['DATABRICKS_URL'] !== undefined)('a Databricks that reads a bucket', () => {
  let warehouse: RealDatabricks
  let fake: FakeDatabricks
  let engine: Engine
  beforeAll(async () => {
    warehouse = await startDatabricksWarehouse('bucket')
    fake = warehouse.fake as FakeDatabricks
    engine = warehouse.use.open({}, warehouse.namespace)
  }, 60_000)
  afterEach(() => {
    fake.refuse = undefined
    fake.cut = undefined
    fake.fail = undefined
    fake.s3.refuse = undefined
    fake.location = 's3://analytics-staging/'
    fake.isLenient = false
    fake.s3.stored.clear()
    fake.s3.answers.length = 0
    fake.requests.length = 0
  })
  afterAll(() => warehouse?.stop())

  const columns: Columns = { id: 'string', event: 'string', total: 'float', received_at: 'datetime' }
  const orderOf = (id: string) => ({
    id,
    event: 'order_completed',
    total: 10,
    received_at: '2026-11-29T10:00:00.000Z',
  })
  const ordersOf = (table: string, ids: readonly string[], id = '1') =>
    loadOf({ id, table, columns, rows: ids.map(orderOf), merge: 'replace' })
  const idsOf = async (table: string) => (await warehouse.ids(table)).toSorted()
  const thrownBy = (work: Promise<unknown>) =>
    work.then(
      () => undefined,
      (thrown: unknown) => thrown as { message: string; details: Record<string, unknown> },
    )

  test('a Databricks that reads a bucket gets a load by one object and one statement, and the object is deleted', async () => {
    await engine.widen('orders', columns)
    await engine.load(ordersOf('orders', ['order-1']))
    fake.requests.length = 0
    fake.s3.answers.length = 0
    await engine.load(ordersOf('orders', ['order-2', 'order-3'], '2'))
    expect(fake.requests.map(({ asked }) => asked)).toEqual(['POST /api/2.0/sql/statements/'])
    expect(fake.s3.answers).toEqual([
      expect.stringMatching(/^PUT \/analytics-staging\/sluiceway-databricks\/[0-9a-f]{64}\.json\.gz 200$/),
      expect.stringMatching(/^DELETE \/analytics-staging\/sluiceway-databricks\/[0-9a-f]{64}\.json\.gz 204$/),
    ])
    expect(fake.s3.stored.size).toBe(0)
    expect(await idsOf('orders')).toEqual(['order-1', 'order-2', 'order-3'])
  })

  test('a Databricks that reads a bucket gets a large load by one statement, with no row and no key in it', async () => {
    await engine.widen('large', columns)
    const rows = Array.from({ length: 30 }, (_, i) => ({ ...orderOf(`order-${i}`), event: 'x'.repeat(600_000) }))
    fake.requests.length = 0
    for (const _ of [1, 2]) await engine.load(loadOf({ id: '1', table: 'large', columns, rows, merge: 'replace' }))
    const merges = fake.requests.filter(({ body }) => String(body['statement']).startsWith('MERGE'))
    expect(merges).toHaveLength(2)
    const sent = JSON.stringify(fake.requests)
    expect(sent).not.toContain('order-7')
    for (const secret of [stagingSecret, 'AKIAADA']) expect(sent).not.toContain(secret)
    expect(await warehouse.count('large')).toBe(30)
  })

  test.each(['replace', 'coalesce', 'append'] as const)(
    'a Databricks that reads a bucket and is cut off behind a load (%s) takes the repeat, and has each row once',
    async (merge) => {
      const table = `cut_${merge}`
      await engine.widen(table, columns)
      const load = loadOf({ id: '1', table, columns, rows: ['order-1', 'order-2'].map(orderOf), merge })
      await engine.load(loadOf({ id: '0', table, columns, rows: [orderOf('order-0')], merge }))
      fake.cut = (one) => one.startsWith('POST')
      await expect(engine.load(load)).rejects.toMatchObject({ details: { scope: 'warehouse' } })
      fake.cut = undefined
      // The statement may still read it.
      const left = [...fake.s3.stored.keys()]
      expect(left).toHaveLength(merge === 'append' ? 0 : 1)
      await warehouse.use.open({}, warehouse.namespace).load(load)
      expect(await idsOf(table)).toEqual(['order-0', 'order-1', 'order-2'])
      if (merge !== 'append')
        expect(fake.s3.answers.filter((answer) => answer === `PUT ${left[0]} 200`)).toHaveLength(2)
      expect(fake.s3.stored.size).toBe(0)
    },
  )

  test('a Databricks that reads a bucket loads many tables at once, and leaves no object', async () => {
    const tables = ['one', 'two', 'three', 'four', 'five', 'six']
    for (const table of tables) await engine.widen(table, columns)
    const loads = tables.map((table) => ordersOf(table, [table]))
    for (const _ of [1, 2]) await engine.loadTogether?.(loads)
    for (const table of tables) expect(await idsOf(table)).toEqual([table])
    expect(fake.s3.stored.size).toBe(0)
  })

  test('a row that a table of Databricks does not take fails the load with the scope rows, leaves nothing of it, and no object', async () => {
    await engine.widen('refused', columns)
    const rows = [orderOf('order-1'), { ...orderOf('order-2'), total: 'much' }]
    await expect(
      engine.load(loadOf({ id: '1', table: 'refused', columns, rows, merge: 'replace' })),
    ).rejects.toMatchObject({ details: { scope: 'rows', ended: true } })
    expect(await warehouse.count('refused')).toBe(0)
    expect(fake.s3.answers.at(-1)).toMatch(/^DELETE .* 204$/)
    await expect(
      engine.load(loadOf({ id: '1', table: 'refused', columns, rows: [{ event: 'x' }], merge: 'replace' })),
    ).rejects.toMatchObject({ details: { scope: 'rows' } })
    expect(fake.s3.stored.size).toBe(0)
  })

  test.each<[string, () => void, RegExp, boolean]>([
    [
      'has no external location there',
      () => void (fake.location = 's3://elsewhere/'),
      /Make an external location for s3:\/\/analytics-staging\/sluiceway-databricks, and grant READ FILES on it/,
      true,
    ],
    [
      'may not read it',
      () =>
        void (fake.fail = {
          error_code: 'BAD_REQUEST',
          message: 'PERMISSION_DENIED: User does not have READ FILES on External Location `staging`. SQLSTATE: 42501',
        }),
      /grant READ FILES on it: docs\/warehouse-databricks\.md/,
      true,
    ],
    [
      'finds that the object is gone',
      () =>
        void (fake.refuse = () => {
          fake.s3.stored.clear()
          return undefined
        }),
      /PATH_NOT_FOUND/,
      false,
    ],
    [
      'takes an object that is gone for an empty one',
      () => {
        fake.isLenient = true
        fake.refuse = () => {
          fake.s3.stored.clear()
          return undefined
        }
      },
      /took 0 rows of the 1 in s3:\/\/analytics-staging\/.*Check that the external location is the bucket/,
      false,
    ],
    [
      'has a bucket that refuses the key',
      () => void (fake.s3.refuse = () => ({ status: 403, body: '<Error><Code>AccessDenied</Code></Error>' })),
      /Databricks: HTTP 403 AccessDenied to put .*docs\/warehouse-databricks\.md has the policy/,
      true,
    ],
    [
      'has a bucket that is slow',
      () => void (fake.s3.refuse = () => ({ status: 503, body: '<Error><Code>SlowDown</Code></Error>' })),
      /Databricks: HTTP 503 SlowDown to put /,
      false,
    ],
  ])(
    'a Databricks that reads a bucket and %s fails as a warehouse, says what to do, and takes the repeat',
    async (_, breakIt, words, lasting) => {
      await engine.widen('broken', columns)
      await engine.load(ordersOf('broken', ['order-0'], '0'))
      breakIt()
      const thrown = await thrownBy(engine.load(ordersOf('broken', ['order-1'])))
      expect(thrown?.message).toMatch(words)
      expect(thrown?.details['scope']).toBe('warehouse')
      expect(thrown?.details['lasting'] ?? false).toBe(lasting)
      for (const secret of [stagingSecret, accessToken])
        expect(`${thrown?.message} ${JSON.stringify(thrown?.details)}`).not.toContain(secret)
      fake.refuse = undefined
      fake.fail = undefined
      fake.s3.refuse = undefined
      fake.location = 's3://analytics-staging/'
      await engine.load(ordersOf('broken', ['order-1']))
      expect(await idsOf('broken')).toEqual(['order-0', 'order-1'])
      expect(fake.s3.stored.size).toBe(0)
    },
  )

  test('an object that cannot be deleted fails no load', async () => {
    await engine.widen('kept', columns)
    fake.s3.refuse = (request) => (request.startsWith('DELETE') ? { status: 500, body: '' } : undefined)
    await engine.load(ordersOf('kept', ['order-1']))
    expect(await idsOf('kept')).toEqual(['order-1'])
    expect(fake.s3.stored.size).toBe(1)
  })

  test('objects have the lines that the statement reads, whatever is in a text', async () => {
    await engine.widen('texts', columns)
    const odd = 'a\nb\r\u2028"\\,\u0000ö'
    const seen: string[] = []
    fake.cut = () => {
      seen.push(...Array.from(fake.s3.stored.values(), (bytes) => gunzipSync(bytes).toString()))
      return false
    }
    await engine.load(
      loadOf({ id: '1', table: 'texts', columns, rows: [{ ...orderOf('order-1'), event: odd }], merge: 'replace' }),
    )
    expect(seen.at(-1)).toBe(
      `["order-1",${JSON.stringify(odd.replaceAll('\0', ''))},"10","2026-11-29T10:00:00.000Z"]\n`,
    )
    expect((await warehouse.rows('texts'))[0]?.['event']).toBe(odd.replaceAll('\0', ''))
  })

  test.each([
    ['s3', { region: 'eu-central-1' }, 's3://analytics-staging/'],
    [
      'r2',
      { accountId: '0123456789ABCDEF0123456789abcdef' },
      'r2://analytics-staging@0123456789abcdef0123456789abcdef.r2.cloudflarestorage.com/',
    ],
    ['gcs', {}, 'gs://analytics-staging/'],
  ] as const)(
    'a Databricks reads a bucket of %s by the name that Unity Catalog has for it',
    async (provider, own, root) => {
      const { region: _, ...bucket } = stagingOf(fake)
      const its = databricks({ ...warehouse.settings, staging: { ...bucket, ...own, provider } })
      expect(its.problems).toEqual([])
      const table = `of_${provider}`
      const one = its.open({}, warehouse.namespace)
      await one.widen(table, columns)
      fake.location = root
      await one.load(ordersOf(table, ['order-1']))
      expect(await idsOf(table)).toEqual(['order-1'])
    },
  )

  test('a probe of a Databricks that reads a bucket reads it, and leaves nothing behind', async () => {
    fake.location = 's3://elsewhere/'
    expect((await thrownBy(engine.probe()))?.message).toMatch(/Make an external location/)
    fake.location = 's3://analytics-staging/'
    await engine.probe()
    expect(await warehouse.tables()).not.toContain('_sluiceway_probe')
    expect(fake.s3.stored.size).toBe(0)
  })

  test('the SQL of the document names the location, and what is granted on it', () => {
    const script = blocks.find(({ path }) => path === 'databricks-staging.sql')?.text ?? ''
    const statements = script
      .replaceAll(/^--.*$/gm, '')
      .split(';')
      .map((one) => one.trim().replaceAll(/\s+/g, ' '))
      .filter(Boolean)
    expect(statements).toEqual([
      expect.stringMatching(
        /^CREATE EXTERNAL LOCATION IF NOT EXISTS \w+ URL 's3:\/\/[\w/-]+' WITH \(STORAGE CREDENTIAL \w+\)$/,
      ),
      expect.stringMatching(/^GRANT READ FILES ON EXTERNAL LOCATION \w+ TO `[\w-]+`$/),
    ])
  })
})
