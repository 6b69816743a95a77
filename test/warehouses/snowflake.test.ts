import { generateKeyPairSync } from 'node:crypto'
import { decodeJwt } from 'jose'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Columns, Engine, Warehouse } from '../../src/core/warehouse.ts'
import { snowflake } from '../../src/warehouses/snowflake.ts'
import { KeyPair } from '../../src/warehouses/snowflake/credentials.ts'
import { credentialsOf } from '../../src/warehouses/snowflake/settings.ts'
import type { FakeSnowflake, Fault } from '../support/fake-snowflake.ts'
import { loadOf } from '../support/load-of.ts'
import {
  hasStage,
  type SnowflakeWarehouse,
  startFakeAccount,
  startSnowflakeWarehouse,
} from '../support/real-snowflake.ts'
import { engineSuite } from './engine-suite.ts'

engineSuite('snowflake', async () => {
  const warehouse = await startSnowflakeWarehouse()
  return { ...warehouse, engine: warehouse.use.open({}, warehouse.namespace) }
})

if (hasStage)
  engineSuite(
    'snowflake with a stage',
    async () => {
      const warehouse = await startSnowflakeWarehouse('stage')
      const { fake, use, namespace } = warehouse
      const waiting = fake === undefined ? {} : { waiting: () => fake.s3.stored.size }
      return { ...warehouse, ...waiting, engine: use.open({}, namespace) }
    },
    { gathers: true },
  )

const pem = (passphrase?: string): string =>
  generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: {
      type: 'pkcs8',
      format: 'pem',
      ...(passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase }),
    },
  }).privateKey

const right = { account: 'engines-london', user: 'sluiceway', database: 'analytics', warehouse: 'loading' }

describe('snowflake()', () => {
  test('snowflake() says what is wrong without repeating a secret', () => {
    const { problems, redacted } = snowflake({
      account: 'https://engines-london.snowflakecomputing.com',
      user: 'ada lovelace',
      privateKey: pem('difference engine'),
      database: 'analytics;',
      warehouse: 'loading',
      schema: 'information_schema',
      schemas: { web: 'my-site' },
    })
    const name = 'must be a name as in SQL: letters, digits, "_" and "$", or anything in double quotes'
    expect(problems).toEqual([
      '"account" must be <organization>-<account>, without https:// and .snowflakecomputing.com',
      `"user" ${name}`,
      '"privateKey" is encrypted; decrypt it with: openssl pkcs8 -in rsa_key.p8 -out key.p8',
      `"database" ${name}`,
      '"schema" must be no schema of the system',
      `"schemas" has "my-site" for the source "web", which ${name}`,
    ])
    expect(JSON.stringify(redacted)).not.toContain('KEY')
  })

  test.each([
    [{}, ['"privateKey" is missing, or "token" in its place']],
    [{ privateKey: pem(), token: 'token of Ada' }, ['"privateKey" and "token" cannot both be set']],
    [{ token: 'token of Ada' }, []],
    [
      {
        privateKey: pem()
          .trim()
          .replaceAll('\n', String.raw`\n`),
      },
      [],
    ],
    [{ privateKey: pem().replaceAll('\n', String.raw`\n`) }, []],
    [{ privateKey: pem().replaceAll('\n', '\r\n') }, []],
  ])('snowflake() wants a key or a token, and not both: %#', (given, problems) => {
    expect(snowflake({ ...right, ...given }).problems).toEqual(problems)
  })

  test('snowflake() gives each source a schema of its name in upper case, unless the settings name one', () => {
    const { namespaceOf } = snowflake({ ...right, token: 'x', schemas: { shop: 'store', app: '"my app"' } })
    expect(['web-2', 'shop', 'app', 'select', 'information schema'].map(namespaceOf)).toEqual([
      'WEB_2',
      'STORE',
      'my app',
      '_SELECT',
      '_INFORMATION_SCHEMA',
    ])
    expect(snowflake({ ...right, token: 'x', schema: 'events' }).namespaceOf('web')).toBe('EVENTS')
  })
})

