// What a lake makes of loads that are gathered: few files, and each row once, whatever breaks off.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Columns, Gathering } from '../../src/core/warehouse.ts'
import { lake } from '../../src/warehouses/lake.ts'
import type { Manifest } from '../../src/warehouses/lake/manifest.ts'
import { StagedLoads } from '../loading/staged-loads.ts'
import { loadOf, type RecordLoad } from '../support/load-of.ts'
import { type LakeReader, objectsIn, readLake, settingsOf } from '../support/real-lake.ts'
import type { RealWarehouse } from '../support/real-warehouses.ts'
import { type S3Server, startS3 } from '../support/s3-server.ts'
import { crashEachStep, expectOrdersOnce, gatheredOrders } from './gathered-orders.ts'

const columns: Columns = { id: 'string', event: 'string', total: 'float', received_at: 'datetime' }
const order = (id: string, more: Record<string, unknown> = {}) => ({
  id,
  event: 'order_completed',
  total: 39.95,
  received_at: '2026-11-29T10:00:00.000Z',
  ...more,
})

let s3: S3Server
let reader: LakeReader
const use = (more: Partial<Parameters<typeof lake>[0]> = {}) => lake({ ...settingsOf(s3), folder: '.', ...more })
const manifestOf = async (table: string) => {
  const key = `lake/${table}/dt=2026-11-29/_manifest.json`
  return JSON.parse(Buffer.from((await objectsIn(s3)(key)).get(key) ?? []).toString()) as Manifest
}
/** Files of rows of a table, in all of its folders. */
const filesOf = async (table: string) =>
  [...(await objectsIn(s3)(`lake/${table}/`)).keys()].filter((key) => key.endsWith('.parquet'))

beforeEach(async () => {
  s3 = await startS3('secret key of Ada')
  reader = await readLake(objectsIn(s3))
})
afterEach(async () => {
  reader.stop()
  await s3.stop()
})

