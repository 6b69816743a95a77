// Loads that are gathered in a bucket, where the doubles of the accounts can tell what is in it and what was asked of them.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Columns, Engine, Gathering } from '../../src/core/warehouse.ts'
import type { FakeDatabricks } from '../support/fake-databricks.ts'
import type { FakeRedshift } from '../support/fake-redshift.ts'
import type { FakeSnowflake } from '../support/fake-snowflake.ts'
import { loadOf } from '../support/load-of.ts'
import { startDatabricksWarehouse } from '../support/real-databricks.ts'
import { startRedshiftWarehouse } from '../support/real-redshift.ts'
import { startSnowflakeWarehouse } from '../support/real-snowflake.ts'
import type { S3Server } from '../support/s3-server.ts'

/** A warehouse of this machine that takes rows through a bucket. */
interface BucketWarehouse {
  readonly engine: Engine
  /** Opens one more for the same tables. */
  readonly another: () => Engine
  readonly s3: S3Server
  readonly rows: (table: string) => Promise<readonly Readonly<Record<string, unknown>>[]>
  /** Merges, or transactions that merge, which the warehouse was asked for. */
  readonly merges: () => readonly string[]
  /** Whether requests get no answer though they are carried out. */
  cut: (isCut: boolean) => void
  readonly stop: () => Promise<void>
}

const startSnowflake = async (): Promise<BucketWarehouse> => {
  const { use, namespace, fake: double, rows, stop } = await startSnowflakeWarehouse('stage')
  const fake = double as FakeSnowflake
  return {
    engine: use.open({}, namespace),
    another: () => use.open({}, namespace),
    s3: fake.s3,
    rows,
    merges: () => fake.ran.filter((sql) => sql.startsWith('MERGE')),
    cut: (isCut) => void (fake.fault = isCut ? () => 'cut after' : undefined),
    stop,
  }
}

const startDatabricks = async (): Promise<BucketWarehouse> => {
  const { use, namespace, fake: double, rows, stop } = await startDatabricksWarehouse('bucket')
  const fake = double as FakeDatabricks
  return {
    engine: use.open({}, namespace),
    another: () => use.open({}, namespace),
    s3: fake.s3,
    rows,
    merges: () => fake.requests.map(({ body }) => String(body['statement'])).filter((sql) => sql.startsWith('MERGE')),
    cut: (isCut) => void (fake.cut = isCut ? () => true : undefined),
    stop,
  }
}

