import type { Writable } from 'node:stream'
import type { Sql, TransactionSql } from 'postgres'
import { boundLocks } from './sql.ts'
import { inTransaction } from './transaction.ts'

/** SQLSTATE of a statement that comes behind a failure in its transaction. */
const afterFailure = '25P02'

/** A statement, which gives no rows; with `pieces` it is a COPY, and they are its data. */
export interface Step {
  readonly statement: string
  readonly pieces?: Iterable<Uint8Array>
}

/**
 * Does steps in one transaction. See `doSteps`.
 *
 * @param sql the driver
 * @param steps one after the other
 * @returns whether the server did all of them; else it did nothing, and the driver does not tell why
 * @throws what the server or the driver says, where it is told: a statement was refused, or the connection broke
 */
export async function doWhole(sql: Sql, steps: readonly Step[]): Promise<boolean> {
  try {
    await inTransaction(sql, (transaction) => doSteps(transaction, steps))
    return true
  } catch (thrown) {
    if (isAfterFailure(thrown)) return false
    throw thrown
  }
}

const isAfterFailure = (thrown: unknown): boolean =>
  typeof thrown === 'object' && thrown !== null && 'code' in thrown && thrown.code === afterFailure

/**
 * Does steps in a transaction that is begun. A step goes out behind the one before, whose answer is not waited for: the way to the
 * server is long, and a load has many steps. Data goes no faster than the server takes it.
 *
 * @param transaction is of no use any more once this rejects
 */
export async function doSteps(transaction: TransactionSql, steps: readonly Step[]): Promise<void> {
  const answers: Promise<unknown>[] = []
  const refusals: unknown[] = []
  const send = (statement: string): void => {
    const answer = transaction.unsafe(statement).execute()
    // A COPY may fail before anybody waits for it.
    answer.catch(() => {})
    answers.push(answer)
  }
  try {
    send(boundLocks)
    for (const { statement, pieces } of steps)
      if (pieces === undefined) send(statement)
      else await copy(copyOf(transaction, statement, refusals), pieces)
    // The driver rejects nothing for a failure that comes behind the last byte of a COPY. But the statement behind it fails.
    // https://github.com/porsager/postgres/issues/1173 (checked 2026-11-29)
    if (steps.at(-1)?.pieces !== undefined) send('SELECT 1')
    await Promise.all(answers)
  } catch (thrown) {
    throw (isAfterFailure(thrown) ? refusals[0] : undefined) ?? thrown
  }
}

type CopyQuery = ReturnType<TransactionSql['unsafe']>

/** A COPY that notes why the server refuses it, also behind its last byte: the driver calls `reject` then, too, in vain. */
function copyOf(transaction: TransactionSql, statement: string, refusals: unknown[]): CopyQuery {
  const query = transaction.unsafe(statement) as CopyQuery & { reject?: (reason: unknown) => unknown }
  const reject = query.reject
  query.reject = (reason) => {
    if (!isAfterFailure(reason)) refusals.push(reason)
    return reject?.(reason)
  }
  return query
}

async function copy(query: CopyQuery, pieces: Iterable<Uint8Array>): Promise<void> {
  const stream = await query.writable()
  const failed = new Promise<never>((_, reject) => void stream.on('error', reject))
  failed.catch(() => {})
  for (const piece of pieces) {
    if (stream.destroyed) break
    await Promise.race([failed, new Promise<void>((resolve) => void stream.write(piece, () => resolve()))])
  }
  await Promise.race([failed, endOf(stream)])
}

/** Ends the data. Resolves when the server is told, which it must be before the statement behind it. */
function endOf(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    // By these names a stream calls what it is made of. https://nodejs.org/api/stream.html#implementing-a-writable-stream
    const final = stream['_final'].bind(stream)
    stream['_final'] = (done) => {
      final(done)
      // A stream of the driver that closes tells the server that its COPY has failed; by then that is the next one.
      stream['_destroy'] = (error, closed) => closed(error)
      resolve()
    }
    stream.end()
  })
}
