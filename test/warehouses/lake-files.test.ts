// What a lake is made of: names and contents of its objects, what breaks off, what refuses, and what is read together.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Columns, Gathering, Load } from '../../src/core/warehouse.ts'
import { StagedLoads } from '../loading/staged-loads.ts'
import { lake } from '../../src/warehouses/lake.ts'
import { S3Store } from '../../src/warehouses/lake/s3-store.ts'
import { tableFolder } from '../../src/warehouses/lake/object-names.ts'
import { type LakeReader, lakeSql, type Objects, objectsIn, readLake, settingsOf } from '../support/real-lake.ts'
import type { RealWarehouse } from '../support/real-warehouses.ts'
import { loadOf, type RecordLoad } from '../support/load-of.ts'
import { type S3Server, startS3 } from '../support/s3-server.ts'

const secret = 'secret key of Ada'
const columns: Columns = { id: 'string', event: 'string', total: 'int', received_at: 'datetime' }
const order = (id: string, total: unknown = 1, receivedAt = '2026-11-29T10:00:00.000Z') => ({
  id,
  event: 'order_completed',
  total,
  received_at: receivedAt,
})
const load = (more: Partial<RecordLoad> = {}): Load =>
  loadOf({
    id: 'staging/lake/0/000-002/0+2',
    table: 'tracks',
    columns,
    rows: [order('order-1'), order('order-2')],
    merge: 'replace',
    ...more,
  })

let s3: S3Server
let reader: LakeReader
const objects: Objects = (below) => objectsIn(s3)(below)
const keys = async () => [...(await objects('')).keys()].toSorted()
const text = async (key: string) => Buffer.from((await objects(key)).get(key) ?? []).toString()
const use = (more: Partial<Parameters<typeof lake>[0]> = {}) => lake({ ...settingsOf(s3), folder: '.', ...more })
const open = (more: Partial<Parameters<typeof lake>[0]> = {}) => use(more).open({}, '')

beforeEach(async () => {
  s3 = await startS3(secret)
  reader = await readLake(objects)
})
afterEach(async () => {
  vi.useRealTimers()
  reader.stop()
  await s3.stop()
})

