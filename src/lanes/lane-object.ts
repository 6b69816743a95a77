import type { Bindings, ErasureStatus, LaneRpc, LaneStatus, LaneTrace } from '../core/bindings.ts'
import { Database } from '../storage/database.ts'
import type { DroppedSample } from '../core/dropped.ts'
import type { Port } from '../core/port.ts'
import { Archiver } from './archiver.ts'
import { DeadLetters } from './dead-letters.ts'
import { credentialsOf, KeptCredentials } from './kept-credentials.ts'
import { enlistLane, rememberKind, stagedFilesOf } from './lane-origin.ts'
import { InvocationBudget } from './invocation-budget.ts'
import { JobRunner } from './job-runner.ts'
import { LaneReader } from './lane-reader.ts'
import { quotaOfLane } from './lane-quota.ts'
import { describeLane } from './lane-status.ts'
import { LaneStore } from './lane-store.ts'
import { LaneTimer } from './lane-timer.ts'
import type { LetterDesk } from './letter-calls.ts'
import { LayoutRecord } from './layout-record.ts'
import { endOrphanage, OrphanKeeper } from './orphan-keeper.ts'
import type { Envelope } from '../core/envelope.ts'
import { queueAgain, replayLetter } from './replay-letter.ts'
import { readerOfHistory } from './history-reader.ts'
import { Sender } from './sender.ts'
import type { RemoteCalls } from './sender-pool.ts'
import { Stager } from './stager.ts'
import { StopCalls } from './stop-calls.ts'
import { traceEvent } from './trace-event.ts'
import type { LaneConsumer } from './lane-consumer.ts'
import { edgeTarget, logOf } from '../core/lanes.ts'
import type { Layout } from '../core/layout.ts'
import { createBill } from '../core/billed.ts'
import { reportOf, type TransformCounts } from '../core/transform-counts.ts'
import { flushLog, realPort } from '../platform/real-port.ts'
import type { Target, ResolvedConfig } from '../core/resolved-config.ts'
import type { Offer, Ack, LaneRef } from '../core/inbox.ts'

/** Progress is stored at most so often. */
const checkpointMs = 1_000
/** A lane that will not take more for now tells the log to ask again after so long; it reads by itself before that. */
const quietSeconds = 300

/**
 * The durable delivery queue of one destination (or warehouse) and one partition.
 *
 * Its inbox is a cursor into the log, or, for a stream that only pushes, a small log of its own; both, where the stream of the
 * deployment was another. Layout of the storage: see LaneStore, DeadLetters and LaneReader. The object's name is `<target>:<partition>`; `@edge:0` only keeps the edge's dead
 * letters.
 *
 * ```
 *                       an event has no verdict yet
 *            ┌──────────┐ ───────────────────────► ┌──────────┐
 *            │   idle   │                          │ running  │
 *            └──────────┘ ◄─────────────────────── └──────────┘
 *                           all have their verdict    │    │
 *      requests of different events fail (failing:    │    │  it refuses what it is sent (401, 403, 404, 3xx …)
 *      of one alone), or staging fails                │    │
 *                  ┌──────────────────────────────────┘    └────────┐
 *                  ▼                                                ▼
 *            ┌──────────┐                                     ┌──────────┐
 *            │   down   │   probes: 1 s … 15 s                │  paused  │   probes: 30 s … 300 s, or a person's resume
 *            └──────────┘                                     └──────────┘
 *                  └───────────── a probe succeeds: running ────────┘
 * ```
 *
 * A lane whose target is gone from the config is `orphaned`: see OrphanKeeper.
 *
 * There is one pump: `#changed` starts what can be started, stores progress and sets the next wake-up. Everything else only
 * reports that something has changed.
 */
export class LaneObject extends StopCalls implements LaneRpc {
  protected override readonly desk: LetterDesk
  protected override readonly reader: LaneReader
  readonly #ref: LaneRef
  readonly #resolved: ResolvedConfig
  readonly #target: Target | undefined
  readonly #billed = createBill()
  readonly #store: LaneStore
  readonly #letters: DeadLetters
  readonly #credentials: KeptCredentials
  readonly #consumer: LaneConsumer | undefined
  readonly #sender: Sender | undefined
  /** There while the target is gone from the config. */
  readonly #orphan: OrphanKeeper | undefined
  readonly #kind: LaneStatus['kind']
  #checkpointDue = false
  readonly #timer: LaneTimer
  readonly #budget: InvocationBudget

