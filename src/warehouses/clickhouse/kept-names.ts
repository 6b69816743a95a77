import type { KeptNames } from '../../core/warehouse.ts'

/**
 * Names that ClickHouse and Sluiceway keep for themselves.
 *
 * - `.inner…`: the tables behind views; an event's name has no dot
 * - `_part`, `_partition_id` and the like: columns that every table has, which hide those of their name
 *   https://clickhouse.com/docs/engines/table-engines/mergetree-family/mergetree#virtual-columns (checked 2026-11-29)
 * - `_sluiceway…` and `rudder_discards` are ours
 */
export const clickhouseKeptNames: KeptNames = {
  rule: 'clickhouse',
  tables: /^_sluiceway|^rudder_discards$/,
  columns:
    /^_(?:part|part_index|part_starting_offset|part_offset|part_granule_offset|part_uuid|part_data_version|partition_id|partition_value|sample_factor|block_number|block_offset|row_exists|database|table|disk_name|distance)$|^_sluiceway/,
}
