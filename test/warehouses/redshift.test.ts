import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Columns, Engine } from '../../src/core/warehouse.ts'
import { redshift } from '../../src/warehouses/redshift.ts'
import { blocks } from '../support/documents.ts'
import type { FakeRedshift } from '../support/fake-redshift.ts'
import { loadOf } from '../support/load-of.ts'
import { type RealRedshift, startRedshiftWarehouse } from '../support/real-redshift.ts'
import { engineSuite } from './engine-suite.ts'

/** Redshift folds names to lower case. */
const names = ['order "final"', `x'; drop table "victim"; --`, 'größe 数', 'a.b', 'per%cent', '$1 ?']

engineSuite(
  'redshift',
  async () => {
    const warehouse = await startRedshiftWarehouse()
    const { fake, use, namespace } = warehouse
    const waiting = fake === undefined ? {} : { waiting: () => fake.s3.stored.size }
    return { ...warehouse, ...waiting, names, engine: use.open({}, namespace) }
  },
  { gathers: true },
)

describe('redshift()', () => {
  test('redshift() says all that is wrong at once, without repeating a secret', () => {
    const { problems, redacted } = redshift({
      region: 'Frankfurt',
      cluster: 'analytics',
      workgroup: 'analytics',
      database: 'dev',
      dbUser: 'loader',
      accessKeyId: 'AKIAADA',
      secretAccessKey: 'secret key of Ada',
      bucket: 'My Bucket',
      iamRole: 'loader',
      schema: 'pg_events',
    })
    expect(problems).toEqual([
      '"region" must be as eu-central-1',
      '"bucket" is no name of a bucket',
      '"iamRole" must be "default" or an ARN of a role',
      '"schema" must have at most 127 of a-z, 0-9 and "_", and be no schema of the system',
      '"cluster" and "workgroup" exclude each other',
      '"dbUser" has a meaning for a cluster only; a workgroup takes the user of IAM, or `secretArn`',
    ])
    expect(JSON.stringify(redacted)).not.toContain('secret key of Ada')
  })

  test('redshift() has a schema for each source, and takes those that settings name', () => {
    const input = {
      region: 'eu-central-1',
      workgroup: 'analytics',
      database: 'dev',
      accessKeyId: 'AKIAADA',
      secretAccessKey: 'secret key of Ada',
      bucket: 'analytics-staging',
    }
    expect(['web', '2nd Shop', 'user'].map(redshift(input).namespaceOf)).toEqual(['web', '_2nd_shop', '_user'])
    expect(redshift({ ...input, schema: 'events', schemas: { web: 'site' } }).namespaceOf('web')).toBe('site')
    expect(redshift({ ...input, schema: 'events' }).namespaceOf('web')).toBe('events')
  })
})

