import type { ErasureOrder } from './erased-user.ts'
import type { MendedFile, Told, UnreadableFileStatus, UnreadableLines, UnreadableRange } from './unreadable.ts'
import type { Attempt, Cause, DryRun, NewDeadLetter, DeadLetter } from './dead-letter.ts'
import type { RateAnswer, RateLimit } from './rate-limit.ts'
import type { Billed } from './billed.ts'
import type { WarehouseRoute } from './config.ts'
import type { HttpRequest, HttpResponse } from './destination.ts'
import type { Header } from './envelope.ts'
import type { DroppedSample } from './dropped.ts'
import type { Chunk, LaneRef, Inbox } from './inbox.ts'
import type { KafkaRpc } from './stream.ts'
import type { PollerRpc } from './kafka-source.ts'
import type { CatalogRpc, GroupRpc, OffsetReader, TopicRpc } from './topic.ts'
import type { AdminAction, JobOrder, JobStatus, NumberedAction } from './jobs.ts'
import type { Layout } from './layout.ts'
import type { SyncPage, SyncQuery, TableFreshness, WaitingTable } from './sync.ts'
import type { TransformCounts, TransformReport } from './transform-counts.ts'

/** Calls that the `Log` object answers; see streams/log/log-object.ts. */
export interface LogRpc extends Pick<OffsetReader, 'wait' | 'offsetAt'> {
  /**
   * Resolves once durable. `body` is text as written by `pack`, or frames of it (see frame.ts); `prints` holds two 32-bit
   * halves per event (see fingerprint.ts). `since` widens the dedup window back to that time (milliseconds since the epoch).
   */
  readonly append: (
    body: string | Uint8Array,
    prints: Uint32Array,
    since?: number,
  ) => Promise<{ accepted: number; duplicates: number }>
  /** Chunks from `from` on, at most about `bytes` (at least one if there is any), and the head. */
  readonly read: (from: number, bytes: number, lane?: LaneRef) => Promise<{ chunks: Chunk[]; head: number }>
  /** The newest chunks, oldest first, of about `events` events and at most about 8 MB; for live views. */
  readonly tail: (events: number) => Promise<{ chunks: Chunk[]; head: number }>
  /** Where an event with this fingerprint was appended: its offset and the chunk that holds it. */
  readonly find: (print: Uint32Array) => Promise<{ offset: number; chunk: Chunk }[]>
  /**
   * Enforces retention and offers what lanes have not got; called by the sweep. `orphans` are targets that are no longer in
   * the config and have a lane here; null while nobody knows which, so that nothing is forgotten.
   */
  readonly sweep: (orphans?: readonly string[] | null) => Promise<LogStatus>
  readonly status: () => Promise<LogStatus>
}

/** How a partition of the log is doing. */
export interface LogStatus {
  readonly partition: number
  readonly first: number
  readonly head: number
  readonly segments: number
  /** Bytes of the object's database. */
  readonly bytes: number
  readonly duplicates: number
  /** True while R2 holds events for a lane that are past retention. */
  readonly overdue?: true
  readonly billed: Billed
}

/**
 * What a lane does. `failing`: all that it sends fails, and too few different events did to be certain that no event is to
 * blame. `down`: the destination fails as a whole; the lane waits and probes it. `paused`: the destination refuses
 * everything (a credential, an address); a person must look, and the lane probes it seldom; or a person has stopped the lane. `orphaned`:
 * the target is no longer in the config.
 */
export type LaneState = 'idle' | 'running' | 'failing' | 'down' | 'paused' | 'orphaned'

/** Why a request of a lane failed, and when, in milliseconds since the epoch. */
export interface LaneError {
  readonly at: number
  readonly reason: string
}

/** How far a lane is that a person wants drained. */
export interface LaneDrain {
  readonly by: string
  /** When it began, milliseconds since the epoch. */
  readonly at: number
  /** Events that are to be delivered yet; those of other targets count until they are read. */
  readonly left: number
  /** When all was delivered, milliseconds since the epoch; left out until then. */
  readonly doneAt?: number
}

