import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Columns, Engine } from '../../src/core/warehouse.ts'
import { databricks } from '../../src/warehouses/databricks.ts'
import { blocks } from '../support/documents.ts'
import { clientId, clientSecret, type FakeDatabricks, warehouseId } from '../support/fake-databricks.ts'
import { loadOf } from '../support/load-of.ts'
import { hasStaging, type RealDatabricks, startDatabricksWarehouse } from '../support/real-databricks.ts'
import { engineSuite } from './engine-suite.ts'

/** Unity Catalog folds names of tables to lower case, and has none with blanks, dots and slashes. */
const names = ['order"final"', 'x`--', 'größe数', 'per%cent', '$1?']

engineSuite('databricks', async () => {
  const warehouse = await startDatabricksWarehouse()
  return { ...warehouse, names, engine: warehouse.use.open({}, warehouse.namespace) }
})

if (hasStaging)
  engineSuite(
    'databricks with a bucket',
    async () => {
      const warehouse = await startDatabricksWarehouse('bucket')
      const { fake, use, namespace } = warehouse
      const waiting = fake === undefined ? {} : { waiting: () => fake.s3.stored.size }
      return { ...warehouse, ...waiting, names, engine: use.open({}, namespace) }
    },
    { gathers: true },
  )

describe('databricks()', () => {
  test('databricks() says all that is wrong at once, without repeating a secret', () => {
    const { problems, redacted } = databricks({
      url: 'http://dbc-a1b2345c-d6e7.cloud.databricks.com',
      warehouseId: 'starter',
      catalog: 'my catalog',
      token: 'dapi-of-ada',
      clientId: 'a1b2c3d4',
      schema: 'information_schema',
    })
    expect(problems).toEqual([
      '"url" must begin with https: (unless "allowPrivate" is true, for tests)',
      '"warehouseId" must be hex digits, as 1234567890abcdef',
      '"catalog" is no name of a catalog',
      '"schema" must have at most 127 of a-z, 0-9 and "_", and be no schema of the system',
      '"token" and "clientId" exclude each other',
      '"clientSecret" is missing, which a service principal needs',
    ])
    expect(JSON.stringify(redacted)).not.toContain('dapi-of-ada')
  })

  test('databricks() has a schema for each source, and takes those that settings name', () => {
    const input = {
      url: 'https://dbc-a1b2345c-d6e7.cloud.databricks.com',
      warehouseId,
      catalog: 'events',
      token: 'dapi-of-ada',
    }
    expect(databricks(input).problems).toEqual([])
    expect(['web', '2nd Shop', 'user'].map(databricks(input).namespaceOf)).toEqual(['web', '_2nd_shop', '_user'])
    expect(databricks({ ...input, schema: 'events', schemas: { web: 'site' } }).namespaceOf('web')).toBe('site')
  })
})

