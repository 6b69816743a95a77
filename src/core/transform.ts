import type { Event } from './event.ts'

/** What a transform may know about an event beside its content. */
export interface Metadata {
  readonly messageId: string
  readonly sourceName: string
  /** Set when the transform runs in front of a destination. */
  readonly destinationName?: string
  readonly receivedAt: string
  readonly eventType: string
  readonly eventName?: string
}

/** Gives the metadata of an event, found by its messageId. */
export type MetadataOf = (event: Event) => Metadata

/**
 * A user's transform: a module that exports exactly one of the two functions, as RudderStack users write them.
 *
 * `transformEvent` returns the event (changed or not), null or undefined to drop it, or an array to multiply it.
 * `transformBatch` gets all events of one request or delivery and returns an array. A throw makes a dead letter of that
 * event (`transformEvent`) or of the batch (`transformBatch`) and harms no other.
 */
export interface Transform {
  readonly name?: string
  /** What is wrong with the settings that it was made with, a sentence each; with any, it is never called. */
  readonly problems?: readonly string[]
  readonly transformEvent?: (event: Event, metadata: MetadataOf) => TransformResult | Promise<TransformResult>
  readonly transformBatch?: (events: Event[], metadata: MetadataOf) => Event[] | Promise<Event[]>
}

/** What `transformEvent` returns. */
export type TransformResult = Event | readonly Event[] | null | undefined