/** How a lane is doing. */
export interface LaneStatus {
  readonly target: string
  readonly partition: number
  readonly kind: 'destination' | 'warehouse' | 'archive' | 'edge'
  readonly state: LaneState
  readonly reason?: string
  /** When it began to fail, milliseconds since the epoch; left out while it does not. */
  readonly since?: number
  /** Of the last attempt that failed; left out when nothing waits. */
  readonly lastError?: LaneError
  /** Events not yet at their final verdict. */
  readonly depth: number
  /** Of these, events with a row of their own (retrying, or waiting behind one of the same key). */
  readonly waiting: number
  /** Seconds since the oldest of them became durable. */
  readonly oldestSeconds: number
  readonly deadLetters: number
  readonly counters: Readonly<Record<string, number>>
  /** What each transform did since the lane was made; left out where none ran. Those of sources are in the lane of the edge. */
  readonly transforms?: readonly TransformReport[]
  /** Milliseconds since the epoch of the next retry or probe. */
  readonly nextAttemptAt?: number
  /** Only of a warehouse, and only as the admin API lists it. */
  readonly load?: LaneLoad
  /** What the undelivered events take that the lane keeps itself; left out where there are none. */
  readonly storage?: LaneStorage
  /** Milliseconds since the epoch of its last progress; left out by a lane that never had any. */
  readonly changedAt?: number
  /** Left out by a lane that nobody wants drained. */
  readonly drain?: LaneDrain
  /** Milliseconds since the epoch at which its target was found to be gone from the config; left out while it is there. */
  readonly orphanedAt?: number
  readonly billed: Billed
}

/** What undelivered events of a lane take, beside those that wait in the log. */
export interface LaneStorage {
  /** About so many bytes of its object: rows of events that failed, and what was pushed. */
  readonly bytes: number
  /** Bytes that they may take: the lane's share of the quota of its target. */
  readonly quota: number
  /** What is in R2 because it was too much; left out where nothing is. */
  readonly spilled?: { readonly objects: number; readonly events: number; readonly bytes: number }
  /** Why a person should look; left out below 80 % of the quota. */
  readonly warning?: string
}

/** How the loading of a warehouse is doing, as its lanes show it: what they have staged is the loader's. */
export type LaneLoad =
  | Pick<LoaderStatus, 'state' | 'stagedFiles' | 'stagedEvents' | 'oldestSeconds' | 'reason' | 'nextAttemptAt'>
  /** The loader did not answer. */
  | { readonly state: 'unavailable' }

/** What a lane gave up. `busy`: nothing, since requests under way did not end in time; it is stopped. */
export interface SkippedLane {
  readonly busy?: true
  /** Events in memory or with a row. */
  readonly events?: number
  /** Places of the stream that were not read, with those of events for other targets. */
  readonly unread?: number
  readonly lane: LaneStatus
}

/** What became of one event in one lane. */
export interface LaneTrace {
  readonly target: string
  readonly partition: number
  /**
   * `staged`: in a staging file of a warehouse that has not been loaded yet. `dropped`: the edge did not take it; only its lane
   * knows, and only of the newest.
   */
  readonly status: 'done' | 'skip' | 'waiting' | 'dead' | 'pending' | 'staged' | 'dropped' | 'not routed' | 'unknown'
  readonly reason?: string
  /** Milliseconds since the epoch at which what is staged is loaded, or that is tried again, at the latest. */
  readonly nextAttemptAt?: number
  /** When it was dropped, milliseconds since the epoch. */
  readonly at?: number
  readonly attempts: readonly Attempt[]
  /** Of a dead one: the id of its letter, its last request and the answer, without secrets. */
  readonly letter?: string
  readonly request?: HttpRequest
  readonly response?: HttpResponse
  /** What the lane would make of the event now; only where that was asked for. */
  readonly preview?: DryRun
}

/** What dead letters must be like; what is left out does not matter. */
export interface LetterFilter {
  readonly stage?: string | undefined
  readonly messageId?: string | undefined
  /** As `Cause` names it. */
  readonly cause?: string | undefined
  /** Name of a track event. */
  readonly event?: string | undefined
  /** Its userId or anonymousId. */
  readonly user?: string | undefined
  /** It became a dead letter then or later, and before `to`; milliseconds since the epoch. */
  readonly from?: number | undefined
  readonly to?: number | undefined
}

