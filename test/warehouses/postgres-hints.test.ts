import connect from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SluicewayError } from '../../src/core/errors.ts'
import { postgres } from '../../src/warehouses/postgres.ts'
import { type RealPostgres, startPostgres } from '../support/real-postgres.ts'

let server: RealPostgres
beforeAll(async () => {
  server = await startPostgres()
  const sql = connect(server.url, { max: 1, onnotice: () => {} })
  await sql.unsafe(`CREATE ROLE loader LOGIN PASSWORD 'analytical engine'`)
  await sql.unsafe('CREATE SCHEMA of_ada')
  await sql.unsafe('CREATE SCHEMA shared CREATE TABLE orders (id text PRIMARY KEY)')
  await sql.unsafe('GRANT USAGE, CREATE ON SCHEMA shared TO loader')
  await sql.unsafe(`CREATE ROLE reader LOGIN PASSWORD 'analytical engine' IN ROLE loader;
    ALTER ROLE reader SET default_transaction_read_only = on`)
  await sql.end()
}, 60_000)
afterAll(() => server?.stop())

/** What an engine says that is to make a table `orders` of two columns. */
async function failureOf(change: (url: URL) => void, schema = 'sluiceway'): Promise<SluicewayError> {
  const url = new URL(server.url)
  url.username = 'loader'
  url.password = 'analytical engine'
  change(url)
  const engine = postgres({ url: url.href }).open({}, schema)
  try {
    await engine.widen('orders', { id: 'string', total: 'float' })
    throw new Error('the engine did not fail')
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(SluicewayError)
    return thrown as SluicewayError
  } finally {
    await engine.close()
  }
}

describe('PostgreSQL', () => {
  test.each<[string, (url: URL) => void, string | undefined, RegExp, boolean]>([
    [
      'with a wrong password',
      (url) => (url.password = 'difference engine'),
      undefined,
      /^PostgreSQL: password authentication failed for user "loader" \(28P01\)\. Check user and password in `url`\.$/,
      true,
    ],
    [
      'without the database',
      (url) => (url.pathname = '/analytics'),
      undefined,
      /database "analytics" does not exist \(3D000\)\. Create the database "analytics", or name another one at the end of `url`\.$/,
      true,
    ],
    [
      'whose user may not create the schema',
      () => {},
      undefined,
      /permission denied for database postgres \(42501\)\. .*GRANT CREATE ON DATABASE "postgres" TO "loader"\.$/,
      true,
    ],
    [
      'whose user may not create tables',
      () => {},
      'of_ada',
      /permission denied for schema of_ada \(42501\)\. .*GRANT USAGE, CREATE ON SCHEMA "of_ada" TO "loader"\.$/,
      true,
    ],
    [
      'whose user does not own the tables',
      () => {},
      'shared',
      /must be owner of table orders \(42501\)\. .*ALTER TABLE … OWNER TO "loader"\.$/,
      true,
    ],
    [
      'whose user may only read',
      (url) => (url.username = 'reader'),
      'shared',
      /\(25006\)\. .*a replica, and default_transaction_read_only must be off for "reader"\.$/,
      false,
    ],
    [
      'that does not answer',
      (url) => (url.port = '1'),
      undefined,
      /No answer from 127\.0\.0\.1:1: check host and port in `url`/,
      false,
    ],
  ])('PostgreSQL %s says what to do, and whether time mends it', async (_what, change, schema, words, lasting) => {
    const { message, details } = await failureOf(change, schema)
    expect(message).toMatch(words)
    expect(details['lasting'] ?? false).toBe(lasting)
    expect(message).not.toMatch(/analytical engine|difference engine/)
  })
})
