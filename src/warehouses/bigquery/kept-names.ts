import type { KeptNames } from '../../core/warehouse.ts'

/**
 * Names that BigQuery and Sluiceway keep for themselves.
 *
 * - columns with the prefixes that BigQuery refuses, and `_PARTITIONTIME` and its like, which are pseudocolumns
 *   https://cloud.google.com/bigquery/docs/schemas#column_names (stored copy, read 2026-11-29)
 * - `information_schema` and `__tables__` are views of every dataset
 * - `rudder_identity_…` are the tables of identities; `_sluiceway…` and `rudder_discards` are ours
 */
export const bigqueryKeptNames: KeptNames = {
  rule: 'bigquery',
  tables: /^_sluiceway|^rudder_(?:discards|identity_merge_rules|identity_mappings)$|^information_schema$|^__tables/i,
  columns:
    /^(?:_table_|_file_|_partition|_row_timestamp|__root__|_colidentifier|_change_sequence_number|_change_type|_change_timestamp)|^_sluiceway/i,
}
