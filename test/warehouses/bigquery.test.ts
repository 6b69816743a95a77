import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import type { Columns, Engine } from '../../src/core/warehouse.ts'
import { ResumableUpload } from '../../src/warehouses/bigquery/resumable-upload.ts'
import { bigquery } from '../../src/warehouses/bigquery.ts'
import { StagedLoads } from '../loading/staged-loads.ts'
import { errorOf } from '../support/bigquery/answer.ts'
import type { FakeBigQuery, Fault } from '../support/fake-bigquery.ts'
import { loadOf } from '../support/load-of.ts'
import { type RealBigQueryWarehouse, startBigQueryWarehouse } from '../support/real-bigquery.ts'
import { engineSuite } from './engine-suite.ts'

engineSuite(
  'bigquery',
  async () => {
    const warehouse = await startBigQueryWarehouse()
    const waiting = async () => (await warehouse.tables()).filter((name) => name.startsWith('_sluiceway')).length
    return { ...warehouse, refusesNames: true, engine: warehouse.use.open({}, warehouse.namespace), waiting }
  },
  { gathers: true },
)

const columns: Columns = { id: 'string', event: 'string', total: 'float', received_at: 'datetime', uuid_ts: 'datetime' }
const order = (id: string, received_at: string, total = 10) => ({ id, event: 'order_completed', total, received_at })
const today = '2026-11-22T10:00:00.000Z'

describe('bigquery()', () => {
  test('bigquery() says what is wrong without repeating a secret', () => {
    const { problems, redacted } = bigquery({
      credentials: '{"type":"service_account","client_email":"loader@acme.example","private_key":"analytical engine"}',
      dataset: 'my-data',
      location: 'europe west',
      partition: 'sent_at' as never,
    })
    expect(problems).toEqual([
      '"credentials" has no "private_key" in PEM',
      '"dataset" must have at most 1,024 letters, digits and "_"',
      '"location" must be as US, EU or europe-west3',
      '"partition" must be one of received_at, loaded_at, _PARTITIONTIME',
    ])
    expect(JSON.stringify([problems, redacted])).not.toContain('analytical engine')
  })

  test.each([
    ['analytical engine', 'must be the JSON of a service account key, the whole file'],
    ['{"type":"authorized_user"}', 'must be the key of a service account: its "type" is "service_account"'],
  ])('bigquery() says of the credentials %s that they are none', (credentials, problem) => {
    expect(bigquery({ credentials }).problems).toEqual([`"credentials" ${problem}`])
  })

  test('bigquery() takes no key that sends its signature to a host that is not public, and none without a project', () => {
    const key = { type: 'service_account', client_email: 'loader@acme.example', token_uri: 'https://10.0.0.1/token' }
    const credentials = JSON.stringify({ ...key, private_key: '-----BEGIN PRIVATE KEY-----' })
    expect(bigquery({ credentials }).problems).toEqual([
      '"credentials" has a "token_uri" that is no public https address',
      '"project" is missing, and "credentials" names none',
    ])
  })

  test('bigquery() gives each source a dataset as RudderStack names it, unless the settings name one', () => {
    const { namespaceOf } = bigquery({ credentials: '', datasets: { shop: 'sales' } })
    expect(['Web Shop', '2 shops', 'shop'].map(namespaceOf)).toEqual(['web_shop', '_2_shops', 'sales'])
    expect(bigquery({ credentials: '', dataset: 'events' }).namespaceOf('Web Shop')).toBe('events')
  })
})

