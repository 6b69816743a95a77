/** A webhook call as a source sees it. */
export interface WebhookCall {
  readonly method: 'GET' | 'POST'
  /** Path and query, without the write key. */
  readonly url: string
  /** `HTTP/1.1`, `HTTP/2` or `HTTP/3`. */
  readonly proto: string
  /** Names in lower case; without `authorization` and `cookie`. */
  readonly headers: Readonly<Record<string, string>>
  /** Every value of every parameter, without the write key. */
  readonly query: Readonly<Record<string, readonly string[]>>
  /** The body exactly as it came (inflated, where it came as gzip): signatures are verified over it. */
  readonly bytes: Uint8Array
  /** The body's JSON, or the fields of a form; undefined when there is no body. */
  readonly body: unknown
}

/** What `map` may use beside the call, so that every test hands in its own. */
export interface SourceTools {
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** A random UUID, version 4. */
  readonly uuid: () => string
  /** Remembers who is who between calls of one source; see Identity. */
  readonly memory: Memory
}

/** A small store with expiry, shared by all calls of one source. A value that was set is there for the next `get`. */
export interface Memory {
  readonly get: (key: string) => Promise<string | null>
  readonly set: (key: string, value: string, seconds: number) => Promise<void>
}

/** An event as a source makes it: the edge adds messageId, timestamps, receivedAt and request_ip where they are missing. */
export type Draft = Record<string, unknown>

/** An answer of the source's own, for challenges and for vendors that show the answer to somebody. */
export interface Reply {
  readonly reply: { readonly body: string; readonly contentType: string }
  /** Events that come of the call as well: the caller gets the answer once they are durable. */
  readonly events?: readonly Draft[]
}

/** What a source makes of a call: events, in order, or an answer. */
export type Mapped = readonly Draft[] | Reply

/** A webhook source with its settings, as `src/config.ts` holds it. */
export interface WebhookSource {
  readonly kind: 'webhook'
  readonly name: string
  /** What is wrong with the settings, one sentence each; empty when all is well. */
  readonly problems: readonly string[]
  /** The settings with secrets masked. */
  readonly redacted: Readonly<Record<string, unknown>>
  readonly takesGet: boolean
  readonly verify?: (call: WebhookCall, tools: Pick<SourceTools, 'now'>) => Promise<string | undefined>
  readonly map: (call: WebhookCall, tools: SourceTools) => Promise<Mapped>
}