const startRedshift = async (): Promise<BucketWarehouse> => {
  const { use, namespace, fake: double, rows, stop } = await startRedshiftWarehouse()
  const fake = double as FakeRedshift
  return {
    engine: use.open({}, namespace),
    another: () => use.open({}, namespace),
    s3: fake.s3,
    rows,
    merges: () => fake.requests.map(({ body }) => JSON.stringify(body['Sqls'])).filter((sql) => /"COPY /.test(sql)),
    cut: (isCut) => void (fake.cut = isCut ? () => true : undefined),
    stop,
  }
}

const columns: Columns = { id: 'string', total: 'float', received_at: 'datetime' }
const orders = (table: string, ids: readonly string[], more: object = {}) =>
  loadOf({
    id: '1',
    table,
    columns,
    rows: ids.map((id) => ({ id, total: 10, received_at: '2026-11-29T10:00:00.000Z', ...more })),
    merge: 'replace',
  })

const isAccount = ['SNOWFLAKE_ACCOUNT', 'DATABRICKS_URL', 'REDSHIFT_REGION'].some(
  (name) => process.env[name] !== undefined,
)

describe.skipIf(isAccount).each([
  ['Snowflake', startSnowflake, 9],
  ['Databricks', startDatabricks, 9],
  // Seven tables of a transaction.
  ['Redshift', startRedshift, 2],
] as const)('%s and its bucket', (name, start, mergesOfNine) => {
  let warehouse: BucketWarehouse
  let engine: Engine
  let s3: S3Server
  beforeAll(async () => {
    warehouse = await start()
    ;({ engine, s3 } = warehouse)
  }, 60_000)
  afterEach(() => {
    warehouse.cut(false)
    s3.refuse = undefined
    s3.stored.clear()
    s3.answers.length = 0
  })
  afterAll(() => warehouse?.stop())

  const begin = (): Gathering => engine.gather?.(crypto.randomUUID()) as Gathering
  const idsOf = async (table: string) => (await warehouse.rows(table)).map(({ id }) => id).toSorted()
  const puts = () => s3.answers.filter((answer) => answer.startsWith('PUT'))
  /** Two loads of one table, which wait. */
  const gatherTwo = async (table: string, more: object = {}): Promise<Gathering> => {
    await engine.widen(table, columns)
    await engine.foresee?.([table])
    const gathering = begin()
    await gathering.stage([orders(table, ['order-1', 'order-2'])])
    await gathering.stage([orders(table, ['order-3'], more)])
    return gathering
  }

  test(`${name} gets an object for each table and load that is gathered, and few statements, and no object stays`, async () => {
    const tables = Array.from({ length: 9 }, (_, i) => `nine_${i}`)
    for (const table of tables) await engine.widen(table, columns)
    const before = warehouse.merges().length
    const gathering = begin()
    for (const n of [1, 2, 3]) await gathering.stage(tables.map((table) => orders(table, [`${table}-${n}`])))
    expect(puts()).toHaveLength(27)
    expect(s3.stored.size).toBe(27)
    expect(warehouse.merges()).toHaveLength(before)
    await gathering.merge()
    const merges = warehouse.merges().slice(before)
    expect(merges).toHaveLength(mergesOfNine)
    expect(merges.join()).not.toContain('nine_1-1')
    expect(s3.stored.size).toBe(0)
    for (const table of tables) expect(await idsOf(table)).toEqual([1, 2, 3].map((n) => `${table}-${n}`))
  })

  test(`${name} fails as a warehouse where an object that was gathered is gone, and takes all again`, async () => {
    const gathering = await gatherTwo('missing')
    const [, second = ''] = [...s3.stored.keys()].toSorted()
    expect(second).toMatch(/\/gather\/[0-9a-f]{64}\/1\.json\.gz$/)
    s3.stored.delete(second)
    await expect(gathering.merge()).rejects.toMatchObject({
      message: expect.stringMatching(/took 2 rows of the 3 in|Mandatory url is not present/) as string,
      details: { scope: 'warehouse', ended: true },
    })
    await gathering.drop()
    expect(s3.stored.size).toBe(0)
    const again = await gatherTwo('missing')
    await again.merge()
    expect(await idsOf('missing')).toEqual(['order-1', 'order-2', 'order-3'])
  })

  test(`${name} keeps the objects of a merge whose end nobody knows, which may still read them`, async () => {
    const gathering = await gatherTwo('unknown')
    const left = [...s3.stored.keys()]
    warehouse.cut(true)
    await expect(gathering.merge()).rejects.toMatchObject({ details: { scope: 'warehouse' } })
    warehouse.cut(false)
    await gathering.drop()
    expect([...s3.stored.keys()]).toEqual(expect.arrayContaining(left))
    const again = await gatherTwo('unknown')
    await again.merge()
    await again.drop()
    expect(await idsOf('unknown')).toEqual(['order-1', 'order-2', 'order-3'])
    expect([...s3.stored.keys()]).toEqual(expect.arrayContaining(left))
  }, 30_000)

  test(`${name} speaks of rows where a value of a gathered one does not fit, and keeps no row and no object`, async () => {
    const gathering = await gatherTwo('unfit', { total: 'much' })
    await expect(gathering.merge()).rejects.toMatchObject({ details: { scope: 'rows', ended: true } })
    await gathering.drop()
    expect(await idsOf('unfit')).toEqual([])
    expect(s3.stored.size).toBe(0)
  })

  test(`${name} drops what a stage that failed in the middle has written`, async () => {
    const gathering = await gatherTwo('middle')
    for (const table of ['middle', 'middle_1']) await engine.widen(table, columns)
    let writes = 0
    s3.refuse = (request) =>
      request.startsWith('PUT') && ++writes === 2
        ? { status: 503, body: '<Error><Code>SlowDown</Code></Error>' }
        : undefined
    const loads = [orders('middle', ['order-4']), orders('middle_1', ['order-1'])]
    await expect(gathering.stage(loads)).rejects.toMatchObject({ details: { scope: 'warehouse' } })
    expect(s3.stored.size).toBe(3)
    await gathering.drop()
    expect(s3.stored.size).toBe(0)
    expect(await idsOf('middle')).toEqual([])
  })

  test(`${name} merges what was gathered though its objects cannot be deleted, and drop does not reject`, async () => {
    const gathering = await gatherTwo('lasting')
    s3.refuse = (request) => (request.startsWith('DELETE') ? { status: 500, body: '' } : undefined)
    await gathering.merge()
    await gathering.drop()
    expect(await idsOf('lasting')).toEqual(['order-1', 'order-2', 'order-3'])
    expect(s3.stored.size).toBeGreaterThan(0)
  })

  test(`${name} merges what an engine gathered into a table that another engine has made since`, async () => {
    expect(await engine.columns('made_since')).toBeNull()
    const gathering = begin()
    const other = warehouse.another()
    await other.widen('made_since', { ...columns, coupon: 'string' })
    const row = { id: 'order-1', coupon: 'SPRING' }
    await other.load(
      loadOf({
        id: '0',
        table: 'made_since',
        columns: { id: 'string', coupon: 'string' },
        rows: [row],
        merge: 'replace',
      }),
    )
    await gathering.stage([orders('made_since', ['order-1', 'order-2'])])
    await gathering.merge()
    expect(await idsOf('made_since')).toEqual(['order-1', 'order-2'])
    // The whole row was replaced.
    expect((await warehouse.rows('made_since')).map(({ coupon }) => coupon)).toEqual([null, null])
  })

  test(`${name} counts gathered rows that are there already, of a table that has nothing but an id`, async () => {
    await engine.widen('only_ids', { id: 'string' })
    for (const _ of [1, 2]) {
      const gathering = begin()
      for (const id of ['a', 'b'])
        await gathering.stage([
          loadOf({ id, table: 'only_ids', columns: { id: 'string' }, rows: [{ id }], merge: 'replace' }),
        ])
      await gathering.merge()
    }
    expect(await idsOf('only_ids')).toEqual(['a', 'b'])
  })
})
