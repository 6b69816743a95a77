import type { KeptNames } from '../../core/warehouse.ts'

/**
 * Names that Databricks and Sluiceway keep for themselves.
 *
 * - `_metadata`: of the files behind a table
 *   https://docs.databricks.com/aws/en/ingestion/file-metadata-column (checked 2026-11-29)
 * - `_change_type`, `_commit_version`, `_commit_timestamp`: of the change data feed
 *   https://docs.databricks.com/aws/en/delta/delta-change-data-feed (checked 2026-11-29)
 * - `event_date`: by which tables are divided, as RudderStack's are
 * - `_sluiceway…` and `rudder_discards` are ours
 */
export const databricksKeptNames: KeptNames = {
  rule: 'databricks',
  tables: /^_sluiceway|^rudder_discards$/,
  columns: /^(?:_metadata|_change_type|_commit_version|_commit_timestamp|event_date)$|^_sluiceway/,
}
