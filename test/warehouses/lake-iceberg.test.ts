// Iceberg tables of a lake: a catalog of Apache's PyIceberg checks every commit, PyIceberg and DuckDB read what is committed.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import type { Columns, Gathering, Load } from '../../src/core/warehouse.ts'
import { iceberg } from '../../src/warehouses/iceberg.ts'
import { LakeStore } from '../../src/warehouses/lake/lake-store.ts'
import { S3Store } from '../../src/warehouses/lake/s3-store.ts'
import { lake } from '../../src/warehouses/lake.ts'
import { StagedLoads } from '../loading/staged-loads.ts'
import { loadOf, type RecordLoad } from '../support/load-of.ts'
import { filesIn, type IcebergCatalog, missingIceberg, startIceberg } from '../support/real-iceberg.ts'
import { settingsOf } from '../support/real-lake.ts'
import { type S3Server, startS3 } from '../support/s3-server.ts'

const columns: Columns = { id: 'string', event: 'string', total: 'int', received_at: 'datetime' }
const order = (id: string, total: unknown = 1, receivedAt = '2026-11-29T10:00:00.000Z') => ({
  id,
  event: 'order_completed',
  total,
  received_at: receivedAt,
})
let n = 0
const load = (more: Partial<RecordLoad> = {}): Load =>
  loadOf({
    id: `staging/lake/0/${++n}/0+2`,
    table: 'tracks',
    columns,
    rows: [order('order-1'), order('order-2')],
    merge: 'replace',
    ...more,
  })