/** How the erasure of a user is going, from one partition of the archive or from what waits for a warehouse. */
export interface ErasureStatus {
  readonly isDone: boolean
  /** What it waits for, how far it is, or what it does not do. */
  readonly reason?: string
}

/** Which dead letters of a lane. */
export interface LettersQuery extends LetterFilter {
  readonly before?: number
  readonly limit: number
  readonly length?: number
}

/** Calls that the `Lane` object answers; see lanes/lane-object.ts. */
export interface LaneRpc extends Inbox {
  /** Wakes the lane: recomputes its alarm, reads on. Called by the sweep. */
  readonly poke: (ref: LaneRef) => Promise<LaneStatus>
  readonly status: (ref: LaneRef) => Promise<LaneStatus>
  /** Ends a pause or an open circuit now. */
  readonly resume: (ref: LaneRef) => Promise<LaneStatus>
  /** Stops the lane of a destination until `resume`, over restarts and deployments; null for a lane of any other kind. */
  readonly pause: (ref: LaneRef, by: string) => Promise<LaneStatus | null>
  /**
   * Has the lane of a destination deliver what its stream holds now, take nothing newer, and stop then, until `resume`, over
   * restarts and deployments; null for a lane of any other kind. Rejects where the stream does not say what it holds.
   */
  readonly drain: (ref: LaneRef, by: string) => Promise<LaneStatus | null>
  /**
   * Gives up all that waits in the lane of a destination, what it has not read yet included; the stream keeps it. Durable when it
   * resolves; null for a lane of any other kind.
   */
  readonly skip: (ref: LaneRef, by: string) => Promise<SkippedLane | null>
  /** `offset` is where the log holds the event, when there is a log. */
  readonly trace: (ref: LaneRef, event: { id: string; source: string; offset?: number }) => Promise<LaneTrace>
  /**
   * Stores dead letters that came about elsewhere (edge, loader). Durable when it resolves. Those of a load are stored once: a
   * load may be repeated, and events may be staged twice.
   */
  readonly addDeadLetters: (ref: LaneRef, letters: readonly NewDeadLetter[], isOfLoad?: boolean) => Promise<void>
  /**
   * Adds to the lane's counters, e.g. `{ 'dropped:drop-bots': 2 }`, and to what it knows of transforms, and remembers for traces some of what they count. Stored
   * within a second: a crash may lose that much.
   */
  readonly count: (
    ref: LaneRef,
    counters: Readonly<Record<string, number>>,
    dropped?: readonly DroppedSample[],
    transforms?: readonly TransformCounts[],
  ) => Promise<void>
  /**
   * Newest first, at most `limit` and about `length` (default 8 million) UTF-16 code units of them, at least one if there is any:
   * fewer than `limit` are not the last. `before` is the number of a letter.
   */
  readonly letters: (ref: LaneRef, query: LettersQuery) => Promise<DeadLetter[]>
  readonly letter: (ref: LaneRef, number: number) => Promise<DeadLetter | null>
  /** What the letters have in common, the most frequent first. */
  readonly causes: (ref: LaneRef) => Promise<Cause[]>
  /** The event of a letter as it is stored: JSON, or whatever was sent. Null when there is no such letter. */
  readonly letterText: (ref: LaneRef, number: number) => Promise<string | null>
  /**
   * Replaces the event of a letter. Null when there is no such letter; `changed`, and nothing is done, where its event is not
   * `before` any more, of which the new one was made.
   */
  readonly editDeadLetter: (
    ref: LaneRef,
    number: number,
    event: string,
    before: string,
  ) => Promise<DeadLetter | 'changed' | null>
  /** What would be sent, and what would become of it, if a letter were replayed now; null when there is none. */
  readonly dryRun: (ref: LaneRef, number: number) => Promise<DryRun | null>
  /** What this lane would make of an event now, as `dryRun` says it. */
  readonly preview: (ref: LaneRef, event: { readonly header: Header; readonly text: string }) => Promise<DryRun>
  /** Begins a job in this lane, or says how it is doing. */
  readonly startJob: (ref: LaneRef, order: JobOrder) => Promise<JobStatus>
  /** The jobs that this lane knows, oldest first. */
  readonly jobs: (ref: LaneRef) => Promise<JobStatus[]>
  /** Ends a job; null where this lane does not know it. */
  readonly cancelJob: (ref: LaneRef, id: string) => Promise<JobStatus | null>
  /**
   * Of a lane of the archive: has the events of a user erased that were accepted before `askedAt` (milliseconds since the epoch),
   * or says how that is going; null in any other lane.
   */
  readonly erase: (ref: LaneRef, user: ErasureOrder) => Promise<ErasureStatus | null>
  /** Of the lane of the edge: notes what somebody did with the admin API. */
  readonly noteAction: (ref: LaneRef, action: AdminAction) => Promise<void>
  /** Of the lane of the edge: what was done, newest first. */
  readonly actions: (
    ref: LaneRef,
    query: { readonly before?: number; readonly limit: number },
  ) => Promise<NumberedAction[]>
  /** Queues letters again under their own messageId and removes them; returns the numbers that existed. */
  readonly replay: (ref: LaneRef, numbers: readonly number[]) => Promise<number[]>
  readonly discard: (ref: LaneRef, numbers: readonly number[]) => Promise<number[]>
  /**
   * Of a destination's first lane, which keeps them for all: the credentials that the destination renewed last, null where
   * there are none. With `renewing`, they are renewed first where `used` are still these; rejects where that fails.
   */
  readonly credentials: (ref: LaneRef, renewing?: { readonly used: string | null }) => Promise<string | null>
  /**
   * Of the lane of the edge: notes which objects there are (`seen`), forgets those beyond `kept`, and gives all that may hold
   * something. Durable when it resolves; writes only what is new.
   */
  readonly layout: (ref: LaneRef, change: { readonly seen: Layout; readonly kept?: Layout }) => Promise<Layout>
}

