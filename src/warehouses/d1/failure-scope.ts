import type { FailureScope } from '../../core/warehouse.ts'
import { isPlatformError } from '../../platform/platform-error.ts'

const ofRows = /SQLITE_(?:CONSTRAINT|TOOBIG|MISMATCH)|constraint failed|too big|datatype mismatch|D1_TYPE_ERROR/
/** Codes of SQLite that speak of the database as a whole. https://www.sqlite.org/rescode.html (checked 2026-11-28) */
const ofWarehouse =
  /SQLITE_(?:BUSY|LOCKED|NOMEM|READONLY|INTERRUPT|IOERR|CORRUPT|FULL|CANTOPEN|PROTOCOL|NOTADB|INTERNAL|ABORT|PERM)/
const ofSqlite = /SQLITE_[A-Z]+/

/**
 * Tells what an error of D1 speaks of. D1 gives no codes apart from the message: what SQLite says ends in its code, all else is
 * the way to it. https://developers.cloudflare.com/d1/observability/debug-d1/ (checked 2026-11-28)
 *
 * @param thrown what a call of D1 threw
 * @param reason its message
 * @returns the scope
 */
export function scopeOfD1Error(thrown: unknown, reason: string): FailureScope {
  if (isPlatformError(thrown)) return 'invocation'
  if (ofRows.test(reason)) return 'rows'
  return ofSqlite.test(reason) && !ofWarehouse.test(reason) ? 'table' : 'warehouse'
}
