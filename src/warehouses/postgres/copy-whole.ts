import { once } from 'node:events'
import type { Sql, TransactionSql } from 'postgres'

/** SQLSTATE of a statement that comes behind a failure in its transaction. */
const afterFailure = '25P02'

/** The data of one COPY. */
export interface Copy {
  readonly statement: string
  readonly pieces: Iterable<Uint8Array>
}

/**
 * Sends bytes as the data of COPYs that are one transaction, no faster than the server takes them.
 *
 * @param sql the driver
 * @param copies one after the other
 * @param more what else belongs to the transaction
 * @returns whether the server took all of it; else it took nothing, and the driver does not tell why
 * @throws what the driver throws, where it tells: the server refused before the last byte, or the connection broke
 */
export async function copyWhole(
  sql: Sql,
  copies: readonly Copy[],
  more?: (transaction: TransactionSql) => Promise<void>,
): Promise<boolean> {
  try {
    await sql.begin(async (transaction) => {
      for (const one of copies) await copyOne(transaction, one)
      await more?.(transaction)
    })
    return true
  } catch (thrown) {
    if (typeof thrown === 'object' && thrown !== null && 'code' in thrown && thrown.code === afterFailure) return false
    throw thrown
  }
}

async function copyOne(transaction: TransactionSql, { statement, pieces }: Copy): Promise<void> {
  const stream = await transaction.unsafe(statement).writable()
  const failed = new Promise<never>((_, reject) => void stream.on('error', reject))
  failed.catch(() => {})
  const closed = once(stream, 'close')
  closed.catch(() => {})
  for (const piece of pieces) {
    if (stream.destroyed) break
    await Promise.race([failed, new Promise<void>((resolve) => void stream.write(piece, () => resolve()))])
  }
  stream.end()
  // The end of the data must be on its way before the statement behind it.
  await nextTurn()
  // The driver tells of no failure that comes behind the last byte: the stream then ends with the next statement, as if it was
  // well. But that statement fails. https://github.com/porsager/postgres/issues/1173 (checked 2026-11-29)
  await Promise.race([failed, transaction.unsafe('SELECT 1')])
  // A stream that closes tells the server that the COPY has failed, which must not be the next one.
  await closed
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0))