/** One staged file: the frames of some chunks of one partition, one after the other (see frame.ts). */
export interface StagedFile {
  /** R2 key. */
  readonly key: string
  readonly partition: number
  readonly events: number
  readonly bytes: number
  /** The event of a replayed dead letter, which has no offset. */
  readonly replayed?: { readonly id: string; readonly source: string }
}

/** An event that a lane of a warehouse has staged: by its offset, and as it may be in a file of its own when replayed. */
export interface StagedPlaceQuery {
  readonly partition: number
  readonly offset?: number | undefined
  readonly id: string
  readonly source: string
}

/** Whether an event waits for its load. `waits`: in a file that is not loaded. */
export interface StagedAnswer {
  readonly waits: boolean
  /** Why the last load stopped, or the file cannot be loaded. */
  readonly reason?: string
  /** Milliseconds since the epoch; left out when the file was set aside. */
  readonly nextAttemptAt?: number
}

/** Calls that the `Loader` object answers; see loading/loader-object.ts. */
export interface LoaderRpc {
  /** Notes a staged file; repeating it is harmless. Durable when it resolves. */
  readonly register: (warehouse: string, file: StagedFile) => Promise<void>
  /**
   * Loads what is staged, oldest first, until nothing is left or `budgetMs` is used up. Only one runs at a time: a second call
   * gets the report of the first, but with `now` one that fails is run again.
   */
  readonly load: (warehouse: string, options?: LoadOptions) => Promise<LoadReport>
  readonly status: (warehouse: string) => Promise<LoaderStatus>
  /** Whether a file that is not loaded yet holds an event, and when that is tried next. */
  readonly waitsFor: (warehouse: string, event: StagedPlaceQuery) => Promise<StagedAnswer>
  /** What was loaded, newest first. */
  readonly syncs: (warehouse: string, query: SyncQuery) => Promise<SyncPage>
  /** Files that could not be read five times and were set aside, at most 1,000. */
  readonly unreadable: (warehouse: string) => Promise<readonly UnreadableFileStatus[]>
  /** Shows one of them; refuses with `not_found`, as the others do. */
  readonly readUnreadable: (warehouse: string, file: string, range: UnreadableRange) => Promise<Told<UnreadableLines>>
  /** Puts another in its place, which then waits; refuses with `bad_request` or `conflict`. */
  readonly mendUnreadable: (warehouse: string, file: string, text: string) => Promise<Told<MendedFile>>
  /** The next load takes it. */
  readonly reloadUnreadable: (warehouse: string, file: string) => Promise<Told<null>>
  /** Has a user's events left out of what is loaded from now on; `done` once no file waits that may have some. */
  readonly erase: (warehouse: string, user: ErasureOrder) => Promise<ErasureStatus>
  /** The next load deletes its object. */
  readonly discardUnreadable: (warehouse: string, file: string) => Promise<Told<UnreadableFileStatus>>
}

