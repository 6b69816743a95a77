import type { Event } from 'sluiceway/event'

export const name = 'cents-to-euros'

/**
 * Writes `properties.total_cents` as euros into `properties.total`; an event without it stays as it is.
 *
 * @returns the event, changed in place
 */
export function transformEvent(event: Event): Event {
  const cents = event.properties?.['total_cents']
  if (typeof cents === 'number') event.properties = { ...event.properties, total: cents / 100 }
  return event
}
