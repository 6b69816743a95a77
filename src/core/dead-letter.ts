import type { Event } from './event.ts'

/** Where on its way an event ended. */
export type Stage = 'ingest' | 'transform' | 'delivery' | 'load'

/** One try to deliver an event. */
export interface Attempt {
  /** Milliseconds since the epoch. */
  readonly at: number
  /** HTTP status of the answer; 0 when there was none. */
  readonly status: number
  /** Milliseconds until the answer. */
  readonly ms: number
  readonly reason?: string
}

/** An event that got the verdict dead before it had an id of its own here. */
export interface NewDeadLetter {
  readonly stage: Stage
  readonly messageId: string
  readonly source: string
  readonly key: string
  /** One sentence. */
  readonly reason: string
  /** A stable word for the reason: an ErrorCode, a validation code, `http_400`. */
  readonly code: string
  /** More for the reader: a stack, the answer's body (at most 10 KB). */
  readonly detail?: string
  /** RFC 3339. */
  readonly receivedAt: string
  /** True where `event` is what the transforms of a warehouse made: a replay does not run them again. */
  readonly transformed?: boolean
  /** The event as JSON text; for stage `ingest` whatever was sent. */
  readonly event: string
  readonly attempts: readonly Attempt[]
}

/** A dead letter as the admin API shows it. */
export interface DeadLetter extends Omit<NewDeadLetter, 'event'> {
  /** `<target>:<partition>:<number>`. */
  readonly id: string
  readonly target: string
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly event: Event | unknown
  /** True once a person has changed the event. */
  readonly edited: boolean
}
