import type { Load } from '../../core/warehouse.ts'
import { quoteIdentifier } from '../identifier.ts'
import { moreColumn } from '../mapping/more-column.ts'
import { loadsTable, pieces, tableName } from './sql.ts'

/** What loads a table, beside the load. */
export interface LoadPlan {
  readonly load: Pick<Load, 'table' | 'columns' | 'merge'>
  readonly schema: string
  /** Name of the temporary table, not quoted. */
  readonly stage: string
  /** The object that has the rows: `s3://bucket/key`. */
  readonly object: string
  /** Whether the object lists those that have the rows. */
  readonly isManifest?: boolean
  /** `default`, or the ARN of a role. */
  readonly iamRole: string
  /** Region of the bucket. */
  readonly region: string
  /** Hex digits by which a load that appends is known. */
  readonly key: string
}

/**
 * Makes the statements that load a table, for the middle of a transaction.
 *
 * The stage has the columns of the table in their order, so that rows move without naming them: a list of 1,500 names would be
 * longer than a statement may be. Statements that read nothing make sure that each column of the load is there.
 *
 * @param plan what to load, and from where
 * @returns the statements, in their order
 */
export function loadStatements(plan: LoadPlan): readonly string[] {
  const { load, schema, stage, key } = plan
  const table = tableName(schema, load.table)
  const from = quoteIdentifier(stage)
  const insert = `INSERT INTO ${table} SELECT * FROM ${from}`
  const begin = [`CREATE TEMPORARY TABLE ${from} (LIKE ${table})`, ...checks(plan), copyStatement(plan)]
  const same = `${quoteIdentifier(load.table)}."id" = ${from}."id"`
  switch (load.merge) {
    case 'replace':
      return [...begin, `DELETE FROM ${table} USING ${from} WHERE ${same}`, insert]
    case 'coalesce':
      return [
        ...begin,
        ...Array.from(
          pieces(foldAssignments(load, from)),
          (some) => `UPDATE ${table} SET ${some.join(', ')} FROM ${from} WHERE ${same}`,
        ),
        `DELETE FROM ${from} USING ${table} WHERE ${same}`,
        insert,
      ]
    case 'append': {
      const loads = loadsTable(schema)
      const known = `${loads} WHERE "load_key" = '${key}'`
      return [
        ...begin,
        `${insert} WHERE (SELECT count(*) FROM ${known}) = 0`,
        `DELETE FROM ${known}`,
        `INSERT INTO ${loads} VALUES ('${key}')`,
      ]
    }
  }
}

/**
 * Reads an object, or those that a manifest lists, into a table. Keys that are no column are passed over, and columns that have no key are NULL.
 * https://docs.aws.amazon.com/redshift/latest/dg/r_COPY.html (checked 2026-11-29)
 */
export function copyStatement(plan: Omit<LoadPlan, 'load' | 'schema' | 'key'>): string {
  const { stage, object, isManifest = false, iamRole, region } = plan
  const role = iamRole === 'default' ? 'default' : `'${iamRole}'`
  return `COPY ${quoteIdentifier(stage)} FROM '${object}' IAM_ROLE ${role} REGION '${region}'${isManifest ? ' MANIFEST' : ''} FORMAT AS JSON 'auto' GZIP TIMEFORMAT 'auto' COMPUPDATE OFF STATUPDATE OFF`
}

const checks = ({ load, stage }: LoadPlan): readonly string[] =>
  Array.from(
    pieces(load.columns.map(({ name }) => quoteIdentifier(name))),
    (names) => `SELECT ${names.join(', ')} FROM ${quoteIdentifier(stage)} WHERE 1 = 0`,
  )

/**
 * Folds the values of two rows: those of the later one count. `received_at` itself is last, since the others look at it; what
 * has no column of its own is folded already.
 */
function foldAssignments({ table, columns }: LoadPlan['load'], from: string): readonly string[] {
  const into = quoteIdentifier(table)
  const hasTime = columns.some(({ name }) => name === 'received_at')
  const isOlder = `${from}."received_at" < ${into}."received_at"`
  return columns
    .map(({ name }) => name)
    .filter((name) => name !== 'id')
    .toSorted((a, b) => Number(a === 'received_at') - Number(b === 'received_at'))
    .map((name) => {
      const column = quoteIdentifier(name)
      const [fresh, kept] = [`${from}.${column}`, `${into}.${column}`]
      const over = (top: string, below: string) => `coalesce(${top}, ${below})`
      return !hasTime || name === 'uuid_ts' || name === moreColumn
        ? `${column} = ${over(fresh, kept)}`
        : `${column} = CASE WHEN ${isOlder} THEN ${over(kept, fresh)} ELSE ${over(fresh, kept)} END`
    })
}