describe('loads of a lake that are gathered', () => {
  const engineOf = (more: Partial<Parameters<typeof lake>[0]> = {}) => use(more).open({}, '')
  const gather = (engine = engineOf()) => engine.gather?.('gather-1') as Gathering
  const stage = async (gathering: Gathering, n: number, more: Partial<RecordLoad> = {}): Promise<void> => {
    const load = { table: 'tracks', columns, rows: [order(`order-${n}`)], ...more }
    await engineOf().widen(load.table, load.columns)
    await gathering.stage([loadOf({ id: `staging/lake/0/1/${n}`, merge: 'replace', ...load })])
  }

  test('twenty loads of a table are one file, of which each is a row group, and the manifest names it', async () => {
    const gathering = gather()
    for (let n = 0; n < 20; n++) await stage(gathering, n, { rows: [order(`order-${n}a`), order(`order-${n}b`)] })
    expect(await filesOf('tracks')).toEqual([])
    expect(gathering.heldBytes).toBeGreaterThan(20 * 4 * 1_000)
    await gathering.merge()
    const [file = ''] = await filesOf('tracks')
    expect(await filesOf('tracks')).toHaveLength(1)
    expect(await manifestOf('tracks')).toEqual({
      version: 1,
      table: 'tracks',
      columns,
      files: [
        {
          name: file.split('/').at(-1),
          load: expect.any(Number) as number,
          merge: 'replace',
          rows: 40,
          bytes: (await objectsIn(s3)(file)).get(file)?.byteLength,
        },
      ],
    })
    expect(await reader.rows('tracks')).toHaveLength(40)
    const groups = await reader.query(
      `SELECT count(DISTINCT row_group_id)::INT AS n FROM parquet_metadata('${reader.folder('tracks')}/**/*.parquet')`,
    )
    expect(groups).toEqual([{ n: 20 }])
  })

  test('rows of two days are in two files, and those of two tables in four', async () => {
    const gathering = gather()
    for (const table of ['tracks', 'order_completed'])
      for (const [n, day] of ['2026-11-28', '2026-11-29', '2026-11-28'].entries())
        await stage(gathering, n, { table, rows: [order(`order-${n}`, { received_at: `${day}T23:59:59.999Z` })] })
    await gathering.merge()
    expect([...(await filesOf('tracks')), ...(await filesOf('order_completed'))]).toHaveLength(4)
    const days = await reader.query(
      'SELECT dt::VARCHAR AS dt, count(*)::INT AS n FROM tracks GROUP BY dt ORDER BY dt',
      'tracks',
    )
    expect(days).toEqual([
      { dt: '2026-11-28', n: 2 },
      { dt: '2026-11-29', n: 1 },
    ])
  })

  test('a column that comes later begins another file, and those that files of the day have begin none', async () => {
    const wide = { ...columns, coupon: 'string' } as Columns
    const first = gather()
    await stage(first, 1)
    await stage(first, 2, { columns: wide, rows: [order('order-2', { coupon: 'SPRING' })] })
    await stage(first, 3)
    await first.merge()
    expect(await filesOf('tracks')).toHaveLength(2)
    const second = gather()
    await stage(second, 4)
    await stage(second, 5, { columns: wide, rows: [order('order-5', { coupon: 'WINTER' })] })
    await second.merge()
    expect(await filesOf('tracks')).toHaveLength(3)
    const coupons = (await reader.rows('tracks')).map(({ id, coupon }) => [id, coupon])
    expect(coupons).toEqual([
      ['order-1', null],
      ['order-2', 'SPRING'],
      ['order-3', null],
      ['order-4', null],
      ['order-5', 'WINTER'],
    ])
  })

  test('a merge that breaks off before its manifest changes nothing, and its repeat writes the same file', async () => {
    const engine = engineOf()
    await engine.widen('tracks', columns)
    const twice = async () => {
      const gathering = gather()
      for (const n of [1, 2]) await stage(gathering, n)
      await gathering.merge()
    }
    s3.refuse = (request) => (/^PUT .*_manifest/.test(request) ? { status: 500, body: '' } : undefined)
    await expect(twice()).rejects.toMatchObject({ details: { scope: 'warehouse' } })
    expect(await filesOf('tracks')).toHaveLength(1)
    expect(await reader.rows('tracks')).toEqual([])
    s3.refuse = undefined
    await twice()
    expect(await filesOf('tracks')).toHaveLength(1)
    expect((await reader.rows('tracks')).map(({ id }) => id)).toEqual(['order-1', 'order-2'])
  })

  test('loads that append are one file, whose entry in the manifest names each of them', async () => {
    const engine = engineOf()
    const discards: Columns = { row_id: 'string', column_value: 'string', received_at: 'datetime' }
    const loadNamed = (id: string) =>
      loadOf({
        id,
        table: 'rudder_discards',
        columns: discards,
        merge: 'append',
        rows: [{ row_id: `order-${id}`, column_value: 'forty', received_at: '2026-11-29T10:00:00.000Z' }],
      })
    await engine.widen('rudder_discards', discards)
    await engine.appendTogether?.(['1', '2', '3'].map(loadNamed))
    // Those that are there are not written again.
    await engineOf().appendTogether?.(['2', '4', '4'].map(loadNamed))
    expect(await filesOf('rudder_discards')).toHaveLength(2)
    const { files } = await manifestOf('rudder_discards')
    expect(files.map(({ loads, rows }) => [loads?.length, rows])).toEqual([
      [3, 3],
      [undefined, 1],
    ])
    const there = (await reader.rows('rudder_discards', 'row_id')).map((row) => row['row_id'])
    expect(there).toEqual(['order-1', 'order-2', 'order-3', 'order-4'])
  })
})

describe('a lake whose loader gathers', () => {
  const loads = () => new StagedLoads({ use: use(), bindings: {} } as unknown as RealWarehouse)
  const idsOf = async (table: string, column = 'id') =>
    (await reader.rows(table, column)).map((row) => String(row[column])).toSorted()
  /** Rows of the files that count, before a view folds them. */
  const listedRows = async (table: string): Promise<number> => {
    const objects = [...(await objectsIn(s3)(`lake/${table}/`))].filter(([key]) => key.endsWith('_manifest.json'))
    const files = objects.flatMap(([, bytes]) => (JSON.parse(Buffer.from(bytes).toString()) as Manifest).files)
    return files.reduce((sum, { rows }) => sum + rows, 0)
  }

  test('very many events that wait become one file of each table, and their discards one', async () => {
    const loader = loads()
    for (let from = 0; from < 12_000; from += 1_000) await loader.stage(gatheredOrders(from, from + 1_000))
    expect(await loader.load()).toMatchObject({ done: true, discards: 120 })
    await expectOrdersOnce(12_000, idsOf)
    for (const table of ['tracks', 'order_completed', 'rudder_discards']) expect(await filesOf(table)).toHaveLength(1)
  })

  test('a crash before or after any step leaves each event and each discard there once', { timeout: 300_000 }, () =>
    crashEachStep(
      async () => {
        s3.stored.clear()
        return loads()
      },
      async (count, at, isLast) => {
        for (const table of ['tracks', 'order_completed'])
          expect(await listedRows(table), `${table}, crash at ${at}`).toBe(count)
        if (at % 4 === 1 || isLast) await expectOrdersOnce(count, idsOf)
      },
    ),
  )
})
