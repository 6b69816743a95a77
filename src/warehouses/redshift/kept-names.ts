import type { KeptNames } from '../../core/warehouse.ts'

/**
 * Names that Redshift and Sluiceway keep for themselves.
 *
 * - tables of the system, which hide those of their name where a query names no schema
 *   https://docs.aws.amazon.com/redshift/latest/dg/c_intro_system_tables.html (checked 2026-11-29)
 * - columns that every table has: https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html (checked 2026-11-29)
 * - `_sluiceway…` and `rudder_discards` are ours
 */
export const redshiftKeptNames: KeptNames = {
  rule: 'redshift',
  tables: /^(?:padb|pg|stl|stv|svcs|svl|svv|sys)_|^_sluiceway|^rudder_discards$/,
  columns: /^(?:oid|tableoid|xmin|cmin|xmax|cmax|ctid|insertxid|deletexid)$|^_sluiceway/,
}
