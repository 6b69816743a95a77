import { perIsolate } from '../../core/per-isolate.ts'

/** The paths whose values are kept as JSON text, by how they are written: raw keys joined by `_`, and how deep that is. */
export interface JsonPaths {
  /** Paths from the event's root: `track.properties.cart`. */
  readonly rooted: ReadonlyMap<string, number>
  /** Paths inside what a track is flattened from: `cart`. */
  readonly legacy: ReadonlyMap<string, number>
}

const ROOTED = /^(?:track|identify|page|screen|alias|group|extract)\./

/**
 * Reads a list of JSON paths.
 *
 * The answer is remembered for as long as the list lives, so one list must not be changed after its first use.
 *
 * @param list Paths with dots, with or without an event type in front; blanks around a path are dropped.
 * @returns The paths by their joined keys; of two that join alike the later holds. `undefined` when there are none.
 * @example parseJsonPaths(['track.properties.cart'])
 */
export function parseJsonPaths(list: readonly string[]): JsonPaths | undefined {
  return list.length === 0 ? undefined : pathsOf(list)
}

const pathsOf = perIsolate((list: readonly string[]): JsonPaths => {
  const rooted = new Map<string, number>()
  const legacy = new Map<string, number>()
  for (const entry of list) {
    const path = entry.trim()
    if (path === '') continue
    const keys = path.split('.')
    const into = ROOTED.test(path) ? rooted : legacy
    into.set(keys.join('_'), keys.length - 1)
  }
  return { rooted, legacy }
})
