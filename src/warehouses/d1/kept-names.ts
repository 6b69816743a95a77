import type { KeptNames } from '../../core/warehouse.ts'

/**
 * Names that D1 and Sluiceway keep for themselves.
 *
 * - `sqlite_…`: https://www.sqlite.org/lang_createtable.html (checked 2026-11-28)
 * - `_cf_…`: the platform's own tables; a statement that names one is not authorized
 *   https://developers.cloudflare.com/durable-objects/api/sqlite-storage-api/ (checked 2026-11-28)
 * - `json_each`, `pragma_…` and the like: a table of that name hides the function of that name, with which rows are loaded
 *   https://www.sqlite.org/vtab.html#tabfunc2 (checked 2026-11-28)
 * - `d1_migrations`: https://developers.cloudflare.com/d1/reference/migrations/ (checked 2026-11-28)
 * - `_sluiceway…`, `rudder_discards` and `demo_sink` are ours
 */
export const d1KeptNames: KeptNames = {
  rule: 'd1',
  tables: /^(?:sqlite_|_cf_|_sluiceway|pragma_|jsonb?_(?:each|tree)$|(?:d1_migrations|rudder_discards|demo_sink)$)/,
  columns: /^_sluiceway/,
}
