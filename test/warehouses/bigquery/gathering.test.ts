// Gathered loads whose uploads meet what a real account does not do on demand.
import { mayReceive } from '../../../src/warehouses/bigquery/http.ts'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Columns, Engine, Gathering } from '../../../src/core/warehouse.ts'
import { mostHeldBytes } from '../../../src/warehouses/bigquery/gathering.ts'
import { bigquery } from '../../../src/warehouses/bigquery.ts'
import { type Answer, errorOf, type SeenRequest } from '../../support/bigquery/answer.ts'
import type { FakeBigQuery } from '../../support/fake-bigquery.ts'
import { loadOf, type RecordLoad } from '../../support/load-of.ts'
import { type RealBigQueryWarehouse, startBigQueryWarehouse } from '../../support/real-bigquery.ts'

const pieceBytes = 262_144
const columns: Columns = { id: 'string', total: 'float', note: 'string', received_at: 'datetime' }
const receivedAt = '2026-11-22T10:00:00.000Z'
/** Characters of one to four bytes, so that pieces end within some. */
const note = 'Zürich_数学_😀'.repeat(12)
const order = (id: string, more: object = {}) => ({ id, total: 10, note, received_at: receivedAt, ...more })
const orders = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => order(`order-${from + i}`))

describe.skipIf(process.env['BIGQUERY_CREDENTIALS'] !== undefined)('a gathering of a BigQuery', () => {
  let warehouse: RealBigQueryWarehouse
  let fake: FakeBigQuery
  let engine: Engine
  let number = 0
  let table: string
  beforeAll(async () => {
    warehouse = await startBigQueryWarehouse()
    fake = warehouse.fake as FakeBigQuery
  })
  afterAll(() => warehouse?.stop())
  beforeEach(async () => {
    fake.fault = () => undefined
    fake.taken = (bytes) => bytes
    fake.polls = 0
    engine = warehouse.use.open({}, warehouse.namespace)
    table = `orders_${++number}`
    await engine.widen(table, columns)
    fake.requests.length = 0
  })

  const open: Gathering[] = []
  afterEach(async () => {
    fake.fault = () => undefined
    for (const gathering of open.splice(0)) await gathering.drop()
  })
  const gather = (by = engine): Gathering => {
    const gathering = by.gather?.(`gather-${number}-${open.length}`)
    if (gathering === undefined) throw new Error('the engine gathers nothing')
    open.push(gathering)
    return gathering
  }
  let loads = 0
  const load = (rows: RecordLoad['rows'], more: Partial<RecordLoad> = {}) =>
    loadOf({ id: `load-${++loads}`, table, columns, rows, merge: 'replace', ...more })
  /** Stages 4,000 orders, of over 1 MiB, in four loads. */
  const stageMany = async (gathering: Gathering) => {
    for (const from of [0, 1_000, 2_000, 3_000]) await gathering.stage([load(orders(from, from + 1_000))])
  }
  const isPiece = ({ piece }: SeenRequest) => piece !== undefined
  const isLast = ({ piece, range = '*' }: SeenRequest) => piece !== undefined && !range.endsWith('*')
  const pieces = () => fake.requests.filter(isPiece)
  const stages = async () => (await warehouse.tables()).filter((name) => name.startsWith('_sluiceway_stage'))
  const thrownBy = (work: Promise<unknown>) => work.then(() => undefined).catch((error: unknown) => error)
  const expectAll = async () => {
    const stored = await warehouse.rows(table)
    expect(stored.toSorted((a, b) => Number(numberOf(a)) - Number(numberOf(b)))).toEqual(orders(0, 4_000))
    expect(await stages()).toEqual([])
  }
  const numberOf = ({ id }: Record<string, unknown>) => String(id).slice('order-'.length)
  /** What goes wrong once, with the first request of which `when` holds. */
  const once = (when: (request: SeenRequest) => boolean, fault: Answer | 'cut after') => {
    let left = 1
    fake.fault = (request) => (when(request) && left-- > 0 ? fault : undefined)
  }

  test('a merge that takes longer than is waited for is asked to end, and the rows come once when they are gathered again', async () => {
    const { setTimeout: real } = globalThis
    // Waits for a job end at once; those for an answer do not.
    const timers = vi
      .spyOn(globalThis, 'setTimeout')
      .mockImplementation(((work: () => void, ms = 0, ...rest: never[]) =>
        real(work, ms <= 5_000 ? 0 : ms, ...rest)) as typeof setTimeout)
    const slow = gather()
    await slow.stage([load(orders(0, 100))])
    fake.polls = Infinity
    const thrown = await thrownBy(slow.merge())
    await slow.drop()
    timers.mockRestore()
    fake.polls = 0
    expect(String(thrown)).toMatch(/took longer than 240 s and was asked to end; less is merged together the next time/)
    expect(thrown).toMatchObject({ details: { scope: 'warehouse' } })
    const ended = fake.requests.filter(({ path }) => path.includes('/cancel?location=US'))
    expect(ended.map(({ method }) => method)).toEqual(['POST'])
    const [, job] = /jobs\/([^/]+)\/cancel/.exec(ended[0]?.path ?? '') ?? []
    expect(fake.jobs()).toContain(job)
    const again = gather()
    await again.stage([load(orders(0, 4_000))])
    await again.merge()
    await expectAll()
  })

  test('a gathering of over 1 MiB goes by one upload, one load job and one statement, and arrives whole and once', async () => {
    const before = fake.jobs().length
    const gathering = gather()
    await stageMany(gathering)
    expect(await warehouse.count(table)).toBe(0)
    expect(fake.jobs()).toHaveLength(before)
    await gathering.merge()
    await gathering.drop()
    await expectAll()
    expect(fake.jobs().slice(before)).toEqual([expect.stringMatching(/_load$/), expect.stringMatching(/_insert$/)])
    const sizes = pieces().map(({ piece = '' }) => piece.length)
    expect(sizes.reduce((sum, size) => sum + size)).toBeGreaterThan(1_048_576)
    expect(sizes.slice(0, -1).every((size) => size % pieceBytes === 0)).toBe(true)
  })

  test('a gathering that is smaller than a piece goes whole, with its job', async () => {
    const gathering = gather()
    await gathering.stage([load([order('a')])])
    await gathering.stage([load([order('b')])])
    await gathering.merge()
    await gathering.drop()
    expect(await warehouse.rows(table)).toEqual([order('a'), order('b')])
    expect(pieces()).toEqual([])
    expect(fake.requests.filter(({ path }) => path === '/jobs?uploadType=multipart')).toHaveLength(1)
  })

  test('a gathering sets columns of rows that are there, also those that another engine has added since it began', async () => {
    await engine.load(load([order('a')]))
    const gathering = gather()
    await gathering.stage([load([order('b')])])
    await warehouse.use.open({}, warehouse.namespace).widen(table, { coupon: 'string' })
    await gathering.stage([load([order('a', { coupon: 'SPRING' })], { columns: { ...columns, coupon: 'string' } })])
    await gathering.merge()
    expect(await warehouse.rows(table)).toMatchObject([order('a', { coupon: 'SPRING' }), order('b')])
  })

  test.each([pieceBytes / 2 + 1, pieceBytes, 7])(
    'a gathering of which BigQuery takes no more than %i bytes of a piece sends the rest again',
    async (most) => {
      let left = 1
      fake.taken = (bytes) => (left-- > 0 ? Math.min(bytes, most) : bytes)
      const gathering = gather()
      await stageMany(gathering)
      await gathering.merge()
      await expectAll()
    },
  )

  test.each<[string, (request: SeenRequest) => boolean, Answer | 'cut after']>([
    ['a piece is answered with 503', isPiece, errorOf(503, 'backendError', 'Backend error')],
    ['the answer of a piece is lost', isPiece, 'cut after'],
    ['the last piece is answered with 503', isLast, { status: 503, body: 'no' }],
    ['the answer of the last piece is lost', isLast, 'cut after'],
  ])('a gathering goes on where it was when %s', async (_, when, fault) => {
    const before = fake.jobs().length
    once(when, fault)
    const gathering = gather()
    await stageMany(gathering)
    await gathering.merge()
    await expectAll()
    expect(fake.jobs().slice(before)).toHaveLength(2)
    expect(fake.requests.some(({ range = '', piece }) => range.startsWith('bytes */') && piece === undefined)).toBe(
      true,
    )
  })

  test('a gathering whose last answer is lost and whose upload is gone finds the job that it made', async () => {
    fake.polls = 2
    fake.fault = (request) => {
      if (isLast(request)) return 'cut after'
      return request.range?.startsWith('bytes */') === true ? errorOf(404, 'notFound', 'Not Found') : undefined
    }
    const gathering = gather()
    await stageMany(gathering)
    await gathering.merge()
    await expectAll()
  })

  test('a gathering that BigQuery takes nothing of fails after some tries, and says nothing of where it was sent', async () => {
    fake.fault = (request) => (isPiece(request) ? errorOf(503, 'backendError', 'Backend error') : undefined)
    const thrown = await thrownBy(stageMany(gather()))
    expect(thrown).toMatchObject({ code: 'warehouse_failed', details: { scope: 'warehouse', reason: 'backendError' } })
    expect(pieces()).toHaveLength(3)
    expect(inspect(thrown, { depth: 9 })).not.toContain('upload-')
  }, 15_000)

  test.each<[string, () => void]>([
    ['has expired', () => fake.expireUploads()],
    [
      'cannot go on (410)',
      () => {
        fake.fault = (request) => (isPiece(request) ? { status: 410, body: 'Gone' } : undefined)
      },
    ],
  ])('a gathering whose upload %s fails as of the warehouse, and the next one loads all', async (_, end) => {
    await engine.load(load([order('order-1', { total: 20 })]))
    const gathering = gather()
    await gathering.stage([load(orders(0, 2_000))])
    end()
    const thrown = await thrownBy(gathering.stage([load(orders(2_000, 4_000))]))
    expect(thrown).toMatchObject({ code: 'warehouse_failed', details: { scope: 'warehouse' } })
    expect(inspect(thrown, { depth: 9 })).not.toContain('upload-')
    await gathering.drop()
    expect(await stages()).toEqual([])
    expect(await warehouse.rows(table)).toEqual([order('order-1', { total: 20 })])
    fake.fault = () => undefined
    const next = gather()
    await stageMany(next)
    await next.merge()
    await expectAll()
  })

  test.each([
    ['https://bigquery.googleapis.com', 'https://bigquery.googleapis.com/upload/x', true],
    ['https://bigquery.googleapis.com', 'https://www.googleapis.com/upload/x', true],
    ['https://bigquery.googleapis.com', 'http://www.googleapis.com/upload/x', false],
    ['https://bigquery.googleapis.com', 'https://www.googleapis.com.example.com/upload/x', false],
    ['https://bigquery.googleapis.com', 'https://www.googleapis.com:8443/upload/x', false],
    ['https://proxy.example.com', 'https://www.googleapis.com/upload/x', false],
  ])('rows of an endpoint at %s may go to %s: %s', (endpoint, to, expected) => {
    expect(mayReceive(new URL(endpoint), new URL(to))).toBe(expected)
  })

  test('a gathering whose upload would go to another host sends nothing there, and tells no address', async () => {
    const asked: string[] = []
    const foreign = createServer((request, response) => {
      asked.push(String(request.url))
      response.end()
    })
    await new Promise<void>((done) => void foreign.listen(0, '127.0.0.1', done))
    const host = `127.0.0.1:${(foreign.address() as AddressInfo).port}`
    const headers = { location: `http://${host}/upload?upload_id=secret-address` }
    fake.fault = ({ path, range }) =>
      path.includes('resumable') && range === undefined ? { status: 200, headers } : undefined
    const gathering = gather()
    const thrown = await thrownBy(stageMany(gathering))
    await gathering.drop()
    foreign.close()
    expect(thrown).toMatchObject({ code: 'warehouse_failed', details: { scope: 'warehouse' } })
    expect(String(thrown)).toContain(`an upload would go to ${host}, which is not the host of \`endpoint\``)
    expect(inspect(thrown, { depth: 9 })).not.toContain('secret-address')
    expect(asked).toEqual([])
    expect(await stages()).toEqual([])
  })

  test('a gathering of many small tables holds no more than it may, and loads them all', async () => {
    const tables = Array.from({ length: 40 }, (_, i) => `small_${i}`)
    for (const name of tables) await engine.widen(name, columns)
    const gathering = gather()
    const text = 'x'.repeat(1_000)
    let staged = 0
    for (let slice = 0; slice < 4; slice++) {
      const many = tables.map((name, i) => {
        const rows = Array.from({ length: 70 + (i % 4) }, (_, n) => order(`order-${slice}-${n}`, { note: text }))
        return load(rows, { table: name })
      })
      staged += many.reduce((sum, { rows }) => sum + rows.length * text.length, 0)
      await gathering.stage(many)
      const sent = pieces().reduce((sum, { piece = '' }) => sum + (piece.match(/x/g)?.length ?? 0), 0)
      expect(staged - sent).toBeLessThan(mostHeldBytes)
    }
    expect(staged).toBeGreaterThan(mostHeldBytes)
    await gathering.merge()
    await gathering.drop()
    for (const [i, name] of tables.entries()) expect(await warehouse.count(name)).toBe(4 * (70 + (i % 4)))
    expect(await stages()).toEqual([])
    expect(pieces().some(({ piece = '' }) => piece.endsWith('  '))).toBe(true)
  }, 30_000)

  test('a gathering takes columns that come later, also when the upload is begun', async () => {
    const wider: Columns = { ...columns, gift: 'boolean', city: 'string' }
    const gathering = gather()
    await gathering.stage([load(orders(0, 1_000))])
    await engine.widen(table, wider)
    await gathering.stage([load([order('wide', { gift: true, city: 'Zürich' })], { columns: wider })])
    await gathering.merge()
    expect(pieces().length).toBeGreaterThan(0)
    expect(await warehouse.count(table)).toBe(1_001)
    expect((await warehouse.rows(table)).find(({ id }) => id === 'wide')).toEqual(
      order('wide', { gift: true, city: 'Zürich' }),
    )
  })

  test('a gathering replaces rows that are there, around the times of all its loads', async () => {
    const near = bigquery({ ...warehouse.settings, replaceWithinDays: 1 }).open({}, warehouse.namespace)
    const [first, last] = ['2026-11-01T10:00:00.000Z', '2026-11-28T10:00:00.000Z']
    await near.load(load([order('a', { received_at: first }), order('b', { received_at: last })]))
    const gathering = gather(near)
    await gathering.stage([load([order('a', { received_at: first, total: 20 })])])
    await gathering.stage([load([order('b', { received_at: last, total: 30 })])])
    await gathering.merge()
    expect(await warehouse.rows(table)).toEqual([
      order('a', { received_at: first, total: 20 }),
      order('b', { received_at: last, total: 30 }),
    ])
  })

  test.each([
    ['an upload', 2_000],
    ['one request', 1],
  ])(
    'a bad value that went by %s fails the gathering with the scope rows, and the table is as it was',
    async (_, n) => {
      await engine.load(load([order('order-1', { total: 20 })]))
      const gathering = gather()
      await gathering.stage([load(orders(0, n))])
      await gathering.stage([load([order('bad', { total: 'much' })])])
      await expect(gathering.merge()).rejects.toMatchObject({ code: 'warehouse_failed', details: { scope: 'rows' } })
      await gathering.drop()
      expect(await warehouse.rows(table)).toEqual([order('order-1', { total: 20 })])
      expect(await stages()).toEqual([])
    },
  )

  test('a gathering of which fewer rows are loaded than were sent merges none of them', async () => {
    fake.polls = 1
    const few = { status: { state: 'DONE' }, statistics: { load: { outputRows: '3999' } } }
    fake.fault = ({ method, path }) =>
      method === 'GET' && path.includes('_load?location=') ? { status: 200, body: few } : undefined
    const gathering = gather()
    await stageMany(gathering)
    const thrown = await thrownBy(gathering.merge())
    expect(thrown).toMatchObject({ code: 'warehouse_failed', details: { scope: 'warehouse' } })
    expect(String(thrown)).toContain(`of 4000 rows that were sent for "${table}", 3999 are in the stage`)
    expect(await warehouse.count(table)).toBe(0)
  })

  test('a gathering that is dropped before it is merged leaves nothing', async () => {
    const gathering = gather()
    await stageMany(gathering)
    expect(await stages()).toHaveLength(1)
    await gathering.drop()
    expect(await stages()).toEqual([])
    expect(await warehouse.count(table)).toBe(0)
  })

  test('a gathering whose stage cannot be deleted is dropped without a failure', async () => {
    const gathering = gather()
    await stageMany(gathering)
    fake.fault = ({ method }) => (method === 'DELETE' ? errorOf(400, 'stopped', 'no') : undefined)
    await expect(gathering.drop()).resolves.toBeUndefined()
  })
})
