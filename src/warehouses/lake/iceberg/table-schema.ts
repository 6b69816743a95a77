// Schemas and how they evolve: https://iceberg.apache.org/spec/#schemas-and-data-types (checked 2026-11-29)
import type { Columns, ColumnType } from '../../../core/warehouse.ts'
import { loadColumn } from '../parquet.ts'

/** A column of an Iceberg table. Its id stays; its name need not. */
export interface TableField {
  readonly id: number
  readonly name: string
  /** A name of a type; tables that others changed may have nested ones. */
  readonly type: unknown
  readonly required: boolean
}

/** The columns of an Iceberg table. */
export interface TableSchema {
  readonly type: 'struct'
  readonly 'schema-id': number
  readonly fields: readonly TableField[]
}

/** What each logical type is in Iceberg: what the lake's Parquet files hold. */
export const icebergTypes: Readonly<Record<ColumnType, string>> = {
  int: 'long',
  float: 'double',
  boolean: 'boolean',
  datetime: 'timestamptz',
  string: 'string',
  text: 'string',
  json: 'string',
}

/** The schema of a new table. */
export function newSchema(columns: Columns): TableSchema {
  const fields = Object.entries(columns).map(([name, type], i): TableField => ({
    id: i + 1,
    name,
    type: icebergTypes[type],
    required: false,
  }))
  return {
    type: 'struct',
    'schema-id': 0,
    fields: [...fields, { id: fields.length + 1, name: loadColumn, type: 'long', required: true }],
  }
}

/**
 * Adds to a schema what columns need.
 *
 * Iceberg makes no `double` of a `long`, and no text of anything. A column that gets such a type becomes a new one of its name;
 * the old one, which old files have, is called `_sluiceway_<type>_<name>` from then on.
 *
 * @param schema the current one
 * @param columns of the table, as the lake has them
 * @param lastId the highest id that any field of the table has had
 * @returns the wider schema and its highest id; undefined where nothing is missing
 */
export function widerSchema(
  schema: TableSchema,
  columns: Columns,
  lastId: number,
): { readonly fields: readonly TableField[]; readonly lastId: number } | undefined {
  const wanted = new Map(Object.entries(columns).map(([name, type]) => [name, icebergTypes[type]]))
  const fields = schema.fields.map((one) => {
    const type = wanted.get(one.name)
    if (type === undefined) return one
    if (type !== one.type) return { ...one, name: freeName(`_sluiceway_${typeName(one.type)}_${one.name}`, schema) }
    wanted.delete(one.name)
    return one
  })
  if (wanted.size === 0) return undefined
  const added = Array.from(wanted, ([name, type], i): TableField => ({
    id: lastId + 1 + i,
    name,
    type,
    required: false,
  }))
  return { fields: [...fields, ...added], lastId: lastId + added.length }
}

const typeName = (type: unknown): string => (typeof type === 'string' ? type.replaceAll(/\W/g, '_') : 'nested')

/** The name, or one with a number where the column changed its type before. */
function freeName(name: string, { fields }: TableSchema): string {
  const taken = new Set(fields.map((one) => one.name))
  let free = name
  for (let i = 2; taken.has(free); i++) free = `${name}_${i}`
  return free
}