describe('a BigQuery', () => {
  let warehouse: RealBigQueryWarehouse
  let engine: Engine
  beforeAll(async () => {
    warehouse = await startBigQueryWarehouse()
    engine = warehouse.use.open({}, warehouse.namespace)
  }, 60_000)
  afterAll(() => warehouse?.stop())

  const totals = async (table: string) => (await warehouse.rows(table)).map(({ id, total }) => [id, total])

  test('a BigQuery has a row once after a repeat, and after the event came again on another day', async () => {
    await engine.widen('orders', columns)
    const load = { table: 'orders', columns, merge: 'replace' } as const
    const rows = ['a', 'b', 'c'].map((id) => order(id, today))
    for (const _ of [1, 2]) await engine.load(loadOf({ ...load, id: 'load-1', rows }))
    const again = [order('a', '2026-11-29T10:00:00.000Z', 20), order('b', today, 30), order('d', today, 40)]
    for (const _ of [1, 2]) await engine.load(loadOf({ ...load, id: 'load-2', rows: again }))
    expect(await totals('orders')).toEqual([
      ['a', 20],
      ['b', 30],
      ['c', 10],
      ['d', 40],
    ])
    expect((await warehouse.tables()).filter((table) => table.startsWith('_sluiceway'))).toEqual([])
  })

  test('a BigQuery looks for the event that comes again no further than replaceWithinDays', async () => {
    const near = bigquery({ ...warehouse.settings, replaceWithinDays: 7 }).open({}, warehouse.namespace)
    await near.widen('near', columns)
    const load = { table: 'near', columns, merge: 'replace' } as const
    const before = [order('a', '2026-11-01T10:00:00.000Z'), order('b', '2026-11-20T10:00:00.000Z')]
    await near.load(loadOf({ ...load, id: '1', rows: before }))
    await near.load(loadOf({ ...load, id: '2', rows: [order('a', today), order('b', today)] }))
    expect((await warehouse.ids('near')).toSorted()).toEqual(['a', 'a', 'b'])
  })

  test('a BigQuery has the tables of RudderStack: types, partitions, loaded_at and views', async () => {
    await engine.widen('products', { ...columns, gift: 'boolean', quantity: 'int', cart: 'json' })
    await engine.widen('users', { id: 'string', received_at: 'datetime', uuid_ts: 'datetime' })
    const products = await warehouse.resource('products')
    const { fields } = products['schema'] as { readonly fields: readonly { name: string; type: string }[] }
    expect(fields.map(({ name, type }) => `${name} ${type}`)).toEqual([
      'id STRING',
      'event STRING',
      'total FLOAT',
      'received_at TIMESTAMP',
      'uuid_ts TIMESTAMP',
      'gift BOOLEAN',
      'quantity INTEGER',
      'cart STRING',
      'loaded_at TIMESTAMP',
    ])
    expect(products['timePartitioning']).toMatchObject({ type: 'DAY', field: 'received_at' })
    const users = await warehouse.resource('users')
    expect(users).toMatchObject({ clustering: { fields: ['id'] } })
    expect(users['timePartitioning']).toBeUndefined()
    expect(await engine.columns('products')).toMatchObject({ cart: 'json', loaded_at: 'datetime' })
  })

  test('the view of a table has each row once, of the last 60 days, also where RudderStack appended one twice', async () => {
    await engine.widen('visits', columns)
    const now = new Date().toISOString()
    const rows = [order('new', now), order('old', '2020-01-01T00:00:00.000Z')]
    await engine.load(loadOf({ id: '1', table: 'visits', columns, rows, merge: 'replace' }))
    const visits = `\`${warehouse.schema}visits\``
    await warehouse.query(
      `INSERT INTO ${visits} (id, total, received_at, loaded_at) VALUES ('new', 5, TIMESTAMP '${now}', TIMESTAMP '2026-01-01T00:00:00Z')`,
    )
    const shown = await warehouse.query(`SELECT id, total FROM \`${warehouse.schema}visits_view\``)
    expect(shown).toEqual([{ id: 'new', total: 10 }])
  })

  test('loaded_at and uuid_ts are the time of the load, whatever a property of their name says', async () => {
    const stamped: Columns = { ...columns, loaded_at: 'datetime' }
    await engine.widen('stamped', stamped)
    const rows = [{ ...order('a', today), loaded_at: 'tomorrow', uuid_ts: null }]
    const start = Date.now() - 60_000
    await engine.load(loadOf({ id: '1', table: 'stamped', columns: stamped, rows, merge: 'replace' }))
    const [row] = await warehouse.rows('stamped')
    for (const name of ['loaded_at', 'uuid_ts']) expect(Date.parse(String(row?.[name]))).toBeGreaterThan(start)
  })

  test('the table of an event takes the place of the view that had its name', async () => {
    await engine.widen('product', columns)
    const fresh = warehouse.use.open({}, warehouse.namespace)
    expect(await fresh.columns('product_view')).toBeNull()
    await fresh.widen('product_view', columns)
    await fresh.load(loadOf({ id: '1', table: 'product_view', columns, rows: [order('a', today)], merge: 'replace' }))
    expect(await totals('product_view')).toEqual([['a', 10]])
  })

  test('a BigQuery goes on with the tables that RudderStack made, divided by the time of the load', async () => {
    const like = bigquery({ ...warehouse.settings, partition: '_PARTITIONTIME', views: false }).open(
      {},
      warehouse.namespace,
    )
    await like.widen('clicks', columns)
    expect(await warehouse.resource('clicks')).toMatchObject({ timePartitioning: { type: 'DAY' } })
    const load = { table: 'clicks', columns, merge: 'replace' } as const
    await engine.load(loadOf({ ...load, id: '1', rows: [order('a', today)] }))
    await engine.load(
      loadOf({ ...load, id: '2', rows: [order('a', '2026-11-01T10:00:00.000Z', 20), order('b', today)] }),
    )
    expect(await totals('clicks')).toEqual([
      ['a', 20],
      ['b', 10],
    ])
    await expect(warehouse.resource('clicks_view')).rejects.toThrow(/clicks_view/)
  })

  test('a BigQuery loads many tables at once, and says what fails in one of them', async () => {
    const loads = ['one', 'two', 'three', 'four', 'five', 'six'].map(
      (table) => ({ id: '1', table, columns, rows: [order('a', today)], merge: 'replace' }) as const,
    )
    await engine.foresee?.(loads.map(({ table }) => table))
    for (const { table } of loads) await engine.widen(table, columns)
    for (const _ of [1, 2]) await engine.loadTogether?.(loads.map(loadOf))
    for (const { table } of loads) expect(await warehouse.count(table)).toBe(1)
    const without = loads.map((load) => (load.table === 'four' ? { ...load, table: 'never_made' } : load))
    await expect(engine.loadTogether?.(without.map(loadOf))).rejects.toMatchObject({ details: { scope: 'table' } })
  })

  test.each([
    ['a text in a column of numbers', { total: 'much' }],
    ['no id', { id: null }],
    ['a time that is none', { received_at: 'yesterday' }],
  ])('a row with %s fails its load into BigQuery with the scope rows, and nothing of it is there', async (_, wrong) => {
    await engine.widen('refused', columns)
    const rows = [order('a', today), { ...order('b', today), ...wrong }]
    await expect(
      engine.load(loadOf({ id: '1', table: 'refused', columns, rows, merge: 'replace' })),
    ).rejects.toMatchObject({ details: { scope: 'rows' } })
    expect(await warehouse.count('refused')).toBe(0)
    expect((await warehouse.tables()).filter((table) => table.startsWith('_sluiceway'))).toEqual([])
  })

  test('a column that an event cannot have is refused by BigQuery as of the table', async () => {
    await expect(engine.widen('refused', { _partitiontime: 'string' })).rejects.toMatchObject({
      details: { scope: 'table', reason: 'invalid' },
    })
    for (const name of ['_partitiontime', '_table_suffix', '__root__', '_sluiceway_load'])
      expect(engine.kept.columns.test(name)).toBe(true)
    for (const name of ['_partitio', 'table_', 'loaded_at']) expect(engine.kept.columns.test(name)).toBe(false)
  })

  test('a rule that joins identities is there once, in one load and in later ones', async () => {
    const loads = new StagedLoads(warehouse, { resolveIdentities: true })
    const seen = (messageId: string): Event => ({
      type: 'track',
      messageId,
      event: 'Seen',
      userId: 'ada',
      anonymousId: 'anon-ada',
    })
    await loads.send(seen('seen-1'), seen('seen-2'), { type: 'identify', messageId: 'seen-3', userId: 'ada' })
    expect(await loads.send(seen('seen-4'))).toMatchObject({ discards: 0 })
    expect(loads.letters).toEqual([])
    expect(await warehouse.rows('rudder_identity_merge_rules', 'merge_property_1_type')).toEqual([
      {
        merge_property_1_type: 'anonymous_id',
        merge_property_1_value: 'anon-ada',
        merge_property_2_type: 'user_id',
        merge_property_2_value: 'ada',
      },
      {
        merge_property_1_type: 'user_id',
        merge_property_1_value: 'ada',
        merge_property_2_type: null,
        merge_property_2_value: null,
      },
    ])
  })

  test('a BigQuery takes a gathering that is uploaded in pieces', async () => {
    await engine.widen('gathered', { ...columns, note: 'string' })
    const gathering = engine.gather?.(crypto.randomUUID())
    const slices = [0, 1, 2, 3].map((slice) =>
      Array.from({ length: 1_000 }, (_, i) => ({
        ...order(`${slice}-${i}`, today, i),
        note: 'Zürich 数学 😀'.repeat(12),
      })),
    )
    for (const [slice, rows] of slices.entries())
      await gathering?.stage([
        loadOf({ id: `${slice}`, table: 'gathered', columns: { ...columns, note: 'string' }, rows, merge: 'replace' }),
      ])
    expect(await warehouse.count('gathered')).toBe(0)
    await gathering?.merge()
    await gathering?.drop()
    const stored = await warehouse.rows('gathered')
    const told = (rows: readonly Readonly<Record<string, unknown>>[]) =>
      new Set(rows.map(({ id, total, note }) => `${String(id)} ${String(total)} ${String(note)}`))
    expect(told(stored)).toEqual(told(slices.flat()))
    expect(stored).toHaveLength(4_000)
    expect((await warehouse.tables()).filter((table) => table.startsWith('_sluiceway'))).toEqual([])
  })

  test('a BigQuery takes spaces that fill a piece of an upload up', async () => {
    await engine.widen('filled_up', { id: 'string' })
    const { http, jobs, failures } = warehouse.parts
    const into = { dataset: warehouse.namespace, table: 'filled_up' }
    const job = `filled_up_${crypto.randomUUID()}`
    const upload = new ResumableUpload({ http, failures, begin: () => jobs.beginUpload(job, into) })
    upload.add('{"id":"a"}\n{"id":"b"}')
    await upload.sendAll()
    expect(upload.heldBytes).toBe(0)
    upload.add('{"id":"c"}')
    expect(await jobs.uploaded(job, await upload.end())).toMatchObject({ loaded: 3 })
    expect((await warehouse.ids('filled_up')).toSorted()).toEqual(['a', 'b', 'c'])
  })

  test('a probe of a BigQuery leaves nothing behind', async () => {
    await engine.probe()
    expect(await warehouse.tables()).not.toContain('_sluiceway_probe')
  })
})

