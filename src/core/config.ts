import type { Consent } from './consent.ts'
import type { Destination } from './destination.ts'
import type { EnrichmentConfig } from './enrichment.ts'
import type { Event } from './event.ts'
import type { KafkaSource } from './kafka-source.ts'
import type { IdentityCookie } from './identity-cookie.ts'
import type { PrivacyRules } from './privacy.ts'
import type { RateLimit } from './rate-limit.ts'
import type { Stream } from './stream.ts'
import type { Transform } from './transform.ts'
import type { Warehouse } from './warehouse.ts'
import type { WebhookSource } from './webhook-source.ts'

/** Values that a deployment gives: `vars` and secrets. A missing one is undefined and shows up as a config problem. */
export type Vars = Readonly<Record<string, string | undefined>>

/** A place that events come from. */
export interface SourceConfig<Target extends string = string> {
  /** The key that SDKs send; secrets belong in `env`. A source with `kafka` has none. */
  readonly writeKey?: string | undefined
  /** False: its events are answered with 404 `source is disabled`. */
  readonly enabled?: boolean
  /** Run at the edge before the append, in this order. */
  readonly transforms?: readonly Transform[]
  /** Names of destinations and warehouses; all of them when left out. */
  readonly to?: readonly Target[]
  /** Makes it a webhook source: it takes calls of this vendor on `/v1/webhook`, and nothing else. */
  readonly webhook?: WebhookSource
  /** Makes it a Kafka source: it reads topics, and takes no requests. */
  readonly kafka?: KafkaSource
  /** What the edge adds to its events. */
  readonly enrich?: EnrichmentConfig
  /** What is done with personal data before anything else sees it: transforms, dead letters, the stream. */
  readonly privacy?: PrivacyRules
  /** Keeps visitors' anonymousIds in a first-party cookie; off when left out. */
  readonly identityCookie?: IdentityCookie
  /** Answered with 429 above it. */
  readonly rate?: RateLimit
}

/** Chooses events without code. An event is chosen when all that is given here holds of it. */
export interface EventChoice {
  /** `track`, `identify`, `page`, `screen`, `group`, `alias`, `merge`. Where `events` is given alone, `track`. */
  readonly types?: readonly string[]
  /** Names of track events; `*` stands for any characters. They say nothing of events of other types. */
  readonly events?: readonly string[]
  /** Values, or lists of values of which one is enough, by dotted paths into the event: `{ 'properties.plan': ['pro', 'team'] }`. */
  readonly where?: Readonly<Record<string, FieldValues>>
}

type FieldValues = string | number | boolean | readonly (string | number | boolean)[]

/** Which fields of an event a destination gets. */
export interface FieldChoice {
  /** As `privacy.allow`: of `properties`, `traits` and `context` only these paths and what lies below them. */
  readonly allow?: readonly string[]
  /** As `privacy.drop`: these are removed, also where `allow` has them. */
  readonly deny?: readonly string[]
}

/** A destination with what the user wants done on the way to it. */
export interface Route {
  readonly use: Destination
  /** The destination gets only these events; the others are counted as filtered. Decided before `filter`, on the same event. */
  readonly only?: EventChoice
  /** The destination does not get these events, also where `only` has them; counted as filtered. */
  readonly except?: EventChoice
  /** Which fields go out: applied last, behind the transforms, which may use what the destination does not get. */
  readonly fields?: FieldChoice
  /** Run in the lane, before `encode`. */
  readonly transforms?: readonly Transform[]
  /** False for an event that this destination shall not get; counted as filtered. */
  readonly filter?: (event: Event) => boolean
  /** Name that `integrations` of an event switches on and off (default: the destination's own name). */
  readonly displayName?: string
  /** False gives up order per key for speed. */
  readonly ordered?: boolean
  /** How long an event is retried before it is a dead letter; default 14. */
  readonly retryDays?: number
  /** How fast requests go out at most; without it, as fast as they are answered. */
  readonly rate?: RequestRate
  /** What its undelivered events may take in the storage of its lanes before they go to R2. */
  readonly quota?: StorageQuota
  /** Consent that an event must have to be sent here; what is kept back is counted as `consent:<destination>`. */
  readonly consent?: Consent
  /** What is done with personal data on the way to this destination, before its filter and transforms. */
  readonly privacy?: PrivacyRules
}

/**
 * How fast requests to one destination go out. Each partition has a lane of its own, which gets an even share; one request is
 * under way in each at least.
 */
export interface RequestRate {
  /** Requests, not events: a batch is one. */
  readonly requestsPerSecond?: number
  /** Requests under way at once; default 300, and 6 for each lane at least. */
  readonly parallel?: number
}

/**
 * What undelivered events of one target may take in the storage of its lanes. Each partition has a lane of its own, which gets an
 * even share. What is beyond it goes to R2, or stays in the log: nothing is dropped.
 */
export interface StorageQuota {
  /** Default 1,000; at least 1. */
  readonly megabytes?: number
}