describe('objects of a lake', () => {
  test.each(['dt', 'hours'])('a lake writes the objects of the golden case %s', async (name) => {
    interface Golden {
      readonly settings: Partial<Parameters<typeof lake>[0]>
      readonly loads: readonly RecordLoad[]
      readonly objects: Readonly<Record<string, unknown>>
    }
    const path = join(import.meta.dirname, 'lake', `${name}.json`)
    const golden = JSON.parse(readFileSync(path, 'utf8')) as Golden
    vi.useFakeTimers({ toFake: ['Date'], now: Date.parse('2026-11-29T12:00:00.000Z') })
    const engine = open(golden.settings)
    for (const one of golden.loads) {
      await engine.widen(one.table, one.columns)
      await engine.load(loadOf(one))
    }
    const found = await objects('')
    const shown = Array.from(found, ([key, bytes]): [string, unknown] => {
      if (!key.endsWith('.json')) return [key, Buffer.from(bytes.subarray(0, 4)).toString()]
      const value = JSON.parse(Buffer.from(bytes).toString()) as { readonly files?: { name: string; bytes?: number }[] }
      for (const file of value.files ?? []) {
        expect(file.bytes).toBe(found.get(key.replace('_manifest.json', file.name))?.byteLength)
        // Other versions of zstd need others.
        delete file.bytes
      }
      return [key, value]
    })
    expect(Object.fromEntries(shown)).toEqual(golden.objects)
  })

  test('a repeat of a load writes the same names with the same bytes, and the manifest says each once', async () => {
    await open().widen('tracks', columns)
    await open().load(load())
    const before = new Map(s3.stored)
    await open().load(load())
    expect(new Map(s3.stored)).toEqual(before)
  })

  test('a load that breaks off before its manifest is not there for the reader, and once when it is repeated', async () => {
    const engine = open()
    await engine.widen('tracks', columns)
    await engine.load(load())
    s3.refuse = (request) => (/^PUT .*_manifest/.test(request) ? { status: 500, body: '' } : undefined)
    const next = load({ id: 'staging/lake/0/000-003/0+1', rows: [order('order-2', 7), order('order-3', 9)] })
    await expect(open().load(next)).rejects.toMatchObject({
      code: 'warehouse_failed',
      details: { scope: 'warehouse' },
    })
    const totals = async () => (await reader.rows('tracks')).map(({ id, total }) => [id, total])
    expect(await totals()).toEqual([
      ['order-1', 1],
      ['order-2', 1],
    ])
    s3.refuse = undefined
    await open().load(next)
    expect(await totals()).toEqual([
      ['order-1', 1],
      ['order-2', 7],
      ['order-3', 9],
    ])
    expect((await keys()).filter((key) => key.endsWith('.parquet'))).toHaveLength(2)
  })

  test('a manifest is written when all files of the load are there, and names none before', async () => {
    await open().widen('tracks', columns)
    const days = load({ rows: [order('a', 1, '2026-11-28T10:00:00.000Z'), order('b', 2)] })
    const puts = () => s3.answers.flatMap((one) => /^PUT .*(_manifest|parquet).* 200$/.exec(one)?.[1] ?? [])
    s3.refuse = (request) => (/^PUT .*29\/.*parquet/.test(request) ? { status: 500, body: '' } : undefined)
    await expect(open().load(days)).rejects.toMatchObject({ details: { scope: 'warehouse' } })
    expect(puts()).toEqual(['parquet'])
    s3.refuse = undefined
    await open().load(days)
    expect(puts()).toEqual(['parquet', 'parquet', 'parquet', '_manifest', '_manifest'])
  })

  test('halves of a load, which have the same id, have files of their own', async () => {
    await open().widen('tracks', columns)
    await open().load(load({ rows: [order('order-1')] }))
    await open().load(load({ rows: [order('order-2')] }))
    expect((await reader.rows('tracks')).map(({ id }) => id)).toEqual(['order-1', 'order-2'])
  })

  test('rows are in the folder of the day on which their event was received', async () => {
    await open().widen('tracks', columns)
    await open().load(
      load({ rows: [order('a', 1, '2026-11-28T23:59:59.999Z'), order('b', 2, '2026-11-29T00:00:00.000Z')] }),
    )
    expect(await reader.query(`SELECT id FROM tracks WHERE dt = '2026-11-28'`, 'tracks')).toEqual([{ id: 'a' }])
    expect(await reader.query(`SELECT id FROM tracks WHERE dt = '2026-11-29'`, 'tracks')).toEqual([{ id: 'b' }])
  })

  test('a column that is int in one file, float in another and string in a third is read as the wider one', async () => {
    const engine = open()
    for (const [n, type, total] of [
      [1, 'int', 5],
      [2, 'float', 5.5],
    ] as const) {
      const wider = { ...columns, total: type }
      await engine.widen('tracks', wider)
      await engine.load(load({ id: `load-${n}`, columns: wider, rows: [order(`order-${n}`, total)] }))
    }
    expect((await reader.rows('tracks')).map(({ total }) => total)).toEqual([5, 5.5])
    const textual: Columns = { ...columns, total: 'string' }
    await engine.widen('tracks', textual)
    await engine.load(load({ id: 'load-3', columns: textual, rows: [order('order-3', 'many')] }))
    expect((await reader.rows('tracks')).map(({ total }) => Number(total))).toEqual([5, 5.5, NaN])
    expect(await engine.columns('tracks')).toEqual(textual)
    expect(JSON.parse(await text('lake/tracks/dt=2026-11-29/_manifest.json'))).toMatchObject({ columns: textual })
  })

  test('no table leads into the folder of another, however it is named', async () => {
    const names = [
      '..',
      '.',
      'a/../b',
      'a.b',
      'x'.repeat(400),
      `${'x'.repeat(400)}y`,
      'é'.repeat(200),
      '%2e%2e',
      '\ud800',
    ]
    const folders = await Promise.all(names.map(tableFolder))
    expect(new Set(folders).size).toBe(names.length)
    for (const folder of folders) expect(folder).toMatch(/^(?:[\w-]|%[0-9A-F]{2}){1,200}$/)
  })
})

