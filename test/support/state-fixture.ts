import type { Event } from '../../src/core/event.ts'

/** MessageIds that must arrive, by the key of their events, in order. */
export type Waiting = Readonly<Record<string, readonly string[]>>

/** A dead letter as the admin API shows it. */
export interface Letter {
  readonly id: string
  readonly messageId: string
  readonly [field: string]: unknown
}

/** What must come out of a fixture: the JSON beside its file, written when it was made. */
export interface StateFixture {
  /** Milliseconds since the epoch. */
  readonly madeAt: number
  /** Of the folders in the fixture: what is stored in them. */
  readonly tables: readonly string[]
  readonly keys: readonly string[]
  /** The folder `log`, whose stream is the log. */
  readonly log: {
    /** Delivered before; must not arrive again. */
    readonly delivered: readonly string[]
    /** By destination. */
    readonly waiting: Readonly<Record<'sink' | 'choosy' | 'paused', Waiting>>
    /** Ids that the tables must have rows of. */
    readonly rows: Readonly<Record<string, readonly string[]>>
    /** Ids of rows that wait for a table which is a view. Left out in fixtures of versions that had none. */
    readonly held?: Readonly<Record<string, readonly string[]>>
    /** Newest first. */
    readonly deadLetters: readonly Letter[]
    /** A dead letter that was spilled. */
    readonly spilledLetter: string
    /** Id of the newest letter of its lane, which was discarded, and the key that leads to that lane. */
    readonly discarded: { readonly id: string; readonly key: string }
    readonly suppressed: readonly object[]
    readonly stuckFiles: readonly string[]
    readonly stuckSpills: readonly string[]
    /** Of each partition. */
    readonly heads: readonly number[]
    /** By lane (`<target>:<partition>`), those that only events change. */
    readonly counters: Readonly<Record<string, Readonly<Record<string, number>>>>
    readonly cart: { readonly token: string; readonly anonymousId: string }
  }
  /** The folder `queues`, whose stream only pushes. */
  readonly queues: { readonly waiting: Waiting }
  /** The folder `idle`, whose log has forgotten everything but its heads. */
  readonly idle: { readonly heads: readonly number[] }
  /**
   * The folders `topics`, whose log has the topic `orders` and the group `stock`, and `reader`, which read the topic as a source.
   * Left out in fixtures of versions that had none.
   */
  readonly topics?: {
    /** Values of the records of partition 0, in order. */
    readonly values: readonly string[]
    /** The committed offset of the group. */
    readonly committed: number
  }
}

/** Keys of the events: some of them go to each of two partitions. */
export const visitors = ['ada', 'grace', 'alan', 'charles'] as const

/** So many that a lane finds its destination down before each of its keys has failed. */
export const crowd: readonly string[] = [...visitors, ...Array.from({ length: 20 }, (_, n) => `visitor-${n}`)]

/** An order of a visitor; the visitor is its ordering key. */
export const order = (visitor: string, messageId: string, more: Partial<Event> = {}): Event => ({
  type: 'track',
  event: 'Order Completed',
  messageId,
  anonymousId: visitor,
  ...more,
  properties: { order_id: messageId, total: 42.5, ...more.properties },
})

/** MessageIds of events by visitor. */
export function idsByVisitor(events: readonly Event[]): Record<string, string[]> {
  const ids: Record<string, string[]> = {}
  for (const { anonymousId = '', messageId } of events) (ids[anonymousId] ??= []).push(messageId)
  return ids
}

/** Answers of the destination `choosy`: it takes what says neither `refuse` nor `later`. */
export function answerChoosily(events: readonly Event[]) {
  const [first] = events
  if (first?.properties?.['refuse'] === true) return { status: 400, body: 'no such customer' }
  return first?.properties?.['later'] === true ? { status: 503 } : undefined
}
