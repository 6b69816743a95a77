import type { Sql, TransactionSql } from 'postgres'

/**
 * Does work in a transaction, which is committed where the work ends well.
 *
 * Where the connection closes, the driver (postgres 3.4) says so; but for work that rejects it first sends ROLLBACK, to a connection
 * that is not there, and throws a TypeError out of a timer. So such work comes to no end here.
 *
 * @param sql the driver
 * @param work what is done; its transaction is of no use any more once it rejects
 * @param options of BEGIN, as READ ONLY
 * @throws what the work rejects with, or what the driver says of the connection
 */
export const inTransaction = async <T>(
  sql: Sql,
  work: (transaction: TransactionSql) => Promise<T>,
  options = '',
): Promise<T> =>
  (await sql.begin(options, (transaction) =>
    work(transaction).catch((thrown: unknown) => {
      if (isOfClosed(thrown)) return new Promise<never>(() => {})
      throw thrown
    }),
  )) as T

const isOfClosed = (thrown: unknown): boolean =>
  typeof thrown === 'object' && thrown !== null && 'code' in thrown && thrown.code === 'CONNECTION_CLOSED'
