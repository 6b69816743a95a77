import type { FailureScope } from '../../core/warehouse.ts'

/** Data, constraint, program limit (too long, too wide, too many). */
const ofRows = /^(?:22|23|54)/
/** Connection, transaction state, authorization, rollback, resources, state, operator, system, configuration, internal but what is damaged. */
const ofWarehouse = /^(?:08|25|28|3D|40|53|55006|55P02|57|58|F0|XX000)/

/**
 * Tells what an error of PostgreSQL speaks of.
 *
 * @param state SQLSTATE of five signs; anything else is no answer of the server, so that the warehouse is out of reach
 *   https://www.postgresql.org/docs/18/errcodes-appendix.html (checked 2026-11-28)
 * @returns the scope; what is not known to speak of all speaks of the table
 * @example scopeOfState('42P16') // 'table'
 */
export function scopeOfState(state: string): FailureScope {
  if (!/^[0-9A-Z]{5}$/.test(state) || ofWarehouse.test(state)) return 'warehouse'
  return ofRows.test(state) ? 'rows' : 'table'
}

/**
 * Tells what the driver throws speaks of. A partition that nobody made is a constraint to the server; its function, which is told
 * in no language, says which: https://www.postgresql.org/docs/18/protocol-error-fields.html (checked 2026-12-01)
 */
export const scopeOfThrown = (thrown: unknown): FailureScope =>
  typeof thrown === 'object' && thrown !== null && 'routine' in thrown && thrown.routine === 'ExecFindPartition'
    ? 'table'
    : scopeOfState(stateOf(thrown))

/** The SQLSTATE, or the driver's own code, of what it throws; empty where there is none. */
export const stateOf = (thrown: unknown): string =>
  typeof thrown === 'object' && thrown !== null && 'code' in thrown ? String(thrown.code) : ''