  constructor(
    ctx: DurableObjectState,
    env: Bindings,
    resolved: ResolvedConfig,
    world: {
      readonly port?: Port
      readonly budget?: InvocationBudget
      /** Begins another invocation that sends for a destination; see RemoteSenderEntrypoint. */
      readonly openSender?: (target: string) => PromiseLike<RemoteCalls>
      /** Takes a letter of the edge in again, as a new event; it is needed in the lane of the edge. */
      readonly replayEdge?: LetterDesk['replayEdge']
      /** Which events of the past the lane's target may get; all when left out. */
      readonly mayReplay?: (envelopes: readonly Envelope[]) => Promise<readonly boolean[]>
    } = {},
  ) {
    super(ctx, env)
    this.#budget = world.budget ?? new InvocationBudget()
    this.#timer = new LaneTimer(ctx.storage, this.#billed, () => this.#changed())
    const spend = (subrequests: number) => this.#budget.spend(subrequests)
    const [, target = '', partition = '0'] = /^(.*):(\d+)$/.exec(ctx.id.name ?? '') ?? []
    this.#ref = { target, partition: Number(partition) }
    this.#resolved = resolved
    this.#target = resolved.targets.get(target)
    const counting = this.#budget.countingPort(world.port ?? realPort)
    const port = { ...counting, ...credentialsOf(this.#target, env.LANE) }
    const db = new Database(ctx.storage.sql, this.#billed)
    this.#store = new LaneStore(db, Date.now())
    this.#letters = new DeadLetters(db, this.#ref)
    const common = { ref: this.#ref, store: this.#store, port, changed: () => this.#changed() }
    this.#kind = target === edgeTarget ? 'edge' : rememberKind(this.#store, this.#target?.kind)
    if (this.#target !== undefined) endOrphanage(this.#store, this.#ref, port)
    else if (target !== edgeTarget)
      this.#consumer = this.#orphan = new OrphanKeeper({ ...common, letters: this.#letters })
    this.#credentials = new KeptCredentials(this.#target, { store: this.#store, port })
    const { openSender } = world
    if (this.#target?.kind === 'destination')
      this.#consumer = this.#sender = new Sender(this.#target, {
        ...common,
        letters: this.#letters,
        userCodeMs: resolved.limits.userCodeMs,
        lanes: resolved.stream.partitions,
        remote: openSender === undefined ? undefined : { open: () => openSender(target), spend },
      })
    const writing = { ...common, bindings: env, billed: this.#billed, spend }
    if (this.#target?.kind === 'warehouse')
      this.#consumer = new Stager(this.#target, {
        ...writing,
        partition: this.#ref.partition,
        deciding: { ref: this.#ref, letters: this.#letters, userCodeMs: resolved.limits.userCodeMs },
      })
    if (this.#target?.kind === 'archive')
      this.#consumer = new Archiver(this.#target, { ...writing, head: () => this.reader.currentHead() })
    this.reader = new LaneReader(db, {
      ...common,
      log: () => logOf({ resolved, bindings: env }, this.#ref.partition),
      isPushed: resolved.stream.log === undefined,
      consumer: this.#consumer,
      bucket: env.BUCKET,
      quotaBytes: quotaOfLane(this.#target, resolved.stream.partitions),
      spend,
    })
    const route = {
      ...common,
      target: this.#target,
      bindings: env,
      letters: this.#letters,
      sender: this.#sender,
      limits: resolved.limits,
      replayEdge: world.replayEdge,
    }
    const waiting = () => this.#sender?.waiting ?? 0
    const replay = (number: number) => {
      // A letter of the edge or of a warehouse is a call or two.
      if (this.#sender === undefined) spend(3)
      return replayLetter(number, route)
    }
    const history = this.#sender && {
      reader: readerOfHistory(this.#ref.partition, { resolved, bindings: env, port, spend }, world.mayReplay),
      queue: (envelope: Envelope) => queueAgain(envelope, -1, route),
    }
    const jobs = new JobRunner({ ...common, letters: this.#letters, replay, waiting, history })
    this.desk = { ...route, jobs, billed: this.#billed }
    void ctx.blockConcurrencyWhile(async () => {
      this.#timer.noteAlarm((await ctx.storage.getAlarm()) ?? undefined)
    })
  }

  async offer(_ref: LaneRef, offer: Offer): Promise<Ack> {
    this.#billed.calls++
    if (this.#consumer === undefined) return { next: offer.head, committed: offer.head }
    this.reader.takeOffer(offer)
    this.#changed()
    return {
      ...this.reader.progress(this.#store.cursor, this.#orphan?.until),
      ...(this.reader.hasRoom ? {} : { afterSeconds: quietSeconds }),
    }
  }

  async push(_ref: LaneRef, text: string): Promise<void> {
    this.#billed.calls++
    this.reader.storePushed(text)
    this.#changed()
    // A queue may bring events of an earlier config. Where this fails they come again, and are known by then.
    const isAsked = this.#target !== undefined && this.#ref.partition < this.#resolved.stream.partitions
    if (!isAsked && this.#kind !== 'edge') await enlistLane(this.env, this.#ref, this.#kind)
  }

  async poke(_ref: LaneRef): Promise<LaneStatus> {
    this.#billed.calls++
    const now = Date.now()
    const expired = this.#letters.expire(now - this.#resolved.limits.deadLetterDays * 86_400_000)
    if (expired > 0) this.#store.count('dead letters expired', expired)
    await this.reader.askForHead()
    if (this.#orphan !== undefined) {
      // The first of a warehouse's lanes speaks for its staging files.
      const asksLoader = this.#kind === 'warehouse' && this.#ref.partition === 0
      this.#orphan.look(this.reader.head, asksLoader ? await stagedFilesOf(this.env, this.#ref.target) : 0)
    }
    this.#changed()
    return this.#status()
  }

  async status(_ref: LaneRef): Promise<LaneStatus> {
    this.#billed.calls++
    if (await this.reader.learnHead()) this.#changed()
    return this.#status()
  }

  async resume(_ref: LaneRef): Promise<LaneStatus> {
    this.#billed.calls++
    await this.reader.learnHead()
    this.#consumer?.resume()
    this.#changed()
    return this.#status()
  }

  async trace(_ref: LaneRef, event: { id: string; source: string; offset?: number }): Promise<LaneTrace> {
    this.#billed.calls++
    return traceEvent(event, {
      ref: this.#ref,
      kind: this.#kind,
      bindings: this.env,
      store: this.#store,
      letters: this.#letters,
      reader: this.reader,
      consumer: this.#consumer,
      sender: this.#sender,
      orphan: this.#orphan,
    })
  }

  async count(
    _ref: LaneRef,
    counters: Readonly<Record<string, number>>,
    dropped: readonly DroppedSample[] = [],
    transforms: readonly TransformCounts[] = [],
  ): Promise<void> {
    this.#billed.calls++
    for (const [name, by] of Object.entries(counters)) this.#store.count(name, by)
    this.#store.dropped.add(dropped)
    this.#store.countTransforms(transforms)
    this.#changed()
  }

  async credentials(_ref: LaneRef, renewing?: { readonly used: string | null }): Promise<string | null> {
    this.#billed.calls++
    return renewing === undefined ? this.#credentials.current() : this.#credentials.renew(renewing.used)
  }

  async erase(_ref: LaneRef, user: Parameters<LaneRpc['erase']>[1]): Promise<ErasureStatus | null> {
    this.#billed.calls++
    return this.#consumer instanceof Archiver ? this.#consumer.erase(user) : null
  }

  async layout(_ref: LaneRef, change: { readonly seen: Layout; readonly kept?: Layout }): Promise<Layout> {
    this.#billed.calls++
    return new LayoutRecord(this.#store).note(change)
  }

  override async alarm(): Promise<void> {
    this.#billed.alarms++
    this.#timer.noteAwake()
    this.#budget.renew()
    // First: a log that does not answer must not keep the lane from what it has.
    this.#changed()
    await this.reader.askForHead()
    this.#changed()
  }

  /** Starts what can be started, and sees to it that progress is stored and the object wakes when something is due. */
  #changed(): void {
    const isSpent = this.#budget.isSpent
    if (!isSpent) {
      this.#consumer?.pump()
      this.reader.readOn()
      this.desk.jobs.pump()
    }
    if (!this.#checkpointDue) {
      this.#checkpointDue = true
      setTimeout(() => this.#checkpoint(), checkpointMs)
    }
    if (isSpent) this.#handOver()
    else for (const due of [this.#consumer?.due(), this.desk.jobs.due()]) this.#timer.wakeAt(due)
  }

  /**
   * Lets everything that is under way come to its end, and has an alarm go on: what an end begins would belong to the same
   * invocation.
   */
  #handOver(): void {
    this.#timer.rest()
    if (this.#consumer?.isBusy === true || this.reader.isBusy || this.desk.jobs.isBusy) return
    this.#timer.handOver()
  }

  #checkpoint(): void {
    this.#checkpointDue = false
    flushLog()
    this.#store.checkpoint(this.#consumer?.committed ?? this.#store.cursor, Date.now())
    this.reader.trim(this.#store.cursor)
  }

  #status(): LaneStatus {
    // What is not stored yet will be in a second.
    const work = this.#consumer
    const transforms = this.#store.transforms.map(reportOf)
    const changedAt = work === undefined || work.position === this.#store.cursor ? this.#store.changedAt : Date.now()
    return describeLane({
      consumer: work,
      reader: this.reader,
      rest: {
        ...this.#ref,
        kind: this.#kind,
        deadLetters: this.#letters.count,
        counters: { ...this.#store.counters },
        ...(transforms.length === 0 ? {} : { transforms }),
        ...(changedAt === undefined ? {} : { changedAt }),
        billed: { ...this.#billed },
      },
    })
  }
}
