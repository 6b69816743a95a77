import type { Envelope } from './envelope.ts'
import type { Verdict } from './verdict.ts'

/** How much a lane may ask of a destination at once. */
export interface Limits {
  /** Events in one request. */
  readonly events: number
  /** Bytes of one request's items, counted as UTF-16 code units of their text. */
  readonly bytes: number
  /** Requests under way at once from one lane; 6, the most, where the destination has no limit of its own: `rate` may allow more. */
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

/** A response as data: its body is cut to 64 KB, and where it has not ended when the time is over. */
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

/** Who is to be forgotten: at least one of the ids, and what else is known of them by which a vendor may know them. */
export interface ForgottenUser {
  readonly userId?: string
  readonly anonymousId?: string
  readonly email?: string
  readonly phone?: string
}

/** What one attempt to delete a user came to. */
export interface DeletionAnswer {
  /** `waiting` is tried again, `failed` is not. */
  readonly state: 'done' | 'waiting' | 'failed'
  /** One sentence, without a secret; also where `done` needs a word. */
  readonly reason?: string
  /** Of `waiting`: seconds that the vendor asks for. */
  readonly afterSeconds?: number
}

/** What `send` may use: nothing that it could not be given in a test. */
export interface SendContext extends RequestContext {
  /** The only way out; the lane counts its calls. */
  readonly fetch: (request: Request) => Promise<Response>
  /** Aborts when the destination's `timeoutSeconds` are over. */
  readonly signal: AbortSignal
  /** What `renew` of the destination has made; left out where nothing keeps it. */
  readonly credentials?: Credentials
}

/** Credentials that are renewed while they are used (OAuth): one object keeps them for all lanes of a destination. */
export interface Credentials {
  /** What `renew` gave last; null before the first time. */
  readonly current: () => Promise<string | null>
  /**
   * Has them renewed where `used` are still the current ones, once for all that ask at the same time; rejects with what
   * `renew` of the destination rejects with.
   */
  readonly renew: (used: string | null) => Promise<string>
}

/** What came of items that a destination has sent itself. */
export interface SendResult {
  /** For the attempt that people see: as an HTTP status, 0 when there was no answer. */
  readonly status: number
  /** What the receiver said, for the reader of a dead letter; empty when there is nothing to tell. */
  readonly body: string
  /** One for each item, in their order. */
  readonly verdicts: readonly Verdict[]
  /**
   * For an item that is not delivered, but of which something was: what is left of it. The next attempt gives it to `encode`, as
   * `rest` of the header, so that nothing is sent twice. Where it is a dead letter in the end, a replay gives the last one to
   * `encode`, as `earlier` of the header: what failed is then to be tried again, and what was delivered is not.
   */
  readonly rests?: readonly (string | undefined)[]
}

/** The secrets of a destination's settings. */
export interface Secrets {
  /** Values that are masked wherever they stand. */
  readonly texts: readonly string[]
  /** Names of headers, in lower case, whose values are masked. */
  readonly headers: readonly string[]
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
  /** What is hidden wherever a request or an answer is kept for people; left out where there is nothing. */
  readonly secrets?: Secrets
  readonly encode: (envelope: Envelope) => Item | null
  readonly request: (items: readonly Item[], context: RequestContext) => HttpRequest | Promise<HttpRequest>
  /** One verdict for all items, or one each in their order; undefined leaves it to the status of the response. */
  readonly verdicts?: (response: HttpResponse, items: readonly Item[]) => Verdict | readonly Verdict[] | undefined
  /**
   * Makes the request that deletes a user at the vendor; missing where the vendor has none. It throws, with what is missing,
   * where it cannot be made of what is known of the user or set in the config. Repeating the request must be harmless.
   */
  readonly forget?: (user: ForgottenUser, context: RequestContext) => HttpRequest | Promise<HttpRequest>
  /**
   * Takes the place of `forget` where one request is not enough. Rejects, with what is missing, as `forget` throws: it is not
   * tried again. What may pass, as a lost connection, is `waiting`.
   */
  readonly deleteUser?: (user: ForgottenUser, context: SendContext) => Promise<DeletionAnswer>
  /**
   * Takes the place of `request` and `verdicts` where one request is not enough, as where a schema must be looked up first.
   *
   * It may be called again with the same items. It rejects when nothing is known of single items: all of them are then retried.
   */
  readonly send?: (items: readonly Item[], context: SendContext) => Promise<SendResult>
  /**
   * Makes new credentials of those that were kept (null at first). What it gives is stored before it is used: text of its own
   * form.
   */
  readonly renew?: (kept: string | null, context: SendContext) => Promise<string>
}
