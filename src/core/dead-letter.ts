import type { HttpRequest, HttpResponse } from './destination.ts'
import type { Facts } from './envelope.ts'
import type { EventUsers } from './erased-user.ts'
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

/** The last request of an event and its answer, without secrets, and cut to a length that a row can hold. */
export interface LetterExchange {
  /** What the destination made of the event; left out where that is the event itself. */
  readonly sent?: string
  /** Left out where none was made, and where the destination sends by itself. */
  readonly request?: HttpRequest
  /** Left out where there was none. */
  readonly response?: HttpResponse
  /** Says what was cut, one sentence each; left out where nothing was. */
  readonly cut?: readonly string[]
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
  /** Beside `transformed`: whom the event named before, where that is not what it names now. */
  readonly users?: EventUsers
  /** Where a part of the event was delivered: what was left then, in the words of the destination (`rests` of SendResult). */
  readonly rest?: string
  /** What the edge saw of the request, which a replay brings again; left out where that is nothing. */
  readonly facts?: Facts
  /** The event as JSON text; for stage `ingest` whatever was sent. */
  readonly event: string
  readonly attempts: readonly Attempt[]
  readonly exchange?: LetterExchange
}

/** A dead letter as the admin API shows it. */
export interface DeadLetter
  extends Omit<NewDeadLetter, 'event' | 'exchange' | 'facts' | 'rest' | 'users'>, LetterExchange {
  /** `<target>:<partition>:<number>`. */
  readonly id: string
  readonly target: string
  /** The cause that it shares with others: 16 hexadecimal digits, or `other`. */
  readonly cause: string
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly event: Event | unknown
  /** True once a person has changed the event. */
  readonly edited: boolean
  /** The event as it came, where a person has changed it. */
  readonly original?: Event | unknown
}

/** What letters have in common: stage, code, and the message without what differs from event to event. */
export interface Cause {
  /** 16 hexadecimal digits; `other` for all that a lane does not tell apart. */
  readonly cause: string
  readonly stage: Stage | 'other'
  readonly code: string
  readonly message: string
  /** Letters that are there now. */
  readonly count: number
  /** Milliseconds since the epoch at which the first of them came, also where that one is gone; and the last. */
  readonly first: number
  readonly last: number
  /** The id of one of the letters. */
  readonly sample: string
}

/** A part of a request that is not what it was. */
export interface Difference {
  /** A JSON Pointer, from `/method`, `/url`, `/headers` or `/body` on. */
  readonly path: string
  /** Left out where it was not there. */
  readonly before?: unknown
  /** Left out where it is not there any more. */
  readonly after?: unknown
}

/** What a replay of a letter would do now. */
export interface DryRun {
  /** `send`: the requests would be sent; `load`: the events would be staged. `accept`: the edge would take the events. */
  readonly outcome: 'send' | 'load' | 'accept' | 'skip' | 'dead' | 'wait'
  /** Why it would be skipped, dead or wait; left out otherwise. */
  readonly reason?: string
  /** One for each event that the transforms make of it, without secrets. */
  readonly requests?: readonly LetterExchange[]
  /** For a warehouse, and for the edge: the events, with the targets that they would go to from the edge. */
  readonly events?: readonly { readonly event: unknown; readonly to?: readonly string[] }[]
  /** What rules and transforms change, one list for each event that they make of it; left out where they change nothing. */
  readonly changes?: readonly (readonly Difference[])[]
  /** What is not as in the request that failed; left out where none is known. */
  readonly differences?: readonly Difference[]
}
