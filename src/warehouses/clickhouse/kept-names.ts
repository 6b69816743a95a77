import type { KeptNames } from '../../core/warehouse.ts'

/** Signs of a name of a file: a file system has 255 bytes, and the name of the database and endings take some. */
const mostSigns = 150

/** Columns and tables are files, in whose names all but letters, digits and `_` takes three signs. */
function shorten(name: string): string {
  if (name.length * 3 <= mostSigns || !/\W/.test(name)) return name
  let signs = 0
  let end = 0
  for (; end < name.length; end++) {
    signs += /\w/.test(name.charAt(end)) ? 1 : 3
    if (signs > mostSigns) break
  }
  return name.slice(0, end)
}

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
  shorten,
}
