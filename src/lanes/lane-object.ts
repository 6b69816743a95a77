import { DurableObject } from 'cloudflare:workers'
import type { Bindings, LaneRpc, LettersQuery, LaneStatus, LaneTrace } from '../core/bindings.ts'
import { type NewDeadLetter, type DeadLetter } from '../core/dead-letter.ts'
import { Database } from '../storage/database.ts'
import { type Header, pack } from '../core/envelope.ts'
import { SluicewayError } from '../core/errors.ts'
import { fingerprintOf } from '../storage/fingerprint.ts'
import { frame } from '../storage/frame.ts'
import type { Port } from '../core/port.ts'
import { DeadLetters } from './dead-letters.ts'
import { loadStateOf } from './load-state.ts'
import { InvocationBudget } from './invocation-budget.ts'
import { LaneReader } from './lane-reader.ts'
import { LaneStore, replayBase } from './lane-store.ts'
import { replayedTextOf } from './replayed-text.ts'
import { Sender } from './sender.ts'
import { stageReplayedLetter } from './stage-replayed-letter.ts'
import { Stager } from './stager.ts'
import type { LaneConsumer } from './lane-consumer.ts'
import { edgeTarget } from '../core/lanes.ts'
import { createBill } from '../core/billed.ts'
import { realPort } from '../platform/real-port.ts'
import type { Target, ResolvedConfig } from '../core/resolved-config.ts'
import type { Offer, Ack, LaneRef } from '../core/inbox.ts'

/** Progress is stored at most so often. */
const checkpointMs = 1_000
/** What is due sooner is waited for in memory; anything later wakes the object by its alarm, so that it may sleep. */
const shortWaitMs = 10_000
/** A lane that will not take more for now tells the log to ask again after so long; it reads by itself before that. */
const quietSeconds = 300

/**
 * The durable delivery queue of one destination (or warehouse) and one partition.
 *
 * Its inbox is a cursor into the log, or, for a stream that only pushes, a small log of its own. Layout of the storage: see
 * LaneStore, DeadLetters and LaneReader. The object's name is `<target>:<partition>`; `@edge:0` only keeps the edge's dead
 * letters.
 *
 * ```
 *                       an event has no verdict yet
 *            ┌──────────┐ ───────────────────────► ┌──────────┐
 *            │   idle   │                          │ running  │
 *            └──────────┘ ◄─────────────────────── └──────────┘
 *                           all have their verdict    │    │
 *      5 requests in a row fail, or staging fails     │    │  it refuses what it is sent (401, 403, 404, 3xx …)
 *                  ┌──────────────────────────────────┘    └────────┐
 *                  ▼                                                ▼
 *            ┌──────────┐                                     ┌──────────┐
 *            │   down   │   probes: 1 s … 300 s               │  paused  │   probes: 30 s … 300 s, or a person's resume
 *            └──────────┘                                     └──────────┘
 *                  └───────────── a probe succeeds: running ────────┘
 * ```
 *
 * There is one pump: `#changed` starts what can be started, stores progress and sets the next wake-up. Everything else only
 * reports that something has changed.
 */
export class LaneObject extends DurableObject<Bindings> implements LaneRpc {
  readonly #ref: LaneRef
  readonly #resolved: ResolvedConfig
  readonly #target: Target | undefined
  readonly #billed = createBill()
  readonly #store: LaneStore
  readonly #letters: DeadLetters
  readonly #reader: LaneReader
  readonly #consumer: LaneConsumer | undefined
  readonly #sender: Sender | undefined
  #checkpointDue = false
  #dueTimer: ReturnType<typeof setTimeout> | undefined
  #dueTimerAt = Number.POSITIVE_INFINITY
  #alarmAt: number | undefined
  readonly #budget: InvocationBudget
  /** True from when the budget is spent until an alarm begins a new invocation. */
  #isHandingOver = false

