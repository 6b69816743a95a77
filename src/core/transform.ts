import type { Event } from './event.ts'

/** What a transform may know about an event beside its content. */
export interface Metadata {
  readonly messageId: string
  readonly sourceName: string
  /** `HTTP`, the name of a webhook source's vendor, or `kafka`; left out of a source that the config has no more. */
  readonly sourceType?: string
  /** Set, like the type, when the transform runs in front of a destination or warehouse. */
  readonly destinationName?: string
  /** Which destination or warehouse it is made with, in capitals: `WEBHOOK`, `POSTGRES`. */
  readonly destinationType?: string
  /** Always `sluiceway`; left out where a test says nothing of it. */
  readonly workspaceId?: string
  readonly receivedAt: string
  readonly eventType: string
  readonly eventName?: string
  /** The same as `sourceName`: sources and destinations have names here, and no ids beside. */
  readonly sourceId?: string
  readonly destinationId?: string
  /** Of the transform that asks. */
  readonly transformationId?: string
  /** Of the event itself, where it has them. */
  readonly rudderId?: string
  readonly recordId?: unknown
  readonly sourceJobId?: unknown
  readonly sourceJobRunId?: unknown
  readonly sourceTaskRunId?: unknown
}

/** What whoever runs a transform knows of an event beside its content: the rest of its metadata is read from the event itself. */
export type KnownMetadata = Partial<Metadata> & Pick<Metadata, 'sourceName' | 'receivedAt'>

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
  readonly transformEvent?: Bivariant<
    (event: Event, metadata: MetadataOf) => TransformResult | Promise<TransformResult>
  >
  readonly transformBatch?: Bivariant<(events: Event[], metadata: MetadataOf) => Event[] | Promise<Event[]>>
  /** Of one that the build made to run inline: gives the functions of its module, which it evaluates on the first call. */
  readonly load?: () => TransformFunctions
  /** Of the same: notes what the edge knows of an event that comes. */
  readonly learn?: (event: Event) => void
  /** Of one that the build made to run in an isolate of its own. */
  readonly isIsolated?: true
  /** Of the same: runs it over a batch, in place of the two functions. */
  readonly runBatch?: (batch: TransformBatch) => Promise<TransformAnswer>
  /** Of one in front of a destination that the local server has suspended: why its events wait. */
  readonly suspended?: string
}

/** The two functions of a transform. */
export type TransformFunctions = Pick<Transform, 'transformEvent' | 'transformBatch'>

/** Events for a transform that runs elsewhere. */
export interface TransformBatch {
  /** JSON of each event. */
  readonly texts: readonly string[]
  /** Of each event, in the same order. */
  readonly known: readonly KnownMetadata[]
  /** Milliseconds that the code may take for one call. */
  readonly userCodeMs: number
  /** What ids of copies begin with, after the id of the event. */
  readonly mark: string
  /** Of a test: names an isolate of its own, which shares nothing with those of live events and answers with its log. */
  readonly test?: string
}

/** What became of a batch. `from` is the place of the input in the batch; an input may be in `events` more than once. */
export interface TransformAnswer {
  /** `text` is JSON of an object with a messageId; `event` is that object, where it is known. */
  readonly events: readonly { readonly event?: Event; readonly text: string; readonly from: number }[]
  readonly dropped: readonly number[]
  readonly failed: readonly { readonly from: number; readonly message: string; readonly stack: string }[]
  /** What the code logged; only where it was asked for. */
  readonly logs?: readonly string[]
}

/** Lets a function name the events that it is written for, such as `SpecEvent`; the compiler takes their author's word. */
type Bivariant<F extends (...args: never[]) => unknown> = {
  call(...args: Parameters<F>): ReturnType<F>
}['call']

/** What `transformEvent` returns. */
export type TransformResult = Event | readonly Event[] | null | undefined
