import type { Random } from '../../scripts/bench/random.ts'
import type { Event } from '../../src/core/event.ts'
import type { Row } from '../support/tables.ts'

/** Makes five events as long as a slice that is gathered; no column has it. */
const note = 'Please ring twice. '.repeat(16_000)
const names = ['Order Completed', 'Order Refunded', 'Cart Seen']
const traits = ['plan', 'city', 'name']
/** Of many types: what a column does not take is discarded. */
const values = [1, 2.5, 7, 'forty', true, '2026-11-22T10:00:00.000Z']

/** The tables of these events, beside `tracks`, `identifies` and `users`. */
export const eventTables = ['order_completed', 'order_refunded', 'cart_seen']

/** Random events in the order in which they arrive. */
export function randomEvents(random: Random): Event[] {
  const count = random.whole(30, 90)
  // A row of a user has one time for all its traits: where older events come after newer ones, only events with all traits fold
  // as if they had come in their order.
  const isOrdered = random.chance(0.5)
  const times = Array.from({ length: count }, (_, i) => i)
  if (!isOrdered) times.sort(() => random.next() - 0.5)
  const events: Event[] = []
  for (let i = 0; i < count; i++) {
    const receivedAt = new Date(Date.UTC(2026, 10, 22, 10) + (times[i] as number) * 1_000).toISOString()
    const base = { messageId: `event-${i}`, receivedAt, ...(random.chance(0.6) ? { note } : {}) }
    const before = random.chance(0.06) ? random.pick(events) : undefined
    if (before !== undefined) events.push(sentAgain(before, i))
    else if (random.chance(0.25)) {
      const own = traits.filter(() => !isOrdered || random.chance(0.5)).map((name) => [name, `${name}-${i}`])
      const context = { traits: Object.fromEntries(own) as object }
      events.push({ ...base, type: 'identify', userId: `user-${random.whole(0, 2)}`, context })
    } else {
      const own = ['total', 'extra_1', 'extra_2', 'extra_3'].filter(() => random.chance(0.4))
      const properties = { coupon: `c-${i}`, ...Object.fromEntries(own.map((name) => [name, random.pick(values)])) }
      const messageId = random.chance(0.02) ? `event-${i}-${'x'.repeat(900)}` : base.messageId
      events.push({ ...base, messageId, type: 'track', userId: 'ada', event: random.pick(names), properties })
    }
  }
  return events
}

/** An event as a client sends it once more; what it says last counts. */
const sentAgain = (event: Event, i: number): Event =>
  event.properties === undefined ? event : { ...event, properties: { ...event.properties, coupon: `again-${i}` } }

/** What a warehouse has of some events in the end. */
export interface Outcome {
  /** Of each table the ids. */
  readonly ids: Readonly<Record<string, readonly string[]>>
  /** messageIds. */
  readonly letters: readonly string[]
  /** Table and messageId of the rows that are refused. */
  readonly refusals: readonly string[]
  /** Rows of the table of users. */
  readonly users: readonly Row[]
  /** The last of each messageId. */
  readonly events: ReadonlyMap<string, Event>
  /** messageIds that came more than once. */
  readonly again: ReadonlySet<string>
}

/**
 * Says what a warehouse has of some events in the end, whatever happened on the way.
 *
 * @param events in the order in which they arrived
 * @param isRefused whether the table refuses the row of an event for good
 */
export function outcomeOf(events: readonly Event[], isRefused: (id: string, table: string) => boolean): Outcome {
  const last = new Map(events.map((event) => [event.messageId, event]))
  const ids: Record<string, string[]> = {}
  const letters: string[] = []
  const refusals: string[] = []
  for (const { messageId, type, event } of last.values()) {
    const table = type === 'identify' ? 'identifies' : (eventTables[names.indexOf(String(event))] as string)
    const isLong = messageId.length > 800
    const refused = isRefused(messageId, table)
    if (isLong || refused) letters.push(messageId)
    if (isLong) continue
    if (refused) refusals.push(`${table} ${messageId}`)
    if (!refused) (ids[table] ??= []).push(messageId)
    if (type === 'track') (ids['tracks'] ??= []).push(messageId)
  }
  const again = new Set(events.filter((event, i) => events.findIndex((one) => one.messageId === event.messageId) < i))
  return {
    ids,
    letters,
    refusals,
    users: usersOf(last.values()),
    events: last,
    again: new Set([...again].map((one) => one.messageId)),
  }
}

/** Of each trait the newest value. */
function usersOf(events: Iterable<Event>): Row[] {
  const users = new Map<string, Record<string, unknown>>()
  for (const { type, userId, context } of [...events].toSorted((a, b) =>
    String(a.receivedAt) < String(b.receivedAt) ? -1 : 1,
  ))
    if (type === 'identify') {
      const user = users.get(String(userId)) ?? { id: String(userId) }
      for (const [name, value] of Object.entries(context?.['traits'] ?? {})) user[`context_traits_${name}`] = value
      users.set(String(userId), user)
    }
  return [...users.values()].toSorted((a, b) => (String(a['id']) < String(b['id']) ? -1 : 1))
}