describe.skipIf((await missingIceberg()) !== undefined)('a lake with Iceberg tables', () => {
  let s3: S3Server
  let catalog: IcebergCatalog
  let folder = ''
  beforeAll(async () => {
    s3 = await startS3('secret key of Ada')
    catalog = await startIceberg(filesIn(s3))
  })
  afterAll(async () => {
    await catalog?.stop()
    await s3?.stop()
  })
  beforeEach(() => {
    folder = `web_${++n}`
  })
  afterEach(() => {
    catalog.intercept = undefined
    s3.refuse = undefined
  })

  const use = (more: Partial<Parameters<typeof lake>[0]> = {}, settings = {}) =>
    lake({ ...settingsOf(s3), iceberg: iceberg({ ...catalog.settings, ...settings }), ...more })
  const open = (more: Partial<Parameters<typeof lake>[0]> = {}, settings = {}) => use(more, settings).open({}, folder)
  const fill = async (one: Load, engine = open()) => {
    await engine.widen(one.table, Object.fromEntries(one.columns.map(({ name, type }) => [name, type])))
    await engine.load(one)
  }
  const isCommitted = (request: string) => /^POST .*tables\/tracks \d+$/.test(request)
  const ids = async (table = 'tracks') => (await catalog.scan(folder, table)).rows.map(({ id }) => id).toSorted()

  test('rows of a load are in a table of the catalog, with types and days, for PyIceberg and for DuckDB', async () => {
    const all: Columns = {
      id: 'string',
      n: 'int',
      total: 'float',
      gift: 'boolean',
      received_at: 'datetime',
      note: 'text',
      cart: 'json',
    }
    const rows = [
      {
        id: 'a',
        n: '9007199254740993',
        total: 129.9,
        gift: true,
        received_at: '2026-11-28T23:59:59.999Z',
        note: 'Zürich',
      },
      { id: 'b', n: -1, total: -0.5, gift: false, received_at: '2026-11-29T00:00:00.000Z', cart: '{"n":1}' },
      { id: 'c' },
    ]
    await fill(load({ columns: all, rows }))
    const scan = await catalog.scan(folder, 'tracks')
    expect(scan.types).toEqual({
      id: 'string',
      n: 'long',
      total: 'double',
      gift: 'boolean',
      received_at: 'timestamptz',
      note: 'string',
      cart: 'string',
      _sluiceway_load: 'long',
    })
    expect(scan.spec).toEqual(['day'])
    const none = { n: null, total: null, gift: null, received_at: null, note: null, cart: null }
    const number = Number(scan.properties['sluiceway.load'])
    const wanted = rows.map((row) => ({ ...none, ...row, _sluiceway_load: number }))
    expect(scan.rows.toSorted((a, b) => (String(a['id']) < String(b['id']) ? -1 : 1))).toEqual([
      { ...wanted[0], received_at: '2026-11-28T23:59:59.999000+00:00' },
      { ...wanted[1], received_at: '2026-11-29T00:00:00+00:00' },
      wanted[2],
    ])
    expect(scan.files.map((file) => file.rows)).toEqual([1, 1, 1])
    for (const { path, bytes } of scan.files)
      expect((await filesIn(s3).get(path.replace('s3://events/', '')))?.byteLength).toBe(bytes)
    const day = await catalog.scan(folder, 'tracks', "received_at >= '2026-11-29T00:00:00+00:00'")
    expect([day.rows.map(({ id }) => id), day.files.length]).toEqual([['b'], 1])
    const before = await catalog.scan(folder, 'tracks', "received_at < '2026-11-29T00:00:00+00:00'")
    expect([before.rows.map(({ id }) => id), before.files.length]).toEqual([['a'], 1])
    expect(
      await catalog.duckdb(
        folder,
        'tracks',
        `SELECT id, n, total, gift, CAST(received_at AS VARCHAR) AS at, note FROM TABLE ORDER BY id`,
      ),
    ).toEqual([
      { id: 'a', n: '9007199254740993', total: 129.9, gift: true, at: '2026-11-28 23:59:59.999+00', note: 'Zürich' },
      { id: 'b', n: -1, total: -0.5, gift: false, at: '2026-11-29 00:00:00+00', note: null },
      { id: 'c', n: null, total: null, gift: null, at: null, note: null },
    ])
  })

  test('a column that is added is null in rows that were there, and a table without times has no days', async () => {
    const engine = open()
    const first: Columns = { id: 'string', sku: 'string' }
    await fill(load({ table: 'viewed', columns: first, rows: [{ id: 'v-1', sku: 'S-1' }] }), engine)
    const wider: Columns = { price: 'float', id: 'string' }
    await fill(load({ table: 'viewed', columns: wider, rows: [{ id: 'v-2', price: 1.5 }] }), engine)
    const scan = await catalog.scan(folder, 'viewed')
    expect(scan.spec).toEqual([])
    expect(scan.types).toEqual({ id: 'string', sku: 'string', _sluiceway_load: 'long', price: 'double' })
    const rows = [
      { id: 'v-1', sku: 'S-1', price: null },
      { id: 'v-2', sku: null, price: 1.5 },
    ]
    expect(scan.rows.toSorted((a, b) => (String(a['id']) < String(b['id']) ? -1 : 1))).toMatchObject(rows)
    expect(await catalog.duckdb(folder, 'viewed', 'SELECT id, sku, price FROM TABLE ORDER BY id')).toEqual(rows)
  })

  test('a column whose type Iceberg cannot change loses no value: the old one is kept under another name', async () => {
    const engine = open()
    const types = ['int', 'float', 'string'] as const
    for (const [i, value] of ['9007199254740993', 5.5, 'many'].entries()) {
      const typed = { ...columns, total: types[i] ?? 'string' }
      await fill(load({ columns: typed, rows: [order(`order-${i}`, value)] }), engine)
    }
    // A load that knows the narrow type alone is of the wide one.
    await engine.load(load({ rows: [order('order-3', 7)] }))
    const scan = await catalog.scan(folder, 'tracks')
    expect(scan.types).toMatchObject({
      total: 'string',
      _sluiceway_long_total: 'long',
      _sluiceway_double_total: 'double',
    })
    const wanted = [
      { id: 'order-0', total: null, _sluiceway_long_total: '9007199254740993', _sluiceway_double_total: null },
      { id: 'order-1', total: null, _sluiceway_long_total: null, _sluiceway_double_total: 5.5 },
      { id: 'order-2', total: 'many', _sluiceway_long_total: null, _sluiceway_double_total: null },
      { id: 'order-3', total: '7', _sluiceway_long_total: null, _sluiceway_double_total: null },
    ]
    expect(scan.rows.toSorted((a, b) => (String(a['id']) < String(b['id']) ? -1 : 1))).toMatchObject(wanted)
    const names = 'id, total, _sluiceway_long_total, _sluiceway_double_total'
    expect(await catalog.duckdb(folder, 'tracks', `SELECT ${names} FROM TABLE ORDER BY id`)).toEqual(wanted)
  })

  test.each(['replace', 'coalesce', 'append'] as const)(
    'a load that is repeated adds nothing (%s), though uuid_ts is another, and though others have come since',
    async (merge) => {
      const stamped: Columns = { ...columns, uuid_ts: 'datetime' }
      const at = (uuid_ts: string) =>
        load({ id: 'load-7', merge, columns: stamped, rows: [{ ...order('order-1'), uuid_ts }] })
      await fill(at('2026-11-29T10:00:00.000Z'))
      await fill(load({ merge, rows: [order('order-2')] }))
      const before = catalog.requests.length
      await fill(at('2026-11-29T10:05:00.000Z'))
      expect(await ids()).toEqual(['order-1', 'order-2'])
      expect(catalog.requests.slice(before).filter((one) => one.startsWith('POST'))).toEqual([])
    },
  )

  test('halves of a load, and loads of one id with other rows, are all there', async () => {
    for (const id of ['order-1', 'order-2']) await fill(load({ id: 'load-8', rows: [order(id)] }))
    await fill(load({ id: 'load-8', rows: [order('order-1', 7)] }))
    expect(await ids()).toEqual(['order-1', 'order-1', 'order-2'])
    const newest =
      'SELECT id, total FROM TABLE QUALIFY row_number() OVER (PARTITION BY id ORDER BY _sluiceway_load DESC) = 1 ORDER BY id'
    expect(await catalog.duckdb(folder, 'tracks', newest)).toEqual([
      { id: 'order-1', total: 7 },
      { id: 'order-2', total: 1 },
    ])
  })

  test('a crash before or behind any request to the store or the catalog leaves each row there once, when the load is repeated', async () => {
    const days = [order('order-1', 1, '2026-11-28T10:00:00.000Z'), order('order-2')]
    let crashes = 0
    for (const isLost of [false, true])
      for (let at = 1; ; at++) {
        folder = `crash_${isLost}_${at}`
        let asked = 0
        const due = () => ++asked === at
        s3.refuse = () => (!isLost && due() ? { status: 500, body: '' } : undefined)
        catalog.intercept = () => (due() ? (isLost ? 'lost' : { status: 500 }) : undefined)
        const one = load({ rows: days })
        const thrown = await fill(one).catch((error: unknown) => error)
        s3.refuse = undefined
        catalog.intercept = undefined
        if (asked < at) break
        // A commit that was done and not answered is found to be done.
        if (thrown !== undefined) {
          expect(thrown).toMatchObject({ code: 'warehouse_failed', details: { scope: 'warehouse' } })
          crashes++
        }
        await fill(one)
        const { rows, files } = await catalog.scan(folder, 'tracks')
        expect(rows.map(({ id }) => id).toSorted(), `${isLost} ${at}`).toEqual(['order-1', 'order-2'])
        expect(files).toHaveLength(2)
      }
    expect(crashes).toBeGreaterThan(20)
  })

  test('a commit that was done and not answered is looked up, and is no failure; one that was not done is', async () => {
    await fill(load({ rows: [order('order-1')] }))
    const isCommit = (request: string) => /^POST .*tables\/tracks$/.test(request)
    catalog.intercept = (request) => (isCommit(request) ? 'lost' : undefined)
    await open().load(load({ rows: [order('order-2')] }))
    expect(await ids()).toEqual(['order-1', 'order-2'])
    catalog.intercept = (request) => (isCommit(request) ? { status: 504 } : undefined)
    const before = catalog.requests.length
    await expect(open().load(load({ rows: [order('order-3')] }))).rejects.toThrow(/HTTP 504/)
    expect(catalog.requests.slice(before).filter(isCommitted)).toHaveLength(1)
    expect(await ids()).toEqual(['order-1', 'order-2'])
  })

  // PyIceberg writes no table with days unless one more package is there.
  const timeless: Columns = { id: 'string', total: 'int' }
  const untimed = (id: string) => load({ columns: timeless, rows: [{ id, total: 1 }] })

  test('a load that a merge of all files and the expiry of its snapshot came behind is not added again, and the lake keeps its files', async () => {
    const one = untimed('order-1')
    await fill(one)
    const inLake = () => [...s3.stored.keys()].filter((key) => key.startsWith(`/events/lake/${folder}/`))
    const before = inLake()
    await catalog.call('other', { namespace: folder, table: 'tracks', do: 'compact' })
    await fill(one)
    await fill(untimed('order-2'))
    expect(await ids()).toEqual(['order-1', 'order-2'])
    expect(inLake()).toEqual(expect.arrayContaining(before))
    const { snapshots } = await catalog.scan(folder, 'tracks')
    expect(snapshots.map(({ summary }) => summary['operation'])).toEqual(['append', 'append'])
    expect(snapshots[0]?.summary['sluiceway-load']).toBeUndefined()
  })

  test('files that the lake had before are added by PyIceberg, as older than all others', async () => {
    await fill(load({ rows: [order('order-1'), order('order-2')] }), open({ iceberg: undefined }))
    await fill(load({ rows: [order('order-2', 7)] }))
    const old = [...s3.stored.keys()].filter(
      (key) => key.startsWith(`/events/lake/${folder}/`) && key.endsWith('.parquet'),
    )
    const isOurs = (await catalog.scan(folder, 'tracks')).files.map(({ path }) => path)
    const files = old.slice(0, 1).map((key) => `s3:/${decodeURIComponent(key)}`)
    await catalog.call('other', { namespace: folder, table: 'tracks', do: 'add', files })
    expect((await catalog.scan(folder, 'tracks')).files.map(({ path }) => path).toSorted()).toEqual(
      [...isOurs, ...files].toSorted(),
    )
    await fill(load({ rows: [order('order-3')] }))
    const { rows } = await catalog.scan(folder, 'tracks')
    expect(
      rows
        .toSorted((a, b) => Number(a['_sluiceway_load']) - Number(b['_sluiceway_load']))
        .map(({ id, total }) => [id, total]),
    ).toEqual([
      ['order-1', 1],
      ['order-2', 1],
      ['order-2', 7],
      ['order-3', 1],
    ])
  })

  test('writers that commit at once all find their place, also beside one whose ids have 63 bits', async () => {
    await fill(untimed('order-0'))
    const rows = [{ id: 'order-x', total: 1, _sluiceway_load: 1 }]
    const other = { namespace: folder, table: 'tracks', do: 'append', rows }
    let isFirst = true
    catalog.intercept = (request) => {
      if (!isFirst || !/^POST .*tables\/tracks$/.test(request)) return undefined
      isFirst = false
      return catalog.call('other', other)
    }
    const before = catalog.requests.length
    await fill(untimed('order-1'))
    expect(catalog.requests.slice(before).filter((one) => one.startsWith('POST'))).toEqual([
      expect.stringMatching(/ 409$/),
      expect.stringMatching(/ 200$/),
    ])
    await Promise.all([1, 2, 3].map((i) => open().load(untimed(`order-${i + 1}`))))
    expect(await ids()).toEqual(['order-0', 'order-1', 'order-2', 'order-3', 'order-4', 'order-x'])
    const { snapshots } = await catalog.scan(folder, 'tracks')
    expect(snapshots.some(({ id }) => BigInt(id) > BigInt(Number.MAX_SAFE_INTEGER))).toBe(true)
    const numbers = await catalog.duckdb(folder, 'tracks', 'SELECT count(DISTINCT _sluiceway_load) AS n FROM TABLE')
    expect(numbers).toEqual([{ n: 6 }])
  })

  const gathered = async (loads: readonly Load[], engine = open()): Promise<Gathering> => {
    const gathering = engine.gather?.('gather-1') as Gathering
    for (const one of loads) {
      await engine.widen(one.table, Object.fromEntries(one.columns.map(({ name, type }) => [name, type])))
      await gathering.stage([one])
    }
    return gathering
  }

  test('loads that are gathered are one snapshot with one file a day, and nothing before', async () => {
    const day = (id: string) => order(id, 1, '2026-11-28T23:59:59.999Z')
    const loads = Array.from({ length: 10 }, (_, i) => load({ rows: [order(`order-${i}a`), day(`order-${i}b`)] }))
    const gathering = await gathered(loads)
    expect((await catalog.scan(folder, 'tracks')).rows).toEqual([])
    expect(gathering.heldBytes).toBeGreaterThan(100_000)
    await gathering.merge()
    const { rows, files, snapshots } = await catalog.scan(folder, 'tracks')
    expect(rows).toHaveLength(20)
    expect(files.map((file) => file.rows)).toEqual([10, 10])
    expect(snapshots.map(({ summary }) => summary['sluiceway-load'])).toEqual([loads[0]?.id])
    const late = await catalog.scan(folder, 'tracks', "received_at < '2026-11-29T00:00:00+00:00'")
    expect([late.rows.length, late.files.length]).toEqual([10, 1])
  })

  test('columns that come, and get another type, while loads are gathered are there with their values', async () => {
    const wide = { ...columns, coupon: 'string' } as Columns
    const first = await gathered([
      load({ rows: [order('order-1')] }),
      load({ columns: wide, rows: [{ ...order('order-2'), coupon: 'SPRING' }] }),
      load({ rows: [order('order-3')] }),
    ])
    await first.merge()
    await (await gathered([load({ columns: { ...columns, total: 'float' }, rows: [order('order-4', 39.95)] })])).merge()
    const sql = 'SELECT id, coalesce(total, _sluiceway_long_total) AS total, coupon FROM TABLE ORDER BY id'
    expect(await catalog.duckdb(folder, 'tracks', sql)).toEqual([
      { id: 'order-1', total: 1, coupon: null },
      { id: 'order-2', total: 1, coupon: 'SPRING' },
      { id: 'order-3', total: 1, coupon: null },
      { id: 'order-4', total: 39.95, coupon: null },
    ])
    expect((await catalog.scan(folder, 'tracks')).files).toHaveLength(3)
  })

  test('a crash at any request of a merge leaves each row there once, when the same loads are gathered again', async () => {
    let crashes = 0
    for (const isLost of [false, true])
      for (let at = 1; ; at++) {
        folder = `gather_crash_${isLost}_${at}`
        const loads = [1, 2].map((i) => load({ rows: [order(`order-${i}`)] }))
        const gathering = await gathered(loads)
        let asked = 0
        const due = () => ++asked === at
        s3.refuse = () => (!isLost && due() ? { status: 500, body: '' } : undefined)
        catalog.intercept = () => (due() ? (isLost ? 'lost' : { status: 500 }) : undefined)
        const thrown = await gathering.merge().catch((error: unknown) => error)
        s3.refuse = undefined
        catalog.intercept = undefined
        if (asked < at) break
        if (thrown !== undefined) crashes++
        await (await gathered(loads)).merge()
        const { rows, files } = await catalog.scan(folder, 'tracks')
        expect(rows.map(({ id }) => id).toSorted(), `${isLost} ${at}`).toEqual(['order-1', 'order-2'])
        expect(files).toHaveLength(1)
      }
    expect(crashes).toBeGreaterThan(5)
  })

  test.each(['a crash behind it', 'a commit that the catalog refuses'])(
    'a merge of Iceberg tables that ends with %s adds each event once, also where others come before the repeat',
    async (what) => {
      const events = (from: number, to: number): Event[] =>
        Array.from({ length: to - from }, (_, i) => ({
          type: 'track',
          messageId: `order-${from + i}`,
          userId: 'ada',
          event: 'Order Completed',
          properties: { total: 39.95 },
        }))
      const loader = new StagedLoads({ use: use({ folder }), bindings: {} })
      await loader.send(...events(0, 1))
      for (let from = 1; from < 3_001; from += 1_000) await loader.stage(events(from, from + 1_000))
      if (what === 'a crash behind it') loader.crashes = (where) => where === 'after merge'
      else catalog.intercept = (asked) => (/^POST .*tables\/tracks$/.test(asked) ? { status: 503 } : undefined)
      expect((await loader.load()).error).toBeDefined()
      catalog.intercept = undefined
      loader.crashes = () => false
      loader.restart()
      await loader.stage(events(3_001, 3_011))
      for (let runs = 0; !(await loader.load()).done; runs++) expect(runs).toBeLessThan(5)
      const wanted = events(0, 3_011).map(({ messageId }) => messageId)
      for (const table of ['tracks', 'order_completed']) expect(await ids(table), table).toEqual(wanted.toSorted())
    },
    60_000,
  )

  test('a merge finds its place beside others, unless another load of ours came between', async () => {
    await fill(untimed('order-0'))
    const rows = [{ id: 'order-x', total: 1, _sluiceway_load: 1 }]
    let isFirst = true
    catalog.intercept = (request) => {
      if (!isFirst || !/^POST .*tables\/tracks$/.test(request)) return undefined
      isFirst = false
      return catalog.call('other', { namespace: folder, table: 'tracks', do: 'append', rows })
    }
    await (await gathered([untimed('order-1'), untimed('order-2')])).merge()
    expect(isFirst).toBe(false)
    expect(await ids()).toEqual(['order-0', 'order-1', 'order-2', 'order-x'])
    const again = [untimed('order-3'), untimed('order-4')]
    const late = await gathered(again)
    await open().load(untimed('order-5'))
    await expect(late.merge()).rejects.toMatchObject({
      message: expect.stringMatching(/another load has changed the Iceberg table "tracks" meanwhile/) as string,
      details: { scope: 'warehouse' },
    })
    await (await gathered(again)).merge()
    expect(await ids()).toEqual(['order-0', 'order-1', 'order-2', 'order-3', 'order-4', 'order-5', 'order-x'])
  })

  test('the work of a load does not grow with the loads: manifests are merged, and old snapshots are not asked for', async () => {
    const engine = open()
    await engine.widen('tracks', columns)
    const operations: number[] = []
    for (let i = 0; i < 36; i++) {
      const before = s3.answers.length + catalog.requests.length
      await engine.load(load({ rows: [order(`order-${i}`)] }))
      operations.push(s3.answers.length + catalog.requests.length - before)
    }
    const { rows, manifests, snapshots, files } = await catalog.scan(folder, 'tracks')
    expect([rows.length, files.length, snapshots.length]).toEqual([36, 36, 36])
    expect(manifests.length).toBeLessThan(6)
    expect(manifests.filter(({ existing }) => existing === 32)).toHaveLength(1)
    expect(Math.max(...operations)).toBeLessThan(50)
    const reads = catalog.requests.filter((one) => one.startsWith('GET') && one.includes('/tables/'))
    expect(reads.every((one) => one.includes('snapshots=refs'))).toBe(true)
    expect(
      await catalog.duckdb(folder, 'tracks', 'SELECT count(*) AS n, count(DISTINCT id) AS ids FROM TABLE'),
    ).toEqual([{ n: 36, ids: 36 }])
    expect(snapshots.at(-1)?.summary).toMatchObject({
      operation: 'append',
      'added-records': '1',
      'total-records': '36',
    })
  })

  test('a load for which the operations of the invocation do not last ends in good order, and the next goes on', async () => {
    const days = Array.from({ length: 50 }, (_, i) => new Date(i * 86_400_000).toISOString())
    const one = load({ rows: days.map((day, i) => order(`order-${i}`, i, day)) })
    const spent = {}
    const store = new LakeStore(new S3Store(settingsOf(s3)), 'lake', spent)
    for (let i = 0; i < 7_900; i++) store.count()
    await open().widen('tracks', columns)
    await expect(use({ folders: 'YYYY' }).open(spent, folder).load(one)).rejects.toMatchObject({
      details: { scope: 'invocation' },
    })
    await use({ folders: 'YYYY' }).open({}, folder).load(one)
    expect((await catalog.scan(folder, 'tracks')).files).toHaveLength(50)
  })

  test.each([
    ['a wrong token', {}, { token: 'another token' }, /HTTP 401.*Check `token`/, 'warehouse', true],
    [
      'an unknown warehouse',
      {},
      { warehouse: 'nobody' },
      /HTTP 404.*Check `catalog` and `warehouse`/,
      'warehouse',
      true,
    ],
    ['no catalog', {}, { catalog: 'http://127.0.0.1:1' }, /catalog did not answer/, 'warehouse', undefined],
    [
      'another bucket',
      { bucket: 'other' },
      {},
      /catalog are in the bucket "events".*another \(other\)/,
      'warehouse',
      true,
    ],
  ] as const)('%s fails the load, is told without a secret', async (_, more, settings, message, scope, lasting) => {
    const thrown = await fill(load(), open(more, settings)).catch((error: unknown) => error)
    expect(thrown).toMatchObject({
      code: 'warehouse_failed',
      message: expect.stringMatching(message),
      details: lasting === undefined ? { scope } : { scope, lasting },
    })
    expect(String(thrown)).not.toMatch(/another token|token of Ada|secret key/)
  })

  test.each([
    [{ status: 429 }, 'warehouse'],
    [
      { status: 400, body: { error: { message: 'no such type: token of Ada for the catalog', type: 'X', code: 400 } } },
      'table',
    ],
    [{ status: 403 }, 'warehouse'],
    [{ status: 200, body: { metadata: 'x'.repeat(33 * 1024 * 1024) } }, 'warehouse'],
  ])('an answer of the catalog that is no table fails the load (%#)', async (answer, scope) => {
    catalog.intercept = (request) => (request.includes('/tables/') ? answer : undefined)
    const thrown = await fill(load()).catch((error: unknown) => error)
    expect(thrown).toMatchObject({ code: 'warehouse_failed', details: { scope } })
    expect(String(thrown)).not.toContain('token of Ada')
  })

  test('a table that Sluiceway did not make is left alone', async () => {
    await catalog.call('make', { namespace: folder, table: 'tracks' })
    await expect(fill(load())).rejects.toMatchObject({
      message: expect.stringContaining('was not made by Sluiceway'),
      details: { scope: 'table' },
    })
    expect((await catalog.scan(folder, 'tracks')).snapshots).toEqual([])
  })

  test('a value that does not fit speaks of its row, and neither form of the table has the load', async () => {
    await fill(load())
    await expect(open().load(load({ rows: [order('order-9', 'many')] }))).rejects.toMatchObject({
      details: { scope: 'rows' },
    })
    expect(await ids()).toEqual(['order-1', 'order-2'])
  })

  test('a probe makes the namespace, and needs the right to', async () => {
    await open().probe()
    await expect(open({}, { token: 'another token' }).probe()).rejects.toMatchObject({ details: { lasting: true } })
  })
})

describe('settings of iceberg', () => {
  const settings = { catalog: 'https://catalog.cloudflarestorage.com/a/b', warehouse: 'a_b', token: 'token of Ada' }

  test.each([
    [iceberg({ ...settings, token: undefined }), /iceberg: "token" is missing/],
    [iceberg({ ...settings, catalog: 'https://169.254.169.254/a' }), /iceberg: "catalog" must name a public host/],
    [iceberg({ ...settings, bucket: 'b' } as never), /iceberg: .*"bucket"/],
    [settings as never, /"iceberg" must be iceberg\(\{…\}\)/],
  ])('lake says what is wrong with iceberg (%#)', (given, problem) => {
    const found = lake({ iceberg: given })
    expect(found.problems.join('\n')).toMatch(problem)
    expect(JSON.stringify(found)).not.toContain('token of Ada')
  })

  test('lake shows the settings of iceberg without the token', () => {
    const { problems, redacted } = lake({ iceberg: iceberg(settings) })
    expect(problems).toEqual([])
    expect(redacted['iceberg']).toMatchObject({ catalog: settings.catalog, warehouse: 'a_b', token: '***' })
  })
})
