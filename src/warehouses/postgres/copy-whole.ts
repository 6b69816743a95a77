import type { Sql } from 'postgres'

/** SQLSTATE of a statement that comes behind a failure in its transaction. */
const afterFailure = '25P02'

/**
 * Sends bytes as the data of a COPY that is a transaction of its own, no faster than the server takes them.
 *
 * @param sql the driver
 * @param statement the COPY
 * @param pieces its data
 * @returns whether the server took all of it; else it took nothing, and the driver does not tell why
 * @throws what the driver throws, where it tells: the server refused before the last byte, or the connection broke
 */
export async function copyWhole(sql: Sql, statement: string, pieces: Iterable<Uint8Array>): Promise<boolean> {
  try {
    await sql.begin(async (transaction) => {
      const stream = await transaction.unsafe(statement).writable()
      const failed = new Promise<never>((_, reject) => void stream.on('error', reject))
      failed.catch(() => {})
      for (const piece of pieces) {
        if (stream.destroyed) break
        if (!stream.write(piece)) await Promise.race([failed, new Promise((resolve) => stream.once('drain', resolve))])
      }
      while (stream.writableLength > 0 && !stream.destroyed) await Promise.race([failed, nextTurn()])
      stream.end()
      // The end of the data must be on its way before the statement behind it.
      await nextTurn()
      // The driver tells of no failure that comes behind the last byte: the stream then ends with the next statement, as if it
      // was well. But that statement fails. https://github.com/porsager/postgres/issues/1173 (checked 2026-11-29)
      await Promise.race([failed, transaction`SELECT 1`])
    })
    return true
  } catch (thrown) {
    if (typeof thrown === 'object' && thrown !== null && 'code' in thrown && thrown.code === afterFailure) return false
    throw thrown
  }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0))