/** How a loader is to run. */
export interface LoadOptions {
  /** Milliseconds after which nothing is begun. */
  readonly budgetMs?: number
  /** True to load all that is staged at once, whatever the schedule says, and though it waits after a failure. */
  readonly now?: boolean
  /** Of tables whose rows wait, the one that is tried at once, or all; nothing else is loaded then. */
  readonly retry?: { readonly table?: string | undefined }
}

/** What one run of a loader did; `error` when it stopped before its end. */
export interface LoadReport {
  readonly files: number
  readonly events: number
  readonly rows: number
  /** Rows of `rudder_discards`: values that did not fit, and rows that were refused. */
  readonly discards: number
  /** Events of erased users, which were left out; left out where there are none. */
  readonly erased?: number | undefined
  readonly error?: string
  /** True where the time, or the calls, of the invocation were used up before all was loaded: the next call goes on. */
  readonly isUnfinished?: true
}

/**
 * What a loader does. `idle`: all is loaded. `staged`: files wait for their turn. `failing`: loads fail, for a reason that time
 * does not mend or for longer than 90 s, a table refuses rows for longer than that, or files were set aside. `behind`: files wait
 * for longer than two turns, the exclude window and 300 s.
 */
export type LoaderState = 'idle' | 'staged' | 'failing' | 'behind'

/** Loads that fail, one after the other. */
export interface LoadFailure {
  /** Milliseconds since the epoch of the first of them. */
  readonly since: number
  /** Of the last one. */
  readonly reason: string
  /** Whether the last one is of the kind that time does not mend: a password, a right, a database that is not there. */
  readonly lasting: boolean
}

/** How the loading of a warehouse is doing. */
export interface LoaderStatus {
  readonly warehouse: string
  readonly state: LoaderState
  /** Why loads fail or failed last; left out when all is well. */
  readonly reason?: string
  readonly stagedFiles: number
  readonly stagedEvents: number
  readonly oldestSeconds: number
  /** Keys of files that could not be read five times: they were set aside, their objects are kept. */
  readonly stuckFiles: readonly string[]
  /** Milliseconds since the epoch at which the schedule loads what is staged, or tries a table; left out when nothing waits. */
  readonly nextAttemptAt?: number
  /** When it is loaded; `nextSyncAt` in milliseconds since the epoch. Left out when it is not in the config. */
  readonly schedule?: Pick<WarehouseRoute, 'syncStartAt' | 'excludeWindow'> & {
    readonly everyMinutes: number
    readonly nextSyncAt: number
  }
  /** When the load began that is running, milliseconds since the epoch. */
  readonly runningSince?: number
  /** Left out when the last load did not fail. */
  readonly failure?: LoadFailure
  readonly lastLoad?: LoadReport & { readonly at: number; readonly ms: number }
  /** Tables that refuse rows, which wait for them. */
  readonly waitingTables: readonly WaitingTable[]
  /** What was loaded, by table. */
  readonly freshness: Readonly<Record<string, TableFreshness>>
  readonly tables: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly billed: Billed
}

/** A user who is to be deleted at destinations, with what else is known by which a vendor may know the user. */
export interface UserToDelete {
  readonly kind: 'userId' | 'anonymousId'
  readonly id: string
  readonly email?: string | undefined
  readonly phone?: string | undefined
}

/** What became of deleting a user at a destination. */
export interface Deletion {
  readonly destination: string
  readonly kind: 'userId' | 'anonymousId'
  readonly id: string
  /** `unsupported`: the vendor has no way to do it. `failed`: it is not tried any more, until it is asked for again. */
  readonly state: 'waiting' | 'done' | 'failed' | 'unsupported'
  /** Milliseconds since the epoch, as are the other times: when it was asked for. */
  readonly askedAt: number
  readonly attempts: number
  /** Of the last attempt. */
  readonly at?: number
  /** While it waits. */
  readonly nextAttemptAt?: number
  readonly reason?: string | undefined
}