  constructor(
    ctx: DurableObjectState,
    env: Bindings,
    resolved: ResolvedConfig,
    world: { readonly port?: Port; readonly budget?: InvocationBudget } = {},
  ) {
    super(ctx, env)
    this.#budget = world.budget ?? new InvocationBudget()
    const port = this.#budget.countingPort(world.port ?? realPort)
    const spend = (subrequests: number) => this.#budget.spend(subrequests)
    const [, target = '', partition = '0'] = /^(.*):(\d+)$/.exec(ctx.id.name ?? '') ?? []
    this.#ref = { target, partition: Number(partition) }
    this.#resolved = resolved
    this.#target = resolved.targets.get(target)
    const db = new Database(ctx.storage.sql, this.#billed)
    this.#store = new LaneStore(db, Date.now())
    this.#letters = new DeadLetters(db, this.#ref)
    const changed = () => this.#changed()
    const common = { store: this.#store, port, changed }
    if (this.#target?.kind === 'destination')
      this.#consumer = this.#sender = new Sender(this.#target, {
        ...common,
        letters: this.#letters,
        userCodeMs: resolved.limits.userCodeMs,
      })
    if (this.#target?.kind === 'warehouse')
      this.#consumer = new Stager(this.#target, {
        ...common,
        bindings: env,
        billed: this.#billed,
        partition: this.#ref.partition,
        spend,
      })
    this.#reader = new LaneReader(db, {
      ref: this.#ref,
      log: resolved.stream.log?.partition(env, this.#ref.partition),
      consumer: this.#consumer,
      changed,
      spend,
    })
    void ctx.blockConcurrencyWhile(async () => {
      this.#alarmAt = (await ctx.storage.getAlarm()) ?? undefined
    })
  }

  async offer(_ref: LaneRef, offer: Offer): Promise<Ack> {
    this.#billed.calls++
    // A lane whose target is gone from the config needs nothing.
    if (this.#consumer === undefined) return { next: offer.head, committed: offer.head }
    this.#reader.takeOffer(offer)
    this.#changed()
    return {
      next: this.#consumer.position,
      committed: this.#store.cursor,
      ...(this.#consumer.hasCapacity ? {} : { afterSeconds: quietSeconds }),
    }
  }

  async push(_ref: LaneRef, text: string): Promise<void> {
    this.#billed.calls++
    if (this.#consumer === undefined) {
      this.#store.count('dropped: the target is no longer in the config', text.split('\n').length >> 1)
      this.#store.checkpoint(this.#store.cursor, Date.now())
      return
    }
    this.#reader.storePushed(text)
    this.#changed()
  }

  async poke(_ref: LaneRef): Promise<LaneStatus> {
    this.#billed.calls++
    const now = Date.now()
    const expired = this.#letters.expire(now - this.#resolved.limits.deadLetterDays * 86_400_000)
    if (expired > 0) this.#store.count('dead letters expired', expired)
    await this.#reader.askForHead()
    this.#changed()
    return this.#status()
  }

  async status(_ref: LaneRef): Promise<LaneStatus> {
    this.#billed.calls++
    return this.#status()
  }

  async resume(_ref: LaneRef): Promise<LaneStatus> {
    this.#billed.calls++
    this.#consumer?.resume()
    this.#changed()
    return this.#status()
  }

  async trace(_ref: LaneRef, event: { id: string; source: string; offset?: number }): Promise<LaneTrace> {
    this.#billed.calls++
    const { id, source } = event
    const offset = event.offset ?? this.#reader.find(fingerprintOf(source, id))
    const place = { ...event, offset }
    const letter = this.#letters.list({ limit: 1, messageId: id })[0]
    if (letter !== undefined) return { ...this.#ref, status: 'dead', reason: letter.reason, attempts: letter.attempts }
    const row = this.#sender?.rowOf(id)
    if (row !== undefined) {
      const reason = row.due === null ? 'waits behind an earlier event of its key' : row.history.at(-1)?.reason
      return { ...this.#ref, status: 'waiting', ...(reason === undefined ? {} : { reason }), attempts: row.history }
    }
    const load = this.#target?.kind === 'warehouse' ? () => loadStateOf(this.env, this.#ref, place) : undefined
    if (offset === undefined) return { ...this.#ref, status: 'unknown', ...(await load?.()), attempts: [] }
    const attempts = this.#store.attemptsOf(offset)
    const final = this.#sender === undefined ? offset < (this.#consumer?.committed ?? 0) : this.#sender.isFinal(offset)
    if (!final) return { ...this.#ref, status: 'pending', attempts }
    const last = attempts.at(-1)
    if (last?.reason?.startsWith('skip: ') === true)
      return { ...this.#ref, status: 'skip', reason: last.reason.slice('skip: '.length), attempts: [] }
    return { ...this.#ref, status: 'done', ...(await load?.()), attempts }
  }

  async addDeadLetters(_ref: LaneRef, letters: readonly NewDeadLetter[]): Promise<void> {
    this.#billed.calls++
    for (const letter of letters) this.#letters.add(letter, Date.now())
    this.#store.count('dead', letters.length)
    this.#changed()
  }

  async count(_ref: LaneRef, counters: Readonly<Record<string, number>>): Promise<void> {
    this.#billed.calls++
    for (const [name, by] of Object.entries(counters)) this.#store.count(name, by)
    this.#changed()
  }

  async letters(_ref: LaneRef, query: LettersQuery): Promise<DeadLetter[]> {
    this.#billed.calls++
    return this.#letters.list(query)
  }

  async letter(_ref: LaneRef, number: number): Promise<DeadLetter | null> {
    this.#billed.calls++
    return this.#letters.get(number)
  }

  async editDeadLetter(_ref: LaneRef, number: number, event: string): Promise<DeadLetter | null> {
    this.#billed.calls++
    return this.#letters.edit(number, event)
  }

  async replay(_ref: LaneRef, numbers: readonly number[]): Promise<number[]> {
    this.#billed.calls++
    const found: number[] = []
    for (const number of numbers) {
      const letter = this.#letters.getStored(number)
      if (letter === null) continue
      const header: Header = {
        id: letter.messageId,
        key: letter.key,
        source: letter.source,
        receivedAt: letter.receivedAt,
        to: [this.#ref.target],
        facts: {},
      }
      const text = replayedTextOf(letter, this.#resolved.limits)
      const count = Number(this.#store.get('replays') ?? 0) + 1
      this.#store.set('replays', `${count}`)
      if (this.#sender !== undefined)
        this.#sender.replay(replayBase + count, this.#letters.offsetOf(number) ?? -1, header, text)
      else if (this.#target?.kind === 'warehouse')
        await stageReplayedLetter(this.env, this.#ref, {
          name: `replay-${count}`,
          data: frame(pack(header, text).text),
          event: { id: letter.messageId, source: letter.source },
        })
      else
        throw new SluicewayError(
          'conflict',
          this.#ref.target === edgeTarget
            ? 'Letters of the edge are replayed through the edge.'
            : `"${this.#ref.target}" is no longer in the config: put it back to replay, or discard the letters.`,
        )
      this.#letters.remove(number)
      this.#store.count('replayed')
      found.push(number)
    }
    this.#changed()
    return found
  }

  async discard(_ref: LaneRef, numbers: readonly number[]): Promise<number[]> {
    this.#billed.calls++
    const found = numbers.filter((number) => this.#letters.remove(number))
    if (found.length > 0) this.#store.count('discarded', found.length)
    this.#changed()
    return found
  }

  override async alarm(): Promise<void> {
    this.#billed.alarms++
    this.#alarmAt = undefined
    this.#budget.renew()
    this.#isHandingOver = false
    // First: a log that does not answer must not keep the lane from what it has.
    this.#changed()
    await this.#reader.askForHead()
    this.#changed()
  }

  /** Starts what can be started, and sees to it that progress is stored and the object wakes when something is due. */
  #changed(): void {
    const isSpent = this.#budget.isSpent
    if (!isSpent) {
      this.#consumer?.pump()
      this.#reader.readOn()
    }
    if (!this.#checkpointDue) {
      this.#checkpointDue = true
      setTimeout(() => this.#checkpoint(), checkpointMs)
    }
    if (isSpent) this.#handOver()
    else this.#wakeAt(this.#consumer?.due())
  }

  /**
   * Lets everything that is under way come to its end, and has an alarm go on: what an end begins would belong to the same
   * invocation.
   */
  #handOver(): void {
    clearTimeout(this.#dueTimer)
    this.#dueTimerAt = Number.POSITIVE_INFINITY
    if (this.#isHandingOver || this.#consumer?.isBusy === true || this.#reader.isReading) return
    this.#isHandingOver = true
    this.#alarmAt = Date.now()
    this.#billed.rowsWritten++
    void this.ctx.storage.setAlarm(this.#alarmAt)
  }

  #checkpoint(): void {
    this.#checkpointDue = false
    this.#store.checkpoint(this.#consumer?.committed ?? this.#store.cursor, Date.now())
    this.#reader.trim(this.#store.cursor)
  }

  #wakeAt(due: number | undefined): void {
    if (due === undefined) return
    const now = Date.now()
    if (due - now <= shortWaitMs) {
      if (due >= this.#dueTimerAt) return
      clearTimeout(this.#dueTimer)
      this.#dueTimerAt = due
      this.#dueTimer = setTimeout(
        () => {
          this.#dueTimerAt = Number.POSITIVE_INFINITY
          this.#changed()
        },
        Math.max(0, due - now),
      )
    } else if (this.#alarmAt === undefined || this.#alarmAt > due || this.#alarmAt <= now) {
      this.#alarmAt = due
      this.#billed.rowsWritten++
      void this.ctx.storage.setAlarm(due)
    }
  }

  #status(): LaneStatus {
    const work = this.#consumer
    const nextAttemptAt = this.#sender?.due()
    const waiting = this.#sender?.waiting ?? 0
    const unread = work === undefined ? 0 : Math.max(0, this.#reader.head - work.position)
    const held = this.#sender?.held ?? (work === undefined ? 0 : work.position - work.committed)
    const oldest = work?.oldest ?? (unread > 0 ? this.#reader.timeOf(work?.committed ?? 0) : undefined)
    return {
      ...this.#ref,
      kind: this.#target?.kind ?? 'edge',
      state: work?.state ?? 'idle',
      ...(work?.reason === undefined ? {} : { reason: work.reason }),
      depth: unread + held + waiting,
      waiting,
      oldestSeconds: oldest === undefined ? 0 : Math.max(0, Math.round((Date.now() - oldest) / 1000)),
      deadLetters: this.#letters.count,
      counters: { ...this.#store.counters },
      ...(nextAttemptAt === undefined ? {} : { nextAttemptAt }),
      billed: { ...this.#billed },
    }
  }
}
