import { D1_QUERIES_PER_INVOCATION } from '../../src/platform/limits.ts'

/**
 * A D1 as one invocation of a Worker gets it: from a number of statements on, each of a batch counted, it throws what the platform
 * throws.
 *
 * @param database the real one
 * @param most statements; that of the paid plan when left out
 */
export function limitedD1(database: D1Database, most: number = D1_QUERIES_PER_INVOCATION): D1Database {
  let count = 0
  return countedD1(database, (statements) => {
    count += statements
    if (count > most) throw new Error('Too many API requests by single Worker invocation.')
  })
}

/**
 * A D1 whose statements are counted.
 *
 * @param database the real one
 * @param check gets the number of statements of each call before it is made, and throws where they are too many
 */
export function countedD1(database: D1Database, check: (statements: number) => void): D1Database {
  const inner = new WeakMap<object, D1PreparedStatement>()
  const wrap = (statement: D1PreparedStatement): D1PreparedStatement => {
    const run =
      (name: 'all' | 'run' | 'first' | 'raw') =>
      (...args: unknown[]) => {
        check(1)
        return (statement[name] as (...args: unknown[]) => unknown)(...args)
      }
    const wrapped = {
      bind: (...values: unknown[]) => wrap(statement.bind(...values)),
      all: run('all'),
      run: run('run'),
      first: run('first'),
      raw: run('raw'),
    } as unknown as D1PreparedStatement
    inner.set(wrapped, statement)
    return wrapped
  }
  return {
    prepare: (sql: string) => wrap(database.prepare(sql)),
    batch: async (statements: D1PreparedStatement[]) => {
      check(statements.length)
      return database.batch(statements.map((one) => inner.get(one) ?? one))
    },
  } as unknown as D1Database
}