describe('a lake that cannot be written', () => {
  test.each([
    [
      'a wrong key',
      { secretAccessKey: 'another key' },
      undefined,
      /403 SignatureDoesNotMatch.*Check `accessKeyId`/,
      true,
    ],
    ['no right', {}, [403, 'AccessDenied'], /403 AccessDenied.*allowed to list "events"/, true],
    ['no bucket', {}, [404, 'NoSuchBucket'], /Create the bucket "events"/, true],
    ['another region', {}, [301, 'PermanentRedirect'], /another region: set `region`/, true],
    ['a store that is too busy', {}, [503, 'SlowDown'], /503 SlowDown/, undefined],
    ['a clock that is wrong for a moment', {}, [403, 'RequestTimeTooSkewed'], /403 RequestTimeTooSkewed/, undefined],
  ] as const)(
    '%s fails the warehouse, is told without the key, and nothing is buried',
    async (_, more, answer, message, lasting) => {
      if (answer !== undefined)
        s3.refuse = () => ({ status: answer[0], body: `<Error><Code>${answer[1]}</Code></Error>` })
      const thrown = await open(more)
        .columns('tracks')
        .catch((error: unknown) => error)
      expect(thrown).toMatchObject({
        code: 'warehouse_failed',
        message: expect.stringMatching(message),
        details: lasting === undefined ? { scope: 'warehouse' } : { scope: 'warehouse', lasting },
      })
      expect(String(thrown)).not.toMatch(/another key|secret key/)
    },
  )

  test('a store that does not answer fails the warehouse for a while', async () => {
    const engine = open({ endpoint: 'http://127.0.0.1:1' })
    await expect(engine.probe()).rejects.toMatchObject({ details: { scope: 'warehouse' } })
  })

  test.each([
    [412, 'PreconditionFailed'],
    [404, 'NoSuchKey'],
  ])('an object that is another one, or gone, when S3 writes it (%i) was changed meanwhile', async (status, code) => {
    const asked: RequestInit[] = []
    vi.stubGlobal('fetch', (_: unknown, init: RequestInit) => {
      asked.push(init)
      return Promise.resolve(new Response(`<Error><Code>${code}</Code></Error>`, { status }))
    })
    const key = { accessKeyId: 'AKIAADA', secretAccessKey: secret }
    const store = new S3Store({ provider: 's3', bucket: 'events', region: 'eu-central-1', ...key })
    const thrown = await store.put('lake/tracks/_manifest.json', '{}', '"1843"').catch((error: unknown) => error)
    vi.unstubAllGlobals()
    expect(thrown).toMatchObject({ message: expect.stringMatching(/_manifest\.json was written by somebody else/) })
    expect((thrown as { details: object }).details).toEqual({ scope: 'warehouse' })
    expect(new Headers(asked[0]?.headers).get('if-match')).toBe('"1843"')
  })

  test.each([
    ['events', 'eu-central-1', 'https://events.s3.eu-central-1.amazonaws.com/lake/a'],
    ['acme.events', 'eu-central-1', 'https://s3.eu-central-1.amazonaws.com/acme.events/lake/a'],
    ['events', 'cn-north-1', 'https://events.s3.cn-north-1.amazonaws.com.cn/lake/a'],
    ['acme.events', 'cn-northwest-1', 'https://s3.cn-northwest-1.amazonaws.com.cn/acme.events/lake/a'],
  ])('the bucket %s of S3 in %s is at the domain of its region', async (bucket, region, url) => {
    const asked: unknown[] = []
    vi.stubGlobal('fetch', (at: unknown) => {
      asked.push(at)
      return Promise.resolve(new Response(null, { headers: { etag: '"1"' } }))
    })
    const store = new S3Store({ provider: 's3', bucket, region, accessKeyId: 'AKIAADA', secretAccessKey: secret })
    await store.put('lake/a', '{}')
    vi.unstubAllGlobals()
    expect(asked).toEqual([url])
  })

  test('a manifest that is damaged fails the warehouse and is named', async () => {
    await open().widen('tracks', columns)
    s3.stored.set('/events/lake/tracks/_table.json', Buffer.from('{"version":'))
    await expect(open().columns('tracks')).rejects.toThrow('lake/tracks/_table.json is not what Sluiceway wrote')
  })

  test('a load for which the operations of the invocation do not last writes nothing, and says so', async () => {
    await open().widen('tracks', columns)
    const days = Array.from({ length: 3_000 }, (_, i) => new Date(i * 86_400_000).toISOString())
    const wide = load({ rows: days.map((day, i) => order(`order-${i}`, i, day)) })
    await expect(open().load(wide)).rejects.toMatchObject({ details: { scope: 'invocation' } })
    expect(await keys()).toEqual(['lake/tracks/_table.json'])
  })

  test('a number that does not fit, or a value of another type, speaks of its row alone', async () => {
    await open().widen('tracks', columns)
    for (const total of ['9223372036854775808', 'many', true])
      await expect(open().load(load({ rows: [order('order-1', total)] }))).rejects.toMatchObject({
        details: { scope: 'rows' },
      })
  })

  test.each([
    [{ provider: 's3' }, ['"bucket" is missing, which s3 needs', '"region" is missing, which s3 needs']],
    [{ provider: 'r2', bucket: 'events' }, ['"accountId" is missing, which r2 needs']],
    [{ provider: 'other', bucket: 'events', endpoint: 'https://169.254.169.254' }, [/must name a public host/]],
    [
      { provider: 'gcs', bucket: 'events', endpoint: 'https://store.example.com' },
      [/"endpoint" has a meaning for other only/],
    ],
    [{ prefix: '../lake' }, [/"prefix" must be names/]],
    [{ folders: 'dt=2006-01-02' }, [/"folders" must be one of dt=YYYY-MM-DD/]],
  ] as const)('lake(%o) says what is wrong', (input, problems) => {
    const found = lake({ accessKeyId: 'AKIAADA', secretAccessKey: secret, ...input } as never)
    for (const problem of problems) expect(found.problems.join('\n')).toMatch(problem)
    expect(JSON.stringify(found.redacted)).not.toContain(secret)
  })

  test('lake() says which binding is missing', () => {
    expect(() => lake({ binding: 'LAKE' }).open({}, '')).toThrow('There is no R2 binding "LAKE"')
  })
})