describe('a key pair', () => {
  test('a key pair signs a token that serves for most of an hour, and then another', async () => {
    let now = Date.parse('2026-11-29T10:00:00.000Z')
    const pair = new KeyPair({ account: 'ENGINES-LONDON', user: 'SLUICEWAY', privateKey: pem() }, () => now)
    const first = await pair.token()
    const { iss, sub, iat = 0, exp = 0 } = decodeJwt(first)
    expect(iss).toMatch(/^ENGINES-LONDON\.SLUICEWAY\.SHA256:[A-Za-z0-9+/]{43}=$/)
    expect([sub, iat, exp - iat]).toEqual(['ENGINES-LONDON.SLUICEWAY', now / 1000, 3_300])
    now += 49 * 60_000
    expect(await pair.token()).toBe(first)
    now += 2 * 60_000
    expect(decodeJwt(await pair.token()).iat).toBe(now / 1000)
  })

  test.each([
    ['engines-london', 'ENGINES-LONDON'],
    ['my_org-my_account', 'MY_ORG-MY_ACCOUNT'],
    ['xy12345.eu-central-1.aws', 'XY12345'],
    ['xy12345-x0y1z2.global', 'XY12345'],
  ])('a key pair of the account %s signs for %s, without a region', async (account, name) => {
    const token = await credentialsOf({ ...right, account, privateKey: pem() }).token()
    expect(decodeJwt(token).sub).toBe(`${name}.SLUICEWAY`)
  })

  test('a key pair says what to do about a key that cannot be read', async () => {
    const privateKey = '-----BEGIN PRIVATE KEY-----\nQWRh\n-----END PRIVATE KEY-----'
    await expect(new KeyPair({ account: 'A', user: 'B', privateKey }).token()).rejects.toMatchObject({
      message: expect.stringMatching(/^Snowflake: `privateKey` cannot be read\. It must be an RSA key: openssl/),
      details: { scope: 'warehouse', lasting: true },
    })
  })
})

const columns: Columns = { ID: 'string', EVENT: 'string', TOTAL: 'float', RECEIVED_AT: 'datetime' }
const order = (ID: string, TOTAL = 10) => ({
  ID,
  EVENT: 'order_completed',
  TOTAL,
  RECEIVED_AT: '2026-11-29T10:00:00.000Z',
})
const many = (count: number) => Array.from({ length: count }, (_, i) => order(`order-${i}`))

