import type { KeptNames } from '../../core/warehouse.ts'

/**
 * Names that a lake and Sluiceway keep for themselves.
 *
 * - `dt`: readers make a column of the folder `dt=…`, and some fail where a file has one of that name, too
 *   https://duckdb.org/docs/stable/data/partitioning/hive_partitioning (checked 2026-11-29)
 * - `_sluiceway…` and `rudder_discards` are ours
 *
 * @param folders the layout of folders
 */
export const lakeKeptNames = (folders: string): KeptNames =>
  folders.startsWith('dt=')
    ? { rule: 'lake dt', tables, columns: /^dt$|^_sluiceway/ }
    : { rule: 'lake', tables, columns: /^_sluiceway/ }

const tables = /^_sluiceway|^rudder_discards$/