/** A user whose events are not taken any more. */
export interface Suppressed {
  /** Which id of an event is compared. */
  readonly kind: 'userId' | 'anonymousId'
  readonly id: string
  /** Milliseconds since the epoch at which it was added. */
  readonly at: number
}

/** Calls that the `Suppression` object answers; see admission/suppression-object.ts. The only one is named `all`. */
export interface SuppressionRpc {
  /** Adds; repeating it is harmless. Durable when it resolves. */
  readonly add: (users: readonly Pick<Suppressed, 'kind' | 'id'>[]) => Promise<void>
  /** Removes; returns how many were there. */
  readonly remove: (users: readonly Pick<Suppressed, 'kind' | 'id'>[]) => Promise<number>
  /** In order of `<kind>:<id>`, from the one after `after` on. */
  readonly list: (query: { readonly after?: string; readonly limit: number }) => Promise<Suppressed[]>
  /** Those of the users that are on the list. */
  readonly find: (users: readonly Pick<Suppressed, 'kind' | 'id'>[]) => Promise<Suppressed[]>
  /** Has users deleted at destinations; tells what is known at once. Durable when it resolves. */
  readonly deleteAt: (users: readonly UserToDelete[], destinations: readonly string[]) => Promise<Deletion[]>
  /** Deletions in order of `<destination>:<kind>:<id>`, from the one after `after` on. */
  readonly deletions: (query: { readonly after?: string; readonly limit: number }) => Promise<Deletion[]>
  /** Fingerprints (two 32-bit halves each, see fingerprint.ts) of all `<kind>`, `<id>`; null when `version` is still right. */
  readonly snapshot: (version: number | undefined) => Promise<{ version: number; prints: Uint32Array } | null>
}

/** Calls that the `RateLimiter` object answers; see admission/rate-limiter-object.ts. One for each source. */
export interface RateLimiterRpc {
  readonly take: (events: number, rate: Required<RateLimit>) => Promise<RateAnswer>
}

/** Calls that the `Identity` object answers; see sources/identity-object.ts. One for each webhook source. */
export interface IdentityRpc {
  readonly get: (key: string) => Promise<string | null>
  readonly set: (key: string, value: string, seconds: number) => Promise<void>
}

interface Namespace<Rpc> {
  /** `locationHint` says near which region an object is placed when it is first named. */
  readonly getByName: (name: string, options?: { readonly locationHint?: DurableObjectLocationHint }) => Rpc
}

/** What wrangler.toml binds. Objects are named `<target>:<partition>` (LANE), `<partition>` (LOG), `<warehouse>` (LOADER),
 * `all` (SUPPRESSION, CATALOG), `<source>` (RATE, IDENTITY, POLLER), `<topic>:<partition>` (TOPIC), `<group>` (GROUP), `<partition>` (KAFKA). */
export interface Bindings {
  readonly LOG: Namespace<LogRpc>
  readonly LANE: Namespace<LaneRpc>
  readonly LOADER: Namespace<LoaderRpc>
  readonly SUPPRESSION: Namespace<SuppressionRpc>
  readonly RATE: Namespace<RateLimiterRpc>
  readonly IDENTITY: Namespace<IdentityRpc>
  readonly TOPIC: Namespace<TopicRpc>
  readonly GROUP: Namespace<GroupRpc>
  readonly CATALOG: Namespace<CatalogRpc>
  readonly KAFKA: Namespace<KafkaRpc>
  readonly POLLER: Namespace<PollerRpc>
  readonly BUCKET: R2Bucket
  readonly DB: D1Database
  readonly EVENTS: Queue<string>
  readonly ASSETS?: Fetcher
  /** The way to destinations, from the local server: there, the fetch of a Worker takes a detour of twice its cost. */
  readonly OUTBOUND?: Fetcher
  /** JSON of `Positions`, from the local server; a deployment has it among the assets. */
  readonly POSITIONS?: string
  /** JSON of `Watching`, from the local server; see platform/watched-transforms.ts. */
  readonly WATCH_TRANSFORMS?: string
}