describe('an account of Snowflake', () => {
  let warehouse: SnowflakeWarehouse
  let engine: Engine
  beforeAll(async () => {
    warehouse = await startSnowflakeWarehouse()
    engine = warehouse.use.open({}, warehouse.namespace)
  }, 60_000)
  afterAll(() => warehouse?.stop())

  test('an account of Snowflake has the tables of RudderStack: names in upper case, and types', async () => {
    await engine.widen('ORDER_COMPLETED', {
      ID: 'string',
      QUANTITY: 'int',
      TOTAL: 'float',
      GIFT: 'boolean',
      RECEIVED_AT: 'datetime',
      CART: 'json',
    })
    const found = await warehouse.query(
      `SELECT COLUMN_NAME, DATA_TYPE, NUMERIC_SCALE FROM ${warehouse.schema.split('.')[0]}.INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = '${warehouse.namespace}' AND TABLE_NAME = 'ORDER_COMPLETED' ORDER BY ORDINAL_POSITION`,
    )
    expect(
      found.map((row) => [row['COLUMN_NAME'], row['DATA_TYPE'], row['DATA_TYPE'] === 'NUMBER' && row['NUMERIC_SCALE']]),
    ).toEqual([
      ['ID', 'TEXT', false],
      ['QUANTITY', 'NUMBER', 0],
      ['TOTAL', 'FLOAT', false],
      ['GIFT', 'BOOLEAN', false],
      ['RECEIVED_AT', 'TIMESTAMP_TZ', false],
      ['CART', 'VARIANT', false],
    ])
  })

  test('a user in Snowflake is folded of its identifies, whichever comes first, in upper case too', async () => {
    const users: Columns = {
      ID: 'string',
      RECEIVED_AT: 'datetime',
      PLAN: 'string',
      CITY: 'string',
      _SLUICEWAY_MORE: 'json',
    }
    await engine.widen('USERS', users)
    const send = (id: string, row: object) =>
      engine.load(loadOf({ id, table: 'USERS', columns: users, rows: [{ ID: 'ada', ...row }], merge: 'coalesce' }))
    await send('1', { RECEIVED_AT: '2026-11-22T10:00:00.000Z', PLAN: 'pro', _SLUICEWAY_MORE: '{"a":1,"b":1}' })
    for (const id of ['2', '2'])
      await send(id, {
        RECEIVED_AT: '2026-11-20T10:00:00.000Z',
        PLAN: 'free',
        CITY: 'London',
        _SLUICEWAY_MORE: '{"b":2,"c":2}',
      })
    const [ada] = await warehouse.rows('USERS', 'ID')
    expect({ ...ada, _SLUICEWAY_MORE: JSON.parse(String(ada?.['_SLUICEWAY_MORE'])) }).toEqual({
      ID: 'ada',
      RECEIVED_AT: '2026-11-22T10:00:00.000Z',
      PLAN: 'pro',
      CITY: 'London',
      _SLUICEWAY_MORE: { a: 1, b: 1, c: 2 },
    })
  })

  test('a table of Snowflake without ids has each row once, whatever is missing in it', async () => {
    const table = 'RUDDER_IDENTITY_MERGE_RULES'
    const rules = Object.fromEntries(
      [1, 2].flatMap((n) => [
        [`MERGE_PROPERTY_${n}_TYPE`, 'string'],
        [`MERGE_PROPERTY_${n}_VALUE`, 'string'],
      ]),
    ) as Columns
    await engine.widen(table, rules)
    const ada = {
      MERGE_PROPERTY_1_TYPE: 'anonymous_id',
      MERGE_PROPERTY_1_VALUE: 'a-1',
      MERGE_PROPERTY_2_TYPE: 'user_id',
      MERGE_PROPERTY_2_VALUE: 'ada',
    }
    const alone = { MERGE_PROPERTY_1_TYPE: 'user_id', MERGE_PROPERTY_1_VALUE: 'charles' }
    for (const rows of [[ada, alone], [alone, ada], [{ ...ada, MERGE_PROPERTY_1_VALUE: 'a-2' }]])
      await engine.load(loadOf({ id: '1', table, columns: rules, rows, merge: 'replace' }))
    expect(await warehouse.count(table)).toBe(3)
  })

  test('discards in Snowflake go into the table that RudderStack made, and a repeated load adds none', async () => {
    await warehouse.query(`CREATE TABLE ${warehouse.schema}"RUDDER_DISCARDS" ("ROW_ID" VARCHAR, "REASON" VARCHAR)`)
    const discards: Columns = { ROW_ID: 'string', REASON: 'string' }
    const rows = ['a', 'b'].map((ROW_ID) => ({ ROW_ID, REASON: 'the column is int' }))
    for (const id of ['1', '1', '2'])
      await warehouse.use
        .open({}, warehouse.namespace)
        .load(loadOf({ id, table: 'RUDDER_DISCARDS', columns: discards, rows, merge: 'append' }))
    expect(await warehouse.count('RUDDER_DISCARDS')).toBe(4)
  })

  test('many tables of Snowflake are loaded at once, and what fails in one of them is told', async () => {
    const loads = ['ONE', 'TWO', 'THREE', 'FOUR', 'FIVE', 'SIX'].map(
      (table) => ({ id: '1', table, columns, rows: [order('a')], merge: 'replace' }) as const,
    )
    for (const { table } of loads) await engine.widen(table, columns)
    for (const _ of [1, 2]) await engine.loadTogether?.(loads.map(loadOf))
    for (const { table } of loads) expect(await warehouse.count(table)).toBe(1)
    await warehouse.query(`DROP TABLE ${warehouse.schema}"FOUR"`)
    await expect(engine.loadTogether?.(loads.map(loadOf))).rejects.toMatchObject({
      message: expect.stringMatching(/does not exist or not authorized \(002003\)/),
      details: { scope: 'table', code: '002003' },
    })
  })

  test.each([
    ['a text in a column of numbers', { TOTAL: 'much' }, '100038'],
    ['no id', { ID: null }, undefined],
    ['a time that is none', { RECEIVED_AT: 'yesterday' }, '100035'],
  ])(
    'a row of Snowflake with %s fails the load with the scope rows, and nothing of it is there',
    async (_, wrong, code) => {
      await engine.widen('REFUSED', columns)
      const rows = [order('a'), { ...order('b'), ...wrong }]
      await expect(
        engine.load(loadOf({ id: '1', table: 'REFUSED', columns, rows, merge: 'replace' })),
      ).rejects.toMatchObject({ details: { scope: 'rows', ...(code === undefined ? {} : { code }) } })
      expect(await warehouse.count('REFUSED')).toBe(0)
    },
  )

  test('a probe of Snowflake leaves nothing behind, and creates the schema that is not there', async () => {
    const fresh = `${warehouse.namespace}_FRESH`
    await warehouse.use.open({}, fresh).probe()
    await engine.probe()
    expect(await warehouse.tables()).not.toContain('_SLUICEWAY_PROBE')
    await warehouse.query(`DROP SCHEMA ${warehouse.schema.split('.')[0]}."${fresh}"`)
  })
})

