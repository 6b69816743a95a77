import type { KeptNames } from '../../core/warehouse.ts'

/**
 * Names that PostgreSQL and Sluiceway keep for themselves.
 *
 * - columns that every table has: https://www.postgresql.org/docs/18/ddl-system-columns.html (checked 2026-11-28)
 * - `…_pkey`: the index of a table's primary key, which shares its names with tables
 *   https://www.postgresql.org/docs/18/sql-createtable.html (checked 2026-11-28)
 * - `_sluiceway…` and `rudder_discards` are ours
 */
export const postgresKeptNames: KeptNames = {
  rule: 'postgres',
  tables: /^_sluiceway|^rudder_discards$|_pkey\d*$/,
  columns: /^(?:tableoid|xmin|cmin|xmax|cmax|ctid)$|^_sluiceway/,
}
