import type { EventChoice } from '../core/config.ts'
import type { Event } from '../core/event.ts'
import { valueAt } from '../core/mapping.ts'
import { perIsolate } from '../core/per-isolate.ts'

const namesOf = perIsolate((events: readonly string[]) => {
  const patterns = events.map((one) => new RegExp(`^${one.split(/\*+/).map(escapePattern).join('[^]*')}$`))
  const known = new Set(events)
  return (name: string): boolean => known.has(name) || patterns.some((pattern) => pattern.test(name))
})

const escapePattern = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`)

/**
 * Says whether an event is one of those that `only` or `except` of a destination mean.
 *
 * RudderStack's lists of events judge track events and let all others pass. Here, names without types mean track events alone:
 * whoever writes "only Order Completed" does not expect an identify.
 */
export function isChosen(event: Event, { types, events, where }: EventChoice): boolean {
  const { type } = event
  if (!(types ?? (events === undefined ? [type] : ['track'])).includes(type)) return false
  if (events !== undefined && type === 'track' && !namesOf(events)(event.event ?? '')) return false
  return Object.entries(where ?? {}).every(([path, wanted]) =>
    ([wanted].flat() as unknown[]).includes(valueAt(event, path)),
  )
}
