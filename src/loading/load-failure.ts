import { SluicewayError } from '../core/errors.ts'
import type { FailureScope } from '../core/warehouse.ts'
import { isPlatformError } from '../platform/platform-error.ts'

const scopes: ReadonlySet<unknown> = new Set<FailureScope>(['rows', 'table', 'invocation'])

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

/** Whether the failure of a load is of the kind that time does not mend; false where the engine does not say. */
export const isLasting = (thrown: unknown): boolean =>
  thrown instanceof SluicewayError && thrown.details['lasting'] === true
