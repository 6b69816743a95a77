import type { Envelope } from './envelope.ts'
import type { Verdict } from './verdict.ts'

/** How much a lane may ask of a destination at once. */
export interface Limits {
  /** Events in one request. */
  readonly events: number
  /** Bytes of one request's items, counted as UTF-16 code units of their text. */
  readonly bytes: number
  /** Requests under way at once from one lane; at most 6 (Workers). */
  readonly parallel: number
  /** Seconds until a request is given up and counts as a retry. */
  readonly timeoutSeconds: number
}

/** A request as data; the lane sends it. */
export interface HttpRequest {
  readonly method: 'POST' | 'PUT' | 'PATCH' | 'GET' | 'DELETE'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

/** A response as data: its body is cut to 10 KB. */
export interface HttpResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** One event in the form in which the destination wants it. */
export interface Item {
  /** The messageId of the event. */
  readonly id: string
  /** JSON (or other) text that `request` puts together. */
  readonly text: string
}

/** What `request` may use beside the items: nothing that it could not be given in a test. */
export interface RequestContext {
  /** Milliseconds since the epoch, at the attempt. */
  readonly now: number
}

/** A destination with its settings, as `src/config.ts` holds it. Settings were checked when the config was resolved. */
export interface Destination {
  readonly kind: 'destination'
  readonly name: string
  readonly limits: Limits
  /** What is wrong with the settings, one sentence each; empty when all is well. */
  readonly problems: readonly string[]
  /** The settings with secrets masked, for admin answers and logs. */
  readonly redacted: Readonly<Record<string, unknown>>
  readonly encode: (envelope: Envelope) => Item | null
  readonly request: (items: readonly Item[], context: RequestContext) => HttpRequest | Promise<HttpRequest>
  readonly verdicts?: (response: HttpResponse, items: readonly Item[]) => Verdict | readonly Verdict[]
}