/** A warehouse with how it is staged and loaded. */
export interface WarehouseRoute {
  readonly use: Warehouse
  readonly displayName?: string
  /** Minutes between loads; default 1. What a load has not finished goes on in the minutes that follow. */
  readonly everyMinutes?: number
  /** A time of day, `HH:MM` in UTC: loads begin then, and `everyMinutes` times any number later or earlier. */
  readonly syncStartAt?: string
  /** Times of day, `HH:MM` in UTC, between which the schedule loads nothing; also over midnight. A person can. */
  readonly excludeWindow?: { readonly start: string; readonly end: string }
  /** Seconds that events may wait for a staging file to fill; default 10. */
  readonly stageSeconds?: number
  /** True to let whoever has an admin token read it with SQL: `GET /admin/warehouses/<name>/sql`. Only d1 and postgres. */
  readonly sql?: boolean
  /** What its undelivered events may take in the storage of its lanes before they go to R2. */
  readonly quota?: StorageQuota
  /** Consent that an event must have to be loaded here; what is kept back is counted as `consent:<warehouse>`. */
  readonly consent?: Consent
  /** Run in the lane, before events are staged. */
  readonly transforms?: readonly Transform[]
  /**
   * What is done with personal data on the way to the tables, before its transforms. Without transforms, staging files hold
   * events as they were accepted.
   */
  readonly privacy?: PrivacyRules
  /** Options of the table mapping (see warehouses/mapping/map-event.ts). */
  readonly mapping?: {
    readonly storeFullEvent?: boolean
    readonly jsonPaths?: readonly string[]
    readonly skipTracksTable?: boolean
    readonly skipUsersTable?: boolean
    readonly underscoreDivideNumbers?: boolean
    readonly allowUsersContextTraits?: boolean
    /** Fills `rudder_identity_merge_rules`: which identities are one person. Snowflake and BigQuery only. */
    readonly resolveIdentities?: boolean
    /** Columns of one row, 50 to 1,500; what is beyond goes into the JSON column `_sluiceway_more`. Default: the engine's. */
    readonly maxColumns?: number
  }
}

/** What a trace tells beyond what is kept anyway. */
export interface TraceConfig {
  /**
   * Share of events, 0 to 1, of which a trace tells what the transforms of their source changed; default 0. Of these, what was
   * changed is kept with the event, in the stream and in lanes: also personal data that a transform removed.
   */
  readonly transforms?: number
}

/** How every accepted event is kept in R2. */
export interface ArchiveConfig {
  /** Days that objects are kept; for ever when left out. */
  readonly days?: number
  /** Minutes that events wait for their object to fill at most; default 60: an object for each hour, source and partition. */
  readonly everyMinutes?: number
}

/** Options of the demo page. */
export interface DemoConfig {
  /** Secret of the webhook destination that sends to the demo's sink, which verifies signatures with it. */
  readonly sinkSecret?: string | undefined
  /**
   * True where others can reach the port: events are then shown for the admin token only. Without it, a request for
   * localhost is enough, which a page elsewhere cannot make a browser send, but which a program on the network can forge.
   */
  readonly tokenOnly?: boolean
}

/** What `defineConfig` takes. */
export interface Config<D extends string = string, W extends string = string> {
  readonly stream: Stream
  /**
   * Streams that the deployment had before and that may still hold events, such as `qstash()` or `kafka()`: what they bring is
   * appended to `stream`. Take one out once it holds nothing any more. See docs/streams.md.
   */
  readonly earlierStreams?: readonly Stream[]
  readonly sources: Readonly<Record<string, SourceConfig<NoInfer<D | W>>>>
  readonly destinations?: Readonly<Record<D, Route>>
  readonly warehouses?: Readonly<Record<W, WarehouseRoute>>
  /** Writes every accepted event to R2, as gzip NDJSON by hour and source; off when left out, `true` is short for `{}`. */
  readonly archive?: boolean | ArchiveConfig
  readonly trace?: TraceConfig
  readonly admin?: {
    /** Bearer token of `/admin`; without it the admin API answers 404. */
    readonly token?: string | undefined
    /** More of them, by the name of who has each: `GET /admin/actions` says who did what. One without a value opens nothing. */
    readonly tokens?: Readonly<Record<string, string | undefined>>
  }
  /** Serves `/demo` with its own webhook sink; `true` is short for `{}`. Not meant for a deployment. */
  readonly demo?: boolean | DemoConfig
  readonly limits?: {
    /** Bytes of a request body after inflating; default 4,096,000. */
    readonly bodyBytes?: number
    /** Bytes of one event's JSON; default 32,768, at most 524,288. */
    readonly eventBytes?: number
    /** Events in one request; default 5,000. */
    readonly batchEvents?: number
    /** Days that dead letters are kept; default 30. */
    readonly deadLetterDays?: number
    /**
     * Days before its arrival that an event's timestamp may lie; default 3,650. Earlier ones are moved up to it; what they
     * were is in `context.unclampedTimestamp`.
     */
    readonly pastDays?: number
    /** Minutes after its arrival that an event's timestamp may lie; default 60. Later ones are moved back in the same way. */
    readonly futureMinutes?: number
    /** Milliseconds within which events are appended, or else spilled to R2: that begins up to 500 earlier; default 2,000. */
    readonly appendMs?: number
    /**
     * Milliseconds that one call of your own code may take (a transform, `map` and `verify` of a source, `request` of a
     * destination); default 5,000. Past it, its event alone is a dead letter.
     */
    readonly userCodeMs?: number
    /**
     * What becomes of events in front of a destination while `npm start` has suspended one of its transforms, because it never
     * ended; default `wait`. `wait`: they wait in their lane until its code changes. `dead`: they are dead letters.
     */
    readonly suspended?: 'wait' | 'dead'
  }
  /** Where the routes are, so that a site can mount Sluiceway on its own host under names of its own. */
  readonly paths?: {
    /** Put before every route that events use (`/v1/…`, `/beacon/…`, `/pixel/…`, `/sourceConfig`); default none. */
    readonly ingest?: string
    /** Where the browser SDKs are; default `/sdk`. */
    readonly sdk?: string
    /**
     * A second name of `/beacon` that no list of an ad blocker knows, below `ingest`; RudderStack's script uses it where it is
     * served under a `sdk` of its own. Default `/beacon`.
     */
    readonly beacon?: string
  }
}

/** What `defineConfig` gives: the config of an `env`. */
export type ConfigOf = (env: Vars) => Config
