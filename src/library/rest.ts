import { isObject, type Json } from './json.ts'

/** What is left of an event: the subscriptions that it is owed to, and what others said that will never take it. */
export interface Rest {
  readonly owed: readonly string[]
  readonly dead: readonly string[]
  /** Subscriptions that have taken it; left out where there are none, and by older versions. */
  readonly taken?: readonly string[]
}

/** Writes what is left of an event for its next attempt. */
export const writeRest = (rest: Rest): string => JSON.stringify(rest)

/** Reads what `writeRest` wrote. */
export const readRest = (text: string): Rest => JSON.parse(text) as Rest

/** Writes an item: what is left, and the event as it is, a line each (JSON holds no newline). */
export const writeItem = (rest: Rest, event: string): string => `${writeRest(rest)}\n${event}`

/** Reads what `writeItem` wrote. */
export function readItem(text: string): Rest & { readonly event: Json } {
  const end = text.indexOf('\n')
  const event: unknown = JSON.parse(text.slice(end + 1))
  return { ...readRest(text.slice(0, end)), event: isObject(event) ? event : {} }
}