// What a real account does not do on demand.
describe.skipIf(process.env['BIGQUERY_CREDENTIALS'] !== undefined)('a BigQuery that fails', () => {
  let warehouse: RealBigQueryWarehouse
  let fake: FakeBigQuery
  let engine: Engine
  beforeAll(async () => {
    warehouse = await startBigQueryWarehouse()
    fake = warehouse.fake as FakeBigQuery
  })
  afterAll(() => warehouse?.stop())
  beforeEach(async () => {
    fake.fault = () => undefined
    fake.polls = 0
    engine = warehouse.use.open({}, warehouse.namespace)
    await engine.widen('orders', columns)
    fake.requests.length = 0
  })

  let number = 0
  const loadOne = (id = `order-${++number}`) =>
    engine.load(loadOf({ id: `load-${id}`, table: 'orders', columns, rows: [order(id, today)], merge: 'replace' }))
  const isJob = ({ method, path }: { readonly method: string; readonly path: string }) =>
    method === 'POST' && path.startsWith('/jobs')
  const stages = async () => (await warehouse.tables()).filter((table) => table.startsWith('_sluiceway_stage'))
  const times = (id: string) => warehouse.ids('orders').then((ids) => ids.filter((one) => one === id).length)

  test.each<[string, Fault, RegExp, object]>([
    [
      'a missing right',
      errorOf(403, 'accessDenied', 'Access Denied: Project acme-analytics'),
      /\(accessDenied\)\. Give loader@acme-analytics\.iam\.gserviceaccount\.com the roles of docs\/warehouse-bigquery\.md\.$/,
      { scope: 'warehouse', lasting: true },
    ],
    [
      'no billing',
      errorOf(403, 'billingNotEnabled', 'Billing has not been enabled for this project.'),
      /Turn billing on for the project "acme-analytics"/,
      { scope: 'warehouse', lasting: true },
    ],
    [
      'an API that is off',
      {
        status: 403,
        body: { error: { code: 403, message: 'It is disabled.', details: [{ reason: 'SERVICE_DISABLED' }] } },
      },
      /gcloud services enable bigquery\.googleapis\.com --project acme-analytics/,
      { scope: 'warehouse', lasting: true },
    ],
    [
      'a quota that is used up',
      errorOf(403, 'quotaExceeded', 'Quota exceeded: Your project exceeded quota for load jobs'),
      /load less often \(`everyMinutes`\)/,
      { scope: 'warehouse', reason: 'quotaExceeded' },
    ],
    [
      'a project that is not there',
      errorOf(404, 'notFound', 'Not found: Project acme-analytics'),
      /Check `project`: there is no "acme-analytics"/,
      { scope: 'warehouse', lasting: true },
    ],
    [
      'a table that is not there',
      errorOf(404, 'notFound', 'Not found: Table acme-analytics:web.orders'),
      /\(notFound\)$/,
      { scope: 'table' },
    ],
    [
      'an answer that is too large',
      errorOf(403, 'responseTooLarge', 'Response too large'),
      /Response/,
      { scope: 'table' },
    ],
    [
      'a statement beside it that changed the table',
      errorOf(
        400,
        'invalidQuery',
        'Could not serialize access to table acme-analytics:web.orders due to concurrent update',
      ),
      /concurrent update \(invalidQuery\)$/,
      { scope: 'warehouse' },
    ],
    ['a statement that is wrong', errorOf(400, 'invalidQuery', 'Syntax error'), /Syntax error/, { scope: 'table' }],
    ['a proxy that is no BigQuery', { status: 403, body: 'no' }, /status 403/, { scope: 'warehouse', lasting: true }],
  ])('a BigQuery with %s says what to do, and whether time mends it', async (_, fault, words, details) => {
    fake.fault = (request) => (isJob(request) ? fault : undefined)
    const thrown = await loadOne().catch((error: unknown) => error)
    expect(thrown).toMatchObject({ code: 'warehouse_failed' })
    const { scope, lasting, reason } = (thrown as { readonly details: Record<string, unknown> }).details
    expect({ scope, lasting, reason }).toMatchObject(details)
    expect(lasting).toBe((details as { readonly lasting?: true }).lasting)
    expect(String(thrown)).toMatch(words)
    expect(String(thrown)).not.toMatch(/PRIVATE KEY|ya29/)
  })

  test.each([
    ['503', errorOf(503, 'backendError', 'Backend error')],
    ['429', errorOf(429, 'rateLimitExceeded', 'Exceeded rate limits')],
    [
      '403 rateLimitExceeded',
      errorOf(403, 'rateLimitExceeded', 'Exceeded rate limits: too many table update operations'),
    ],
  ])('a call that is answered with %s is repeated, and the load goes on', async (_, fault) => {
    let left = 1
    fake.fault = (request) => (isJob(request) && left-- > 0 ? fault : undefined)
    await loadOne('passing')
    expect(await times('passing')).toBe(1)
  })

  test('a load whose connection is cut after its job was made finds the job, and makes none twice', async () => {
    const cut = new Set<string>()
    fake.fault = (request) => {
      const isFirst = isJob(request) && !cut.has(JSON.stringify(request))
      cut.add(JSON.stringify(request))
      return isFirst ? 'cut after' : undefined
    }
    const before = fake.jobs().length
    await loadOne('cut')
    expect(await times('cut')).toBe(1)
    // One that loads, one that inserts.
    expect(fake.jobs().length - before).toBe(2)
  })

  test.each([
    ['load', 1],
    ['insert', 2],
    ['delete', 3],
  ])('a load that ended before its %s was answered is repeated without a doubled row', async (what, nth) => {
    let calls = 0
    const before = await stages()
    const isStep = (request: (typeof fake.requests)[number]) => isJob(request) || request.method === 'DELETE'
    fake.fault = (request) => {
      if (!isStep(request)) return undefined
      return ++calls >= nth ? (calls === nth ? 'cut after' : errorOf(400, 'stopped', 'the process is gone')) : undefined
    }
    await expect(loadOne(`crash-${what}`)).rejects.toMatchObject({ details: { scope: 'warehouse' } })
    fake.fault = () => undefined
    engine = warehouse.use.open({}, warehouse.namespace)
    for (const _ of [1, 2]) await loadOne(`crash-${what}`)
    expect(await times(`crash-${what}`)).toBe(1)
    expect(await stages()).toEqual(before)
  })

  test('rows whose stage is gone, since the load waited for a day, are brought again', async () => {
    fake.fault = (request) => (isJob(request) && request.lines === undefined ? errorOf(400, 'stopped', '') : undefined)
    await expect(loadOne('late')).rejects.toThrow(/stopped/)
    fake.fault = () => undefined
    for (const table of await warehouse.tables())
      if (table.startsWith('_sluiceway_stage')) await warehouse.query(`DROP TABLE \`${warehouse.schema}${table}\``)
    const tables = fake.tables(warehouse.namespace)
    for (const table of tables.keys()) if (table.startsWith('_sluiceway_stage')) tables.delete(table)
    await loadOne('late')
    expect(await times('late')).toBe(1)
  })

  test('a repeat adds no row also where BigQuery does not know its jobs any more', async () => {
    const discards: Columns = { table_name: 'string', row_id: 'string' }
    await engine.widen('rudder_discards', discards)
    const rows = ['a', 'b'].map((row_id) => ({ table_name: 'orders', row_id }))
    const load = { id: 'load-1', table: 'rudder_discards', columns: discards, rows, merge: 'append' } as const
    for (const _ of [1, 2]) {
      await loadOne('forgotten')
      await engine.load(loadOf(load))
      fake.forgetJobs()
    }
    expect(await times('forgotten')).toBe(1)
    expect(await warehouse.count('rudder_discards')).toBe(2)
  })

  test('a job that failed is made anew, under another id, when its load is repeated', async () => {
    let isRunning = true
    const failing = { status: { state: 'DONE', errorResult: { reason: 'backendError', message: 'Try again.' } } }
    fake.fault = ({ method, path }) =>
      isRunning && method === 'GET' && path.startsWith('/jobs/') ? { status: 200, body: failing } : undefined
    fake.polls = 1
    await expect(loadOne('anew')).rejects.toMatchObject({ details: { scope: 'warehouse', reason: 'backendError' } })
    // The job is there, and stays failed.
    fake.fault = ({ method, path }) =>
      method === 'GET' && /^\/jobs\/_sluiceway_stage_[0-9a-f]{32}_load\?/.test(path)
        ? { status: 200, body: failing }
        : undefined
    isRunning = false
    await loadOne('anew')
    expect(await times('anew')).toBe(1)
  })

  test('a job is polled until it is done, a few times', async () => {
    fake.polls = 3
    await loadOne('polled')
    expect(await times('polled')).toBe(1)
    const polls = fake.requests.filter(({ method, path }) => method === 'GET' && path.startsWith('/jobs/'))
    expect(polls).toHaveLength(6)
    expect(polls[0]?.path).toMatch(/^\/jobs\/_sluiceway_stage_[0-9a-f]{32}_load\?location=US$/)
  })

  test('a token serves many calls, and one that is refused is renewed once', async () => {
    const before = fake.tokens()
    await loadOne()
    expect(fake.tokens()).toBe(before)
    fake.revoke()
    await loadOne('renewed')
    expect(fake.tokens()).toBe(before + 1)
    expect(await times('renewed')).toBe(1)
    await loadOne()
    fake.fault = () => errorOf(401, 'authError', 'Invalid Credentials')
    await expect(loadOne()).rejects.toMatchObject({ details: { scope: 'warehouse', lasting: true } })
  })

  test('a key that Google refuses says so, and nothing of the key', async () => {
    const other = await startBigQueryWarehouse()
    const { private_key } = JSON.parse((other.fake as FakeBigQuery).credentials) as { readonly private_key: string }
    await other.stop()
    const key = { ...(JSON.parse(fake.credentials) as object), private_key }
    const wrong = bigquery({ ...warehouse.settings, credentials: JSON.stringify(key) }).open({}, warehouse.namespace)
    const thrown = await wrong.columns('orders').catch((error: unknown) => error)
    expect(thrown).toMatchObject({ code: 'warehouse_failed', details: { scope: 'warehouse', lasting: true } })
    expect(String(thrown)).toMatch(/invalid_grant: Invalid JWT Signature\.\. Check `credentials`/)
    const broken = { ...key, private_key: '-----BEGIN PRIVATE KEY-----\nanalytical engine\n-----END PRIVATE KEY-----' }
    const unread = bigquery({ ...warehouse.settings, credentials: JSON.stringify(broken) }).open(
      {},
      warehouse.namespace,
    )
    const second = await unread.columns('orders').catch((error: unknown) => error)
    expect(String(second)).toMatch(/the private key of `credentials` cannot be read/)
    expect(String(second)).not.toContain('analytical')
  })

  test('a BigQuery that does not answer is out of reach, and nothing is buried', async () => {
    const away = bigquery({ ...warehouse.settings, endpoint: 'http://127.0.0.1:1' }).open({}, warehouse.namespace)
    const thrown = await away.columns('orders').catch((error: unknown) => error)
    expect(thrown).toMatchObject({ details: { scope: 'warehouse' } })
    expect(String(thrown)).toMatch(/No answer from 127\.0\.0\.1:1\.$/)
  }, 10_000)

  test('columns that another one adds at the same time stay', async () => {
    await engine.columns('orders')
    const other = warehouse.use.open({}, warehouse.namespace)
    await other.widen('orders', { coupon: 'string' })
    await engine.widen('orders', { gift: 'boolean' })
    expect(await engine.columns('orders')).toMatchObject({ coupon: 'string', gift: 'boolean', total: 'float' })
  })
})
