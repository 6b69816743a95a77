import type { Event } from '../core/event.ts'
import { isRecord } from '../core/json.ts'

/**
 * Gives what is at a dotted path of an event.
 *
 * @param path e.g. `properties.order_id`; it goes through objects only
 * @returns undefined where nothing is
 */
export function valueAt(event: Event, path: string): unknown {
  let value: unknown = event
  for (const key of path.split('.')) {
    if (!isRecord(value) || !Object.hasOwn(value, key)) return undefined
    value = value[key]
  }
  return value
}

/**
 * Gives the object at a dotted path of an event, and makes it where there is nothing.
 *
 * @param path e.g. `context.traits`
 * @returns the object, which is a part of the event; throws an Error where something else is at the path or on the way to it
 */
export function objectAt(event: Event, path: string): Record<string, unknown> {
  let holder: Record<string, unknown> = event
  for (const key of path.split('.')) {
    const value: unknown = Object.hasOwn(holder, key) ? holder[key] : undefined
    if (value !== undefined && value !== null && !isRecord(value))
      throw new Error(`${path} cannot be written: ${key} is no object`)
    const next: Record<string, unknown> = isRecord(value) ? value : {}
    holder[key] = next
    holder = next
  }
  return holder
}
