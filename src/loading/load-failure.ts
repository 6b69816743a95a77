import { reasonOf, SluicewayError } from '../core/errors.ts'
import type { FailureScope } from '../core/warehouse.ts'
import { isPlatformError } from '../platform/platform-error.ts'

const scopes: ReadonlySet<unknown> = new Set<FailureScope>(['rows', 'table', 'invocation'])

/** A table whose held rows were tried again takes none of them. */
export class TableRefused extends Error {
  constructor(cause: unknown) {
    super(reasonOf(cause), { cause })
    this.name = 'TableRefused'
  }
}

/**
 * Tells what the failure of a load speaks of.
 *
 * @param thrown what an engine, R2 or a lane threw
 * @returns the scope that the engine gives; `warehouse` where it gives none, so that nothing is buried by mistake
 */
export function scopeOf(thrown: unknown): FailureScope {
  const scope = thrown instanceof SluicewayError ? thrown.details['scope'] : undefined
  if (scopes.has(scope)) return scope as FailureScope
  return isPlatformError(thrown) ? 'invocation' : 'warehouse'
}

/** Whether a failure may be that of some rows or of one table. */
export const isNarrow = (thrown: unknown): boolean => scopeOf(thrown) === 'rows' || scopeOf(thrown) === 'table'

/** Whether the failure of a load is of the kind that time does not mend; false where the engine does not say. */
export const isLasting = (thrown: unknown): boolean =>
  thrown instanceof SluicewayError && thrown.details['lasting'] === true

/** Whether a table does not do what it would do later, for example since somebody has locked it. */
export const isPassing = (thrown: unknown): boolean =>
  thrown instanceof SluicewayError && thrown.details['passing'] === true

/** Whether a table has no room for more columns. */
export const isFull = (thrown: unknown): boolean => thrown instanceof SluicewayError && thrown.details['full'] === true
