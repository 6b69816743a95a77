import type { Load } from '../../core/warehouse.ts'
import { idsWithMore, type StoredMore, storedMoreOf } from '../mapping/fold-more.ts'
import { moreColumn } from '../mapping/more-column.ts'
import { storableText } from '../mapping/storable-text.ts'
import { quoteName } from './sql.ts'
import type { ResultValue, Statements } from './statements.ts'

/** Where to look for rows that are there. */
interface Look {
  readonly statements: Statements
  /** Quoted. */
  readonly table: string
}

/**
 * Reads when rows that are there were received.
 *
 * @param ids of the rows
 * @param look into a table that has the column
 * @returns milliseconds since the epoch, by id
 */
export async function storedTimes(ids: readonly string[], look: Look): Promise<ReadonlyMap<string, number>> {
  const rows = await rowsOf(
    ids,
    (isOne) => `SELECT \`id\`, unix_millis(\`received_at\`) FROM ${look.table} WHERE ${isOne}`,
    look,
  )
  return new Map(rows.flatMap(([id, at]) => (typeof at === 'string' ? [[String(id), Number(at)]] : [])))
}

/**
 * Reads what rows that are there say in their column for the rest, since SQL has nothing that joins two objects.
 *
 * @param load whose rows are looked for, where they have something there
 * @param look into their table
 */
export async function storedMore(load: Load, look: Look): Promise<readonly StoredMore[]> {
  const ids = idsWithMore(load)
  if (ids.length === 0) return []
  const more = quoteName(moreColumn)
  const time = load.columns.some(({ name }) => name === 'received_at') ? 'unix_millis(`received_at`)' : 'NULL'
  const rows = await rowsOf(
    ids,
    (isOne) =>
      `SELECT \`id\`, ${more}, ${time} FROM ${look.table}
       WHERE ${more} IS NOT NULL AND ${isOne}`,
    look,
  )
  return storedMoreOf(rows, Number)
}

function rowsOf(
  ids: readonly string[],
  sqlOf: (isOne: string) => string,
  { statements }: Look,
): Promise<ResultValue[][]> {
  const isOne = `\`id\` IN (SELECT explode(from_json(:ids, 'array<string>', map('mode', 'FAILFAST'))))`
  return statements.run(sqlOf(isOne), { ids: JSON.stringify(ids.map(storableText)) })
}
