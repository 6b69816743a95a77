import type { Event } from 'sluiceway/event'

/** What counters and dead letters call this transform. */
export const name = 'hash-email'

const encoder = new TextEncoder()
const address = /^\s*[^\s@]+@[^\s@]+\s*$/

/**
 * Replaces e-mail addresses by their SHA-256 (lower-case hex of the trimmed, lower-cased address), as ad networks match them.
 *
 * In `traits.email`, `context.traits.email` and `properties.email`, whatever holds an "@"; in `userId` and `previousId`, what
 * is an address as a whole, so that one user keeps one id. What is hashed already holds no "@", and is left alone. The order of events per user
 * does not change by it: the edge takes the key before any transform.
 *
 * @returns the event, changed in place
 */
export function transformEvent(event: Event): Event | Promise<Event> {
  const places = placesOf(event)
  return places.length === 0 ? event : hashAll(event, places)
}

interface Place {
  readonly holder: Record<string, unknown>
  readonly field: string
  readonly value: string
}

function placesOf(event: Event): Place[] {
  const places: Place[] = []
  for (const holder of [event.traits, event.context?.['traits'], event.properties]) {
    if (!isRecord(holder)) continue
    const { email } = holder
    if (typeof email === 'string' && email.includes('@')) places.push({ holder, field: 'email', value: email })
  }
  for (const field of ['userId', 'previousId']) {
    const value = event[field]
    if (typeof value === 'string' && address.test(value)) places.push({ holder: event, field, value })
  }
  return places
}

async function hashAll(event: Event, places: readonly Place[]): Promise<Event> {
  const digests = await Promise.all(places.map(({ value }) => sha256(value.trim().toLowerCase())))
  for (const [i, { holder, field }] of places.entries()) holder[field] = digests[i]
  return event
}

async function sha256(text: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', encoder.encode(text)))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