describe('a lake behind the loader', () => {
  const loads = () => new StagedLoads({ use: use(), bindings: {} } as unknown as RealWarehouse)
  const track = (messageId: string, event = 'Order Completed', properties: Record<string, unknown> = { total: 1 }) => ({
    type: 'track' as const,
    messageId,
    userId: 'ada',
    event,
    properties,
  })

  test('each messageId is there once, also when a load is lost behind its manifest and repeated with more events', async () => {
    const loader = loads()
    loader.wrap = (engine) => ({
      ...engine,
      columns: (table) => engine.columns(table),
      widen: (table, added) => engine.widen(table, added),
      load: (one) => engine.load(one),
      gather: (id) => {
        const gathering = engine.gather?.(id) as Gathering
        const merge = async () => {
          await gathering.merge()
          throw new Error('the connection was lost')
        }
        return { stage: (some) => gathering.stage(some), merge, drop: () => gathering.drop() }
      },
      probe: () => engine.probe(),
      close: () => engine.close(),
    })
    expect((await loader.send(track('m-1'), track('m-2'))).error).toMatch(/connection was lost/)
    loader.wrap = (engine) => engine
    expect((await loader.send(track('m-3'), track('m-1', 'Order Completed', { total: 2 }))).error).toBeUndefined()
    expect((await reader.rows('order_completed')).map(({ id, total }) => [id, total])).toEqual([
      ['m-1', 2],
      ['m-2', 1],
      ['m-3', 1],
    ])
    expect(await reader.query('SELECT count(*) AS n FROM tracks', 'tracks')).toEqual([{ n: '3' }])
  })

  test('tables, columns and discards are those of RudderStack’s data lake', async () => {
    const loader = loads()
    await loader.send(track('m-1', 'Order Completed', { total: 1, dt: 'x', items: [{ sku: 'S-1' }] }))
    const { discards } = await loader.send(track('m-2', 'Order Completed', { total: 'many' }))
    expect(discards).toBe(1)
    expect(await reader.rows('order_completed')).toMatchObject([
      { id: 'm-1', event: 'order_completed', total: 1, _dt: 'x', items: '[{"sku":"S-1"}]' },
      { id: 'm-2', total: null },
    ])
    expect(await reader.rows('rudder_discards', 'row_id')).toMatchObject([
      { table_name: 'order_completed', row_id: 'm-2', column_name: 'total', column_value: 'many' },
    ])
    expect(loader.letters).toEqual([])
  })

  test('each trait of a user has its newest value, also when an identify comes late', async () => {
    const loader = loads()
    const identify = (messageId: string, traits: Record<string, unknown>, receivedAt: string) => ({
      type: 'identify' as const,
      messageId,
      userId: 'ada',
      traits,
      receivedAt,
    })
    await loader.send(identify('i-1', { plan: 'pro' }, '2026-11-22T12:00:00.000Z'))
    await loader.send(identify('i-2', { plan: 'free', phone: 'late' }, '2026-11-21T11:00:00.000Z'))
    expect(await reader.rows('users')).toMatchObject([
      { id: 'ada', plan: 'pro', phone: 'late', received_at: '2026-11-22T12:00:00.000Z' },
    ])
  })

  test('a row with more columns than a table may have is there, with the others as JSON', async () => {
    const loader = loads()
    const wide = Object.fromEntries(Array.from({ length: 1_600 }, (_, i) => [`answer_${i}`, `number ${i}`]))
    expect((await loader.send(track('m-1', 'Asked', wide))).error).toBeUndefined()
    const [row] = await reader.rows('asked')
    const more = JSON.parse(String(row?.['_sluiceway_more'])) as object
    expect({ ...row, ...more }).toMatchObject(wide)
    expect(Object.keys(more).length).toBeGreaterThan(100)
    expect(loader.letters).toEqual([])
  })

  test('what the document says about compaction and other readers gives the same rows', async () => {
    const loader = loads()
    await loader.send(track('m-1'), track('m-2'))
    await loader.send(track('m-1'))
    const day = lakeSql('duckdb-compact.sql').replaceAll('2026-11-29', '2026-11-22')
    expect(day).toContain('TO ')
    await reader.query(day.replace(/TO '.*?'/, "TO '/dev/null'"), 'tracks')
    const files = "read_parquet('FILES', union_by_name = true)"
    const sql = lakeSql('any-reader.sql').replace('tracks_files', files)
    const found = await reader.query(sql.replace('FILES', `${reader.folder('tracks')}/**/*.parquet`), 'tracks')
    expect(found.map(({ id }) => id).toSorted()).toEqual(['m-1', 'm-2'])
  })
})