describe("the fake of Snowflake's SQL API", () => {
  let fake: FakeSnowflake
  let settings: Parameters<typeof snowflake>[0]
  let engine: Engine
  beforeAll(async () => {
    const account = await startFakeAccount()
    ;({ fake, settings } = account)
    engine = snowflake(settings).open({}, 'WEB')
    await engine.widen('ORDERS', columns)
  }, 60_000)
  afterAll(() => fake?.stop())
  afterEach(() => {
    fake.fault = undefined
  })

  /** Gives faults to the next requests, in their order, and forgets what was seen. */
  const next = (...faults: (Fault | undefined)[]) => {
    fake.seen.length = 0
    fake.ran.length = 0
    fake.fault = () => faults.shift()
  }
  const append = (id: string) =>
    engine.load(loadOf({ id, table: 'ORDERS', columns, rows: [order('a'), order('b')], merge: 'append' }))

  test('a statement that takes long is asked for with growing waits, and its end is waited for', async () => {
    await append('warm')
    next({ polls: 1 })
    const start = Date.now()
    await append('long')
    expect(fake.seen.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'POST /api/v2/statements?requestId=<id>',
      'GET /api/v2/statements/<id>',
      'GET /api/v2/statements/<id>',
    ])
    expect(Date.now() - start).toBeGreaterThan(2_900)
  })

  test.each<[string, Fault[]]>([
    [
      'is told to come later',
      [{ status: 429, body: { code: '390505', message: 'Too many requests.' } }, { status: 503 }],
    ],
    ['is cut off before it runs', ['cut before']],
    ['is cut off after it ran', ['cut after']],
  ])('a statement whose request %s is repeated under the same id, and runs once', async (name, faults) => {
    await append('warm')
    next(...faults)
    await append(name)
    const posts = fake.seen.map(({ path, requestId }) => ({ path, requestId }))
    expect(new Set(posts.map(({ requestId }) => requestId)).size).toBe(1)
    expect(posts.map(({ path }) => path)).toEqual([
      '/api/v2/statements?requestId=<id>',
      ...faults.map(() => '/api/v2/statements?requestId=<id>&retry=true'),
    ])
    expect(fake.ran).toHaveLength(1)
  })

  test('a load is harmless when it is repeated after its answer was lost for good', async () => {
    await append('warm')
    next('cut after', 'cut after', 'cut after')
    await expect(append('lost')).rejects.toMatchObject({ details: { scope: 'warehouse' } })
    fake.fault = undefined
    const before = await rowsOf('lost')
    await append('lost')
    expect([before, await rowsOf('lost')]).toEqual([2, 2])
  })

  const rowsOf = async (id: string): Promise<number> => {
    const found = await fake.query(`SELECT "ID" FROM "ANALYTICS"."WEB"."ORDERS" WHERE "_SLUICEWAY_LOAD" = '${id}'`)
    return found.length
  }
  test('a load of some megabytes is cut into statements of one', async () => {
    await engine.widen('LARGE', { ...columns, NOTE: 'string' })
    next()
    const rows = many(300).map((row) => ({ ...row, NOTE: 'ä'.repeat(4_000) }))
    await engine.load(
      loadOf({ id: '1', table: 'LARGE', columns: { ...columns, NOTE: 'string' }, rows, merge: 'replace' }),
    )
    const sizes = fake.seen.map(({ body }) => {
      const { bindings } = body as { bindings: Record<string, { value: string }> }
      return Buffer.byteLength(`${String(body?.['statement'])}${bindings['1']?.value ?? ''}`)
    })
    expect(sizes).toHaveLength(3)
    for (const size of sizes) expect(size).toBeLessThanOrEqual(1_000_000)
    expect(await fake.query('SELECT COUNT(*) FROM "ANALYTICS"."WEB"."LARGE"')).toEqual([['300']])
  })

  test('a schema that is not there is created with the first table, and not looked for later', async () => {
    const shop = snowflake(settings).open({}, 'SHOP')
    next()
    await shop.widen('ORDERS', columns)
    await shop.widen('REFUNDS', columns)
    const verbs = fake.seen.map(({ body }) =>
      String(body?.['statement'])
        .split(/ IF NOT|"| FROM/)[0]
        ?.trim()
        .slice(0, 13),
    )
    expect(verbs).toEqual([
      'SELECT TABLE_',
      'CREATE TABLE',
      'CREATE SCHEMA',
      'CREATE TABLE',
      'SELECT TABLE_',
      'CREATE TABLE',
    ])
  })

  test('a token serves all engines of a warehouse, and one that is refused is signed anew once', async () => {
    const use: Warehouse = snowflake(settings)
    next({ status: 401, body: { code: '390144', message: 'JWT token is invalid. [id]' } })
    expect(await use.open({}, 'WEB').columns('ORDERS')).toMatchObject(columns)
    expect(fake.seen).toHaveLength(2)
  })

  test('a programmatic access token is taken in place of a key', async () => {
    const { privateKey: _key, ...rest } = settings
    expect(
      await snowflake({ ...rest, token: 'token of Ada' })
        .open({}, 'WEB')
        .columns('ORDERS'),
    ).toMatchObject(columns)
    const thrown: unknown = await snowflake({ ...rest, token: 'token of Charles' })
      .open({}, 'WEB')
      .columns('ORDERS')
      .catch((error: unknown) => error)
    expect(thrown).toMatchObject({ details: { scope: 'warehouse', lasting: true } })
    expect(String(thrown)).toMatch(/\(390303\)\. Check `token`/)
    expect(String(thrown)).not.toContain('Charles')
  })

  test.each<[string, Partial<Parameters<typeof snowflake>[0]>, RegExp, object]>([
    ['another key', { privateKey: pem() }, /\(390144\)\. Check `account` and `user`/, { lasting: true }],
    ['another user', { user: 'charles' }, /\(390144\)\. Check `account`/, { lasting: true }],
    [
      'a role that it does not have',
      { role: 'accountadmin' },
      /\(390186\)\. GRANT ROLE ACCOUNTADMIN TO USER SLUICEWAY/,
      { lasting: true },
    ],
    [
      'a warehouse that is not there',
      { warehouse: 'reporting' },
      /\(000606\)\. Check `warehouse`: "REPORTING"/,
      { lasting: true },
    ],
    [
      'a database that is not there',
      { database: '"analytics"' },
      /\(002003\)\. Give the role "LOADER" the rights .* "analytics"/,
      { lasting: true },
    ],
    [
      'a host that does not answer',
      { url: 'http://127.0.0.1:1' },
      /No answer from 127\.0\.0\.1:1: check `account`/,
      {},
    ],
  ])(
    'an account of Snowflake that is asked with %s says what to do, and whether time mends it',
    async (_, change, words, details) => {
      const other = snowflake({ ...settings, ...change }).open({}, 'WEB')
      const thrown: unknown = await other.columns('ORDERS').catch((error: unknown) => error)
      expect(thrown).toMatchObject({ code: 'warehouse_failed', details: { scope: 'warehouse', ...details } })
      expect(String(thrown)).toMatch(words)
    },
  )

  test.each<[number, string, string, string, { scope: string; lasting?: true }]>([
    [
      422,
      '003001',
      "SQL access control error:\nInsufficient privileges to operate on table 'ORDERS'.",
      'OWNERSHIP',
      { scope: 'table', lasting: true },
    ],
    [
      422,
      '003001',
      "SQL access control error:\nInsufficient privileges to operate on schema 'WEB'.",
      'OWNERSHIP',
      { scope: 'warehouse', lasting: true },
    ],
    [
      422,
      '090073',
      "Warehouse 'LOADING' cannot be resumed because resource monitor 'DAILY' has exceeded its quota.",
      'raise its quota',
      { scope: 'warehouse', lasting: true },
    ],
    [
      408,
      '000630',
      'Statement reached its statement or warehouse timeout of 120 second(s) and was canceled.',
      'larger warehouse',
      { scope: 'warehouse' },
    ],
    [
      422,
      '000625',
      "Statement 'x' has locked table 'ORDERS' in transaction 1 and this lock has not yet been released.",
      '',
      { scope: 'warehouse' },
    ],
    [
      422,
      '390189',
      "Role 'LOADER' specified in the connect string does not exist or not authorized.",
      'GRANT ROLE LOADER TO USER',
      { scope: 'warehouse', lasting: true },
    ],
    [
      422,
      '390201',
      'The requested warehouse does not exist or not authorized.',
      'Check `warehouse`: "LOADING"',
      { scope: 'warehouse', lasting: true },
    ],
    [
      422,
      '390201',
      'The requested database does not exist or not authorized.',
      'on the database "ANALYTICS"',
      { scope: 'warehouse', lasting: true },
    ],
    [422, '100078', "String 'Ada' is too long and would be truncated", '', { scope: 'rows' }],
    [422, '001757', "SQL compilation error:\nTable 'WEB.ORDERS' does not exist", '', { scope: 'table' }],
    [
      403,
      '390422',
      'Incoming request with IP/Token 192.0.2.1 is not allowed to access Snowflake.',
      'network policy',
      { scope: 'warehouse', lasting: true },
    ],
    [404, '', '', '<organization>-<account>', { scope: 'warehouse', lasting: true }],
  ])(
    'an answer %i with the code %s is told with its scope and what to do',
    async (status, code, message, hint, meaning) => {
      next({ status, body: code === '' ? {} : { code, message } })
      const thrown: unknown = await snowflake(settings)
        .open({}, 'WEB')
        .columns('ORDERS')
        .catch((error: unknown) => error)
      const { details } = thrown as { details: Record<string, unknown> }
      expect({ scope: details['scope'], lasting: details['lasting'] }).toEqual({ lasting: undefined, ...meaning })
      expect(String(thrown)).toContain(hint)
      expect(fake.seen).toHaveLength(1)
    },
  )

  test('an account of Snowflake that stays away is asked three times, and the load fails as a whole', async () => {
    next({ status: 503 }, { status: 502 }, { status: 503 })
    await expect(snowflake(settings).open({}, 'WEB').columns('ORDERS')).rejects.toMatchObject({
      message: expect.stringMatching(/^Snowflake: status 503/),
      details: { scope: 'warehouse' },
    })
    expect(fake.seen).toHaveLength(3)
  })
})
