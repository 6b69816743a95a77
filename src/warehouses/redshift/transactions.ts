import { mostStatements } from './sql.ts'

/**
 * Puts the statements of several tables together in transactions of bounded size, each of which has room for one statement more.
 *
 * @param parts what each table needs, in their order; one that is too long for a transaction is alone in it
 * @returns the parts of each transaction
 */
export function* transactionsOf<P extends { readonly statements: readonly string[] }>(
  parts: readonly P[],
): Generator<readonly P[]> {
  let some: P[] = []
  let count = 1
  for (const part of parts) {
    if (count + part.statements.length > mostStatements && some.length > 0) {
      yield some
      some = []
      count = 1
    }
    some.push(part)
    count += part.statements.length
  }
  if (some.length > 0) yield some
}
