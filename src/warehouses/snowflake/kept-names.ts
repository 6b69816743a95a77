import type { KeptNames } from '../../core/warehouse.ts'

/**
 * Names that Snowflake and Sluiceway keep for themselves.
 *
 * - `RUDDER_IDENTITY_…`: the tables of identity resolution, which have columns of their own
 * - `METADATA$…`: what a query of a stage or a stream adds
 *   https://docs.snowflake.com/en/user-guide/querying-metadata (stored copy)
 * - `_SLUICEWAY…` and `RUDDER_DISCARDS` are ours
 */
export const snowflakeKeptNames: KeptNames = {
  rule: 'snowflake',
  tables: /^_sluiceway|^rudder_discards$|^rudder_identity_(?:merge_rules|mappings)$/i,
  columns: /^metadata\$|^_sluiceway/i,
}