// The contract suite alone is for accounts.
describe.skipIf(process.env['REDSHIFT_REGION'] !== undefined)('a Redshift behind the Data API', () => {
  let warehouse: RealRedshift
  let fake: FakeRedshift
  let engine: Engine
  beforeAll(async () => {
    warehouse = await startRedshiftWarehouse()
    fake = warehouse.fake as FakeRedshift
    engine = warehouse.use.open({}, warehouse.namespace)
  }, 60_000)
  afterEach(() => {
    fake.refuse = undefined
    fake.cut = undefined
    fake.fail = undefined
    fake.s3.refuse = undefined
    fake.running = 0
    fake.s3.stored.clear()
    fake.requests.length = 0
  })
  afterAll(() => warehouse?.stop())

  const columns: Columns = { id: 'string', event: 'string', total: 'float', received_at: 'datetime' }
  const orders = (...ids: string[]) =>
    ids.map((id) => ({ id, event: 'order_completed', total: 10, received_at: '2026-11-29T10:00:00.000Z' }))
  const fill = async (table: string, id: string, rows = orders('order-1', 'order-2')) =>
    engine.load(loadOf({ id, table, columns, rows, merge: 'replace' }))
  const idsOf = async (table: string) => (await warehouse.ids(table)).toSorted()
  const actions = () => fake.requests.map(({ action }) => action)

  test('a Redshift behind the Data API gets a load by one object and one request, and the object is deleted', async () => {
    await engine.widen('orders', columns)
    fake.requests.length = 0
    fake.s3.answers.length = 0
    await fill('orders', 'load-1')
    expect(actions()).toEqual(['BatchExecuteStatement'])
    expect(fake.s3.answers).toEqual([
      expect.stringMatching(/^PUT \/analytics-staging\/sluiceway-redshift\/[0-9a-f]{64}\.json\.gz 200$/),
      expect.stringMatching(/^DELETE \/analytics-staging\/sluiceway-redshift\/[0-9a-f]{64}\.json\.gz 204$/),
    ])
    expect(fake.s3.stored.size).toBe(0)
    expect(await idsOf('orders')).toEqual(['order-1', 'order-2'])
  })

  test('a Redshift behind the Data API loads twenty tables in few transactions', async () => {
    const tables = Array.from({ length: 20 }, (_, i) => `event_${i}`)
    for (const table of tables) await engine.widen(table, columns)
    fake.requests.length = 0
    const loads = tables.map((table) => loadOf({ id: '1', table, columns, rows: orders(table), merge: 'replace' }))
    for (const _ of [1, 2]) await engine.loadTogether?.(loads)
    expect(actions()).toEqual(Array.from({ length: 6 }, () => 'BatchExecuteStatement'))
    for (const table of tables) expect(await idsOf(table)).toEqual([table])
  })

  test('a Redshift behind the Data API that takes its time is asked until the statement ends', async () => {
    fake.running = 2
    await fill('orders', 'load-2', orders('order-3'))
    expect(actions()).toEqual(['BatchExecuteStatement', ...Array.from({ length: 3 }, () => 'DescribeStatement')])
    expect(await idsOf('orders')).toContain('order-3')
  })

  test('a Redshift behind the Data API runs a load once, though the connection is cut behind it', async () => {
    await engine.widen('cut', columns)
    let cuts = 2
    fake.requests.length = 0
    fake.cut = (action) => action === 'BatchExecuteStatement' && cuts-- > 0
    const load = { id: '1', table: 'cut', columns, rows: orders('order-1'), merge: 'append' } as const
    await engine.load(loadOf(load))
    expect(new Set(fake.requests.map(({ body }) => body['ClientToken'])).size).toBe(1)
    expect(actions()).toEqual(Array.from({ length: 3 }, () => 'BatchExecuteStatement'))
    // A later invocation repeats it under another token.
    fake.cut = undefined
    await engine.load(loadOf(load))
    expect(await idsOf('cut')).toEqual(['order-1'])
  })

  test('a Redshift behind the Data API that cuts each connection fails the load, and takes the repeat', async () => {
    await engine.widen('lost', columns)
    fake.cut = (action) => action === 'BatchExecuteStatement'
    await expect(fill('lost', '1')).rejects.toMatchObject({
      message: expect.stringMatching(/No answer from the Data API of eu-central-1: check `region`/) as string,
      details: { scope: 'warehouse' },
    })
    // The statement may still read it.
    expect(fake.s3.stored.size).toBe(1)
    fake.cut = undefined
    await fill('lost', '1')
    expect(fake.s3.stored.size).toBe(0)
    expect(await idsOf('lost')).toEqual(['order-1', 'order-2'])
  })

  test.each([
    ['ThrottlingException', 400],
    ['ActiveStatementsExceededException', 400],
    ['InternalServerException', 500],
    ['', 503],
  ])('a Redshift behind the Data API that says %s (%i) once is asked again', async (type, status) => {
    let refusals = 1
    fake.refuse = () => (refusals-- > 0 ? { status, type, message: 'Rate exceeded' } : undefined)
    await fill('orders', 'load-3', orders('order-4'))
    expect(actions()).toEqual(['BatchExecuteStatement', 'BatchExecuteStatement'])
  })

  test.each<[string, Parameters<NonNullable<FakeRedshift['refuse']>>[0], number, string, RegExp, boolean]>([
    [
      'AccessDeniedException',
      'BatchExecuteStatement',
      400,
      'User: arn:aws:iam::123456789012:user/ada is not authorized',
      /\(AccessDeniedException\)\. The key lacks a right: docs\/warehouse-redshift\.md has the policy\.$/,
      true,
    ],
    [
      'UnrecognizedClientException',
      'BatchExecuteStatement',
      400,
      'The security token included in the request is invalid.',
      /Check `accessKeyId`, `secretAccessKey` and `region`\.$/,
      true,
    ],
    [
      'ValidationException',
      'BatchExecuteStatement',
      400,
      "Redshift endpoint doesn't exist in this region.",
      /The workgroup "analytics" must be in eu-central-1: check its name and `region`\.$/,
      true,
    ],
    [
      'ValidationException',
      'BatchExecuteStatement',
      400,
      'User: arn:aws:iam::123456789012:user/ada is not authorized to perform: redshift:GetClusterCredentialsWithIAM on resource: arn:aws:redshift:eu-central-1:123456789012:dbname:analytics/dev',
      /analytics\/dev \(ValidationException\)\. The key lacks a right: docs\/warehouse-redshift\.md has the policy\.$/,
      true,
    ],
    [
      'ThrottlingException',
      'BatchExecuteStatement',
      400,
      'Rate exceeded',
      /Rate exceeded \(ThrottlingException\)$/,
      false,
    ],
    [
      'ResourceNotFoundException',
      'DescribeStatement',
      400,
      'Query does not exist.',
      /Query does not exist\. \(ResourceNotFoundException\)$/,
      false,
    ],
  ])(
    'a Redshift behind the Data API that answers %s to %s fails as a warehouse, and says what to do',
    async (type, action, status, message, words, lasting) => {
      fake.refuse = (asked) => (asked === action ? { status, type, message } : undefined)
      fake.running = 1
      const thrown = await fill('orders', 'load-4').catch((error: unknown) => error)
      expect(thrown).toMatchObject({ code: 'warehouse_failed', details: { scope: 'warehouse', code: type } })
      expect(thrown).toHaveProperty('message', expect.stringMatching(words))
      expect((thrown as { details: object }).details).toEqual({
        scope: 'warehouse',
        code: type,
        ...(lasting ? { lasting } : {}),
      })
    },
    20_000,
  )

  test('a Redshift behind the Data API refuses a wrong key, which is not told', async () => {
    const other = redshift({ ...warehouse.settings, secretAccessKey: 'difference engine' })
    const thrown = await other
      .open({}, warehouse.namespace)
      .columns('orders')
      .catch((error: unknown) => error)
    expect(thrown).toMatchObject({ details: { code: 'InvalidSignatureException', lasting: true } })
    expect(String(thrown)).not.toContain('difference engine')
  })

  test.each<[string, string, boolean, RegExp]>([
    [
      `ERROR: Load into table '_sluiceway_stage_0' failed.  Check 'sys_load_error_detail' system table for details.`,
      'rows',
      false,
      /tells the column\.$/,
    ],
    ['ERROR: Value too long for character type', 'rows', false, /character type$/],
    ['ERROR: relation "web.orders" does not exist', 'table', false, /does not exist$/],
    ['ERROR: column "coupon" does not exist in _sluiceway_stage_0', 'table', false, /stage_0$/],
    [
      'ERROR: permission denied for schema web',
      'table',
      true,
      /the user may not create tables there: GRANT USAGE, CREATE ON SCHEMA/,
    ],
    ['ERROR: must be owner of relation orders', 'table', true, /ALTER TABLE … OWNER TO the user\.$/],
    [
      'ERROR: S3ServiceException:Access Denied,Status 403,Error AccessDenied',
      'warehouse',
      true,
      /The role of `iamRole` must be attached to the workgroup "analytics", and may read "analytics-staging"/,
    ],
    [
      'ERROR: User arn:aws:redshift:eu-central-1:123456789012:dbuser:analytics/ada is not authorized to assume IAM Role',
      'warehouse',
      true,
      /The role of `iamRole`/,
    ],
    [
      'User: arn:aws:iam::123456789012:user/ada is not authorized to perform: redshift-serverless:GetCredentials on resource: arn:aws:redshift-serverless:eu-central-1:123456789012:workgroup/1',
      'warehouse',
      true,
      /The key lacks a right: docs\/warehouse-redshift\.md has the policy\.$/,
    ],
    ['ERROR: 1023 DETAIL: Serializable isolation violation on table - 108263', 'warehouse', false, /108263$/],
    ['ERROR: Mandatory url is not present in manifest file', 'warehouse', false, /manifest file$/],
    [
      'ERROR: S3ServiceException:The specified key does not exist.,Status 404,Error NoSuchKey',
      'warehouse',
      false,
      /NoSuchKey$/,
    ],
    ['ERROR: The specified S3 prefix does not exist', 'warehouse', false, /not exist$/],
    [
      'ERROR: S3ServiceException:Please reduce your request rate.,Status 503,Error SlowDown,Rid 4QW,ExtRid x,CanRetry 1',
      'warehouse',
      false,
      /CanRetry 1$/,
    ],
    [
      'ERROR: AwsClientException: - Failed to perform AWS request, curlError=Connection timeout after 30002 ms',
      'warehouse',
      false,
      /30002 ms$/,
    ],
    ['ERROR: Disk Full', 'warehouse', true, /make room, or resize\.$/],
    ['Query cancelled by WLM abort action of Query Monitoring Rule', 'warehouse', false, /Rule$/],
    ['FATAL: password authentication failed for user "loader"', 'warehouse', true, /Check `dbUser` or `secretArn`\.$/],
  ])(
    'a Redshift behind the Data API whose statement fails with %j speaks of %s',
    async (words, scope, lasting, told) => {
      fake.fail = words
      const thrown = await fill('orders', 'load-5').catch((error: unknown) => error)
      expect(thrown).toMatchObject({ details: { scope, ...(lasting ? { lasting } : {}) } })
      expect((thrown as { details: { lasting?: boolean } }).details.lasting ?? false).toBe(lasting)
      expect(thrown).toHaveProperty('message', expect.stringMatching(told))
    },
  )

  test('a bucket that refuses says which page has its policy', async () => {
    fake.s3.refuse = () => ({ status: 403, body: '<Error><Code>AccessDenied</Code></Error>' })
    await expect(fill('orders', 'load-6')).rejects.toMatchObject({
      message: expect.stringMatching(
        /^Redshift: HTTP 403 AccessDenied to put .*docs\/warehouse-redshift\.md has the policy\.$/,
      ) as string,
      details: { scope: 'warehouse', lasting: true },
    })
    expect(fake.requests).toEqual([])
  })

  test.each([
    [
      'a text of more than 65,535 bytes',
      { event: 'ä'.repeat(32_768) },
      /the text in "event" has more than the 65535 bytes/,
    ],
    ['no id', { id: null }, /a row for "orders" has no id/],
  ])('a row with %s fails the load with the scope rows, and nothing is sent', async (_, wrong, words) => {
    await expect(fill('orders', 'load-7', [{ ...orders('order-9')[0], ...wrong } as never])).rejects.toMatchObject({
      message: expect.stringMatching(words) as string,
      details: { scope: 'rows' },
    })
    expect(fake.requests).toEqual([])
  })

  test('a value that its column does not take fails the load with the scope rows, and nothing of it is there', async () => {
    await engine.widen('refused', columns)
    const rows = [...orders('order-1'), { ...orders('order-2')[0], total: 'much' }]
    await expect(
      engine.load(loadOf({ id: '1', table: 'refused', columns, rows, merge: 'replace' })),
    ).rejects.toMatchObject({ details: { scope: 'rows' } })
    expect(await warehouse.count('refused')).toBe(0)
    expect(fake.s3.stored.size).toBe(0)
  })

  test('a text of 65,535 bytes is kept as it is', async () => {
    const event = 'ä'.repeat(32_767)
    await fill('orders', 'load-8', [{ ...orders('order-10')[0], event } as never])
    expect((await warehouse.rows('orders')).find(({ id }) => id === 'order-10')).toMatchObject({ event })
  })

  test('a Redshift behind the Data API tells when users were received, whether their column has a zone or not', async () => {
    const users: Columns = { id: 'string', received_at: 'datetime' }
    await engine.widen('users', users)
    await fake.query(
      `CREATE TABLE "${warehouse.namespace}"."users_with_zone" (id varchar(64), received_at timestamptz)`,
    )
    const rows = [
      { id: 'ada', received_at: '2026-11-29T10:00:00.250Z' },
      { id: 'bob', received_at: null },
    ]
    for (const table of ['users', 'users_with_zone']) {
      await engine.load(loadOf({ id: '1', table, columns: users, rows, merge: 'replace' }))
      const received = await engine.receivedAt?.(table, ['ada', 'bob', 'eve'])
      expect([...(received ?? [])]).toEqual([['ada', Date.parse('2026-11-29T10:00:00.250Z')]])
    }
  })

  test('tables that RudderStack made are loaded into, and their short texts become long', async () => {
    const old = await startRedshiftWarehouse()
    const its = old.use.open({}, old.namespace)
    const run = (sql: string) => (old.fake as FakeRedshift).query(sql)
    await run(`CREATE SCHEMA ${old.namespace}`)
    await run(
      `CREATE TABLE ${old.namespace}.tracks ("id" varchar(512), "event" varchar(512), "total" bigint, "gift" boolean, "received_at" timestamp)`,
    )
    const known: Columns = { id: 'string', event: 'string', total: 'int', gift: 'boolean', received_at: 'datetime' }
    expect(await its.columns('tracks')).toEqual(known)
    const row = { id: 'a', event: 'x'.repeat(600), total: 1, gift: true, received_at: '2026-11-29T10:00:00.000Z' }
    const load = loadOf({ id: '1', table: 'tracks', columns: known, rows: [row], merge: 'replace' })
    await expect(its.load(load)).rejects.toMatchObject({ details: { scope: 'rows' } })
    expect(its.widerType?.('string', 'text')).toBe('text')
    for (const _ of [1, 2]) await its.retype?.('tracks', { event: 'text' })
    await its.load(load)
    expect(await old.rows('tracks')).toEqual([row])
    await old.stop()
  }, 60_000)

  test('a probe of Redshift leaves nothing behind, and fails where Redshift may not read the bucket', async () => {
    await engine.probe()
    expect(await warehouse.tables()).not.toContain('_sluiceway_probe')
    expect(fake.s3.stored.size).toBe(0)
    fake.fail = 'ERROR: S3ServiceException:Access Denied,Status 403'
    await expect(engine.probe()).rejects.toMatchObject({ details: { lasting: true } })
  })

  test('the SQL of the document is what PostgreSQL reads', async () => {
    const script = blocks.find(({ path }) => path === 'redshift-user.sql')?.text ?? ''
    expect(script).toContain('GRANT')
    for (const sql of script
      .replaceAll(/^--.*$/gm, '')
      .replaceAll(/ PASSWORD DISABLE/g, '')
      .split(';')
      .map((one) => one.trim())
      .filter(Boolean))
      await fake.query(sql.replace('DATABASE dev', 'DATABASE postgres'))
  })
})
