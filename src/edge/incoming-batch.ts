import type { Facts } from '../core/envelope.ts'
import type { Geo } from '../enrichment/enrich.ts'
import type { ClientSignals } from '../enrichment/client-signals.ts'
import type { Source } from '../core/resolved-config.ts'

/** What one request brought. The events are fresh from the parser and belong to the edge, which changes them in place. */
export interface IncomingBatch {
  readonly source: Source
  readonly events: readonly unknown[]
  /** What the request's route says; overrides the events' own `type`. */
  readonly type?: string | undefined
  /** The fields beside `batch`: context, sentAt and timestamps for events that have none. */
  readonly batch?: Readonly<Record<string, unknown>> | undefined
  readonly facts: Facts
  readonly geo?: Geo | undefined
  readonly signals?: ClientSignals | undefined
  /** The visitor's anonymousId from the identity cookie; wins over the events' own. */
  readonly anonymousId?: string | undefined
  /** Events that were counted against the source's rate already. */
  readonly counted?: number
  /** RFC 3339 with milliseconds, UTC; now when left out. */
  readonly receivedAt?: string
  /** Milliseconds since the epoch, where the same events may have been appended since then: see `Stream.append`. */
  readonly since?: number
}

/** An event that became a dead letter, as the client is told. */
export interface RejectedEvent {
  /** Its place in the request. */
  readonly index: number
  readonly messageId: string
  readonly code: string
  readonly reason: string
}