// The contract suite alone is for accounts.
describe.skipIf(process.env['DATABRICKS_URL'] !== undefined)('a Databricks behind its API', () => {
  let warehouse: RealDatabricks
  let fake: FakeDatabricks
  let engine: Engine
  beforeAll(async () => {
    warehouse = await startDatabricksWarehouse()
    fake = warehouse.fake as FakeDatabricks
    engine = warehouse.use.open({}, warehouse.namespace)
  }, 60_000)
  afterEach(() => {
    fake.refuse = undefined
    fake.cut = undefined
    fake.fail = undefined
    fake.running = 0
    fake.requests.length = 0
  })
  afterAll(() => warehouse?.stop())

  const columns: Columns = { id: 'string', event: 'string', total: 'float', received_at: 'datetime' }
  const orders = (...ids: string[]) => ids.map((id) => orderOn('2026-11-29', id))
  const orderOn = (day: string, id: string, total = 10) => ({
    id,
    event: 'order_completed',
    total,
    received_at: `${day}T10:00:00.000Z`,
  })
  const fill = async (table: string, id: string, rows: Record<string, unknown>[] = orders('order-1', 'order-2')) =>
    engine.load(loadOf({ id, table, columns, rows, merge: 'replace' }))
  const idsOf = async (table: string) => (await warehouse.ids(table)).toSorted()
  const asked = () => fake.requests.map((request) => request.asked.replace(/[0-9a-f-]{36}/, '<id>'))

  test('a Databricks behind its API gets a load by one request', async () => {
    await engine.widen('orders', columns)
    await fill('orders', 'load-1')
    fake.requests.length = 0
    await fill('orders', 'load-2', orders('order-3'))
    expect(asked()).toEqual(['POST /api/2.0/sql/statements/'])
    expect(await idsOf('orders')).toEqual(['order-1', 'order-2', 'order-3'])
  })

  test('a Databricks behind its API that starts first is asked until the statement ends', async () => {
    fake.running = 2
    await fill('orders', 'load-3', orders('order-4'))
    expect(asked()).toEqual([
      'POST /api/2.0/sql/statements/',
      'GET /api/2.0/sql/statements/<id>',
      'GET /api/2.0/sql/statements/<id>',
    ])
    expect(await idsOf('orders')).toContain('order-4')
  })

  test.each(['replace', 'coalesce', 'append'] as const)(
    'a Databricks behind its API that is cut off behind a load (%s) takes the repeat, and has each row once',
    async (merge) => {
      const table = `cut_${merge}`
      await engine.widen(table, columns)
      const load = loadOf({ id: '1', table, columns, rows: orders('order-1', 'order-2'), merge })
      // Until the tables are known, there are other statements.
      await engine.load(loadOf({ id: '0', table, columns, rows: orders('order-0'), merge }))
      fake.cut = (one) => one.startsWith('POST')
      await expect(engine.load(load)).rejects.toMatchObject({
        message: expect.stringMatching(/No answer from 127\.0\.0\.1:\d+: check `url`/) as string,
        details: { scope: 'warehouse' },
      })
      fake.cut = undefined
      expect(await idsOf(table)).toEqual(['order-0', 'order-1', 'order-2'])
      await warehouse.use.open({}, warehouse.namespace).load(load)
      expect(await idsOf(table)).toEqual(['order-0', 'order-1', 'order-2'])
    },
  )

  test('a Databricks behind its API gets large loads by several statements', async () => {
    await engine.widen('large', columns)
    const rows = Array.from({ length: 12 }, (_, i) => ({
      ...orderOn('2026-11-29', `order-${i}`),
      event: 'x'.repeat(600_000),
    }))
    for (const merge of ['replace', 'append'] as const)
      for (const _ of [1, 2]) {
        await engine.widen(`large_${merge}`, columns)
        await engine.load(loadOf({ id: '1', table: `large_${merge}`, columns, rows, merge }))
      }
    expect(fake.requests.filter(({ body }) => String(body['statement']).startsWith('MERGE'))).toHaveLength(8)
    for (const merge of ['replace', 'append']) expect(await warehouse.count(`large_${merge}`)).toBe(12)
  })

  test('a Databricks behind its API loads many tables at once, and says what fails in one of them', async () => {
    const tables = ['one', 'two', 'three', 'four', 'five', 'six']
    for (const table of tables) await engine.widen(table, columns)
    const loads = tables.map((table) => loadOf({ id: '1', table, columns, rows: orders(table), merge: 'replace' }))
    for (const _ of [1, 2]) await engine.loadTogether?.(loads)
    for (const table of tables) expect(await idsOf(table)).toEqual([table])
    await fake.query(`DROP TABLE analytics.${warehouse.namespace}.four`)
    await expect(engine.loadTogether?.(loads)).rejects.toMatchObject({ details: { scope: 'table', state: '42P01' } })
  })

  test('a Databricks behind its API has the tables of RudderStack: divided by event_date, which is not told', async () => {
    await engine.widen('users', { id: 'string', received_at: 'datetime', plan: 'string' })
    const created = fake.requests
      .map(({ body }) => String(body['statement']))
      .filter((statement) => statement.startsWith('CREATE TABLE'))
    expect(created).toEqual([expect.not.stringContaining('PARTITIONED')])
    await engine.widen('visits', columns)
    expect(await engine.columns('visits')).toEqual(columns)
    await fill('visits', '1', [orderOn('2026-11-28', 'a')])
    expect(await fake.query(`SELECT event_date FROM analytics.${warehouse.namespace}.visits`)).toEqual([
      { event_date: '2026-11-28' },
    ])
  })

  test('a Databricks behind its API looks for the event that comes again no further back than replaceWithinDays', async () => {
    const near = databricks({ ...warehouse.settings, replaceWithinDays: 7 }).open({}, warehouse.namespace)
    await near.widen('near', columns)
    const load = (id: string, ...rows: object[]) =>
      near.load(loadOf({ id, table: 'near', columns, rows: rows as Record<string, unknown>[], merge: 'replace' }))
    await load('1', orderOn('2026-11-01', 'a'), orderOn('2026-11-25', 'b'))
    await load('2', orderOn('2026-11-29', 'a', 20), orderOn('2026-11-29', 'b', 20))
    expect((await warehouse.rows('near')).map(({ id, total }) => `${String(id)} ${String(total)}`).toSorted()).toEqual([
      'a 10',
      'a 20',
      'b 20',
    ])
  })

  test('a service principal gets one token for all requests, and another when it is refused', async () => {
    const { token: _, ...own } = warehouse.settings as Record<string, unknown>
    const login = databricks({ ...(own as typeof warehouse.settings), clientId, clientSecret })
    expect(login.problems).toEqual([])
    const bindings = {}
    const its = login.open(bindings, warehouse.namespace)
    const before = fake.tokens
    await its.columns('orders')
    // The engine of another source, in the same invocation.
    await login.open(bindings, 'site').columns('orders')
    await its.foresee?.(['orders'])
    expect(fake.tokens).toBe(before + 1)
    fake.expire()
    await its.foresee?.(['orders'])
    expect(fake.tokens).toBe(before + 2)
    const wrong = databricks({ ...(own as typeof warehouse.settings), clientId, clientSecret: 'difference engine' })
    const thrown = await wrong
      .open({}, warehouse.namespace)
      .columns('orders')
      .catch((error: unknown) => error)
    expect(thrown).toMatchObject({ details: { scope: 'warehouse', lasting: true, code: 'invalid_client' } })
    expect(String(thrown)).toMatch(/Check `token`, or `clientId` and `clientSecret`/)
    expect(String(thrown)).not.toContain('difference engine')
  })

  test.each<[number, string, RegExp, boolean]>([
    [401, 'UNAUTHENTICATED', /Check `token`, or `clientId` and `clientSecret`: it may have expired\.$/, true],
    [403, 'PERMISSION_DENIED', /needs CAN USE on the SQL warehouse 1234567890abcdef/, true],
    [404, 'RESOURCE_DOES_NOT_EXIST', /There is no SQL warehouse 1234567890abcdef in 127\.0\.0\.1/, true],
    [429, 'REQUEST_LIMIT_EXCEEDED', /said so \(REQUEST_LIMIT_EXCEEDED\)$/, false],
    [503, 'TEMPORARILY_UNAVAILABLE', /said so \(TEMPORARILY_UNAVAILABLE\)$/, false],
  ])(
    'a Databricks behind its API that answers %i fails as a warehouse, and says what to do',
    async (status, code, words, lasting) => {
      fake.refuse = () => ({ status, body: { error_code: code, message: 'said so' }, retryAfter: 30 })
      const thrown = await fill('orders', 'load-5').catch((error: unknown) => error)
      expect(thrown).toHaveProperty('message', expect.stringMatching(words))
      expect((thrown as { details: object }).details).toEqual({
        scope: 'warehouse',
        code,
        ...(lasting ? { lasting } : {}),
      })
    },
  )

  test('a Databricks behind its API that knows no such warehouse fails at once, and says what to check', async () => {
    const message = '1234567890abcdef is not a valid endpoint id.'
    fake.refuse = () => ({ status: 400, body: { error_code: 'INVALID_PARAMETER_VALUE', message } })
    await expect(fill('orders', 'load-5')).rejects.toMatchObject({
      message: expect.stringMatching(/Check `warehouseId`: 1234567890abcdef\.$/) as string,
      details: { scope: 'warehouse', lasting: true },
    })
  })

  test('a Databricks behind its API that has too much to do for a moment is asked again', async () => {
    let refusals = 2
    fake.refuse = () => (refusals-- > 0 ? { status: refusals === 1 ? 429 : 503, retryAfter: 0 } : undefined)
    await fill('orders', 'load-6', orders('order-5'))
    expect(await idsOf('orders')).toContain('order-5')
  })

  test.each<[string, string | undefined, string, boolean]>([
    ['[CAST_INVALID_INPUT] The value cannot be cast. SQLSTATE: 22018', undefined, 'rows', false],
    ['[DELTA_NOT_NULL_CONSTRAINT_VIOLATED] NOT NULL', '23502', 'rows', false],
    ['[TABLE_OR_VIEW_NOT_FOUND] The table cannot be found. SQLSTATE: 42P01', undefined, 'table', false],
    ['[DELTA_CONCURRENT_APPEND] Files were added. SQLSTATE: 2D521', undefined, 'warehouse', false],
    [
      '[INSUFFICIENT_PERMISSIONS] Insufficient privileges: User does not have MODIFY. SQLSTATE: 42501',
      undefined,
      'table',
      true,
    ],
    ['[NO_SUCH_CATALOG_EXCEPTION] Catalog not found. SQLSTATE: 42704', undefined, 'warehouse', true],
    ['Query was canceled by an administrator', undefined, 'warehouse', false],
  ])(
    'a Databricks behind its API whose statement fails with %j (%s) speaks of %s',
    async (message, sql_state, scope, lasting) => {
      fake.fail = { error_code: 'UNKNOWN', message, ...(sql_state === undefined ? {} : { sql_state }) }
      const thrown = await fill('orders', 'load-7').catch((error: unknown) => error)
      expect(thrown).toMatchObject({ details: { scope, ...(lasting ? { lasting } : {}) } })
      expect((thrown as { details: { lasting?: boolean } }).details.lasting ?? false).toBe(lasting)
    },
  )

  test('a change of a table by others speaks of the warehouse, also where Databricks tells no SQLSTATE', async () => {
    const message =
      'Error running query: [DELTA_CONCURRENT_APPEND] ConcurrentAppendException: Files were added to the root of the table by a concurrent update.'
    fake.fail = { error_code: 'BAD_REQUEST', message }
    await expect(fill('orders', 'load-7')).rejects.toMatchObject({ details: { scope: 'warehouse', ended: true } })
  })

  test.each([
    ['a text in a column of numbers', { total: 'much' }],
    ['no id', { id: null }],
    ['a time that is none', { received_at: 'yesterday' }],
  ])(
    'a row for Databricks with %s fails the load with the scope rows, and nothing of it is there',
    async (_, wrong) => {
      await engine.widen('refused', columns)
      await expect(
        fill('refused', '1', [...orders('order-1'), { ...orderOn('2026-11-29', 'order-2'), ...wrong }]),
      ).rejects.toMatchObject({ details: { scope: 'rows' } })
      expect(await warehouse.count('refused')).toBe(0)
    },
  )

  test('a table whose name Unity Catalog does not take is a failure of that table', async () => {
    await expect(engine.widen('order completed', columns)).rejects.toMatchObject({ details: { scope: 'table' } })
  })

  test('a probe of Databricks leaves nothing behind', async () => {
    await engine.probe()
    expect(await warehouse.tables()).not.toContain('_sluiceway_probe')
  })

  test('the SQL of the document names what is granted', () => {
    const script = blocks.find(({ path }) => path === 'databricks-principal.sql')?.text ?? ''
    const statements = script
      .replaceAll(/^--.*$/gm, '')
      .split(';')
      .map((one) => one.trim())
      .filter(Boolean)
    expect(statements.length).toBeGreaterThan(3)
    for (const sql of statements)
      expect(sql).toMatch(
        /^(?:CREATE SCHEMA IF NOT EXISTS [a-z.]+|GRANT [A-Z ,]+ ON (?:CATALOG|SCHEMA) [a-z.]+ TO `[\w-]+`)$/,
      )
  })
})
