import type { Envelope } from '../core/envelope.ts'
import { reasonOf, SluicewayError } from '../core/errors.ts'
import type { JobOrder, JobStatus } from '../core/jobs.ts'
import type { Port } from '../core/port.ts'
import type { DeadLetters } from './dead-letters.ts'
import { type HistoryPlace, type HistoryReader, unknown } from './history-reader.ts'
import type { LaneStore } from './lane-store.ts'

/** Letters of one step: what else the lane has to do comes between two of them. */
const stepLetters = 100
/** Milliseconds between two steps, and after a failure that time may mend. */
const stepMs = 5
const againMs = 10_000
/** Events of the past that one step queues. */
const stepEvents = 500
/** Events that wait in the lane at most, before more are replayed: those of a backlog stay letters. */
const mostWaiting = 2_000
const holdMs = 250
/** Jobs that are kept, the newest. */
const keptJobs = 50

/**
 * How a job rests in a row: `after` is the last letter that was looked at, `last` the newest when the job began. Of one about
 * history, it is where it goes on.
 */
type StoredJob = JobStatus & HistoryPlace

/** What jobs about history need. */
interface HistoryTools {
  readonly reader: HistoryReader
  /** Queues an event in the lane. */
  readonly queue: (envelope: Envelope) => void
}

interface RunnerOptions {
  readonly store: LaneStore
  readonly letters: DeadLetters
  readonly port: Port
  /** Replays a letter and removes it, in one commit where nothing has to be awaited; false when there is none. */
  readonly replay: (number: number) => Promise<boolean>
  /** What jobs about history need; undefined in lanes of no destination. */
  readonly history?: HistoryTools | undefined
  /** Events of the lane that wait to be sent. */
  readonly waiting: () => number
  readonly changed: () => void
}

/**
 * Replays or discards letters of one lane in the background, oldest first: rows `job_<id>` of `meta`.
 *
 * A letter that was replayed is gone in the same commit, so that a crash at any moment repeats none and forgets none: a job goes on
 * with the letters that are still there. Those that come after its start are left alone, also where a replayed event comes back.
 */
export class JobRunner {
  readonly #options: RunnerOptions
  #jobs: StoredJob[] | undefined
  #active = false
  #nextAt = 0

  constructor(options: RunnerOptions) {
    this.#options = options
  }

  get isBusy(): boolean {
    return this.#active
  }

  /** Begins a job, or says how it is doing where it has begun already. */
  start(order: JobOrder): JobStatus {
    const known = this.#load().find(({ id }) => id === order.id)
    if (known !== undefined) return this.#statusOf(known)
    const { letters, port } = this.#options
    const now = port.now()
    const job: StoredJob = {
      ...order,
      state: 'running',
      done: 0,
      failed: 0,
      startedAt: now,
      after: 0,
      last: letters.last,
      ...(isAboutHistory(order) ? { after: unknown, last: unknown, read: 0 } : {}),
    }
    // Nothing is to be done where there are no letters, and nothing is stored.
    if (job.last === 0) return statusOf({ ...job, state: 'done', endedAt: now })
    this.#put(job)
    this.#options.changed()
    return this.#statusOf(job)
  }

  /** All jobs that are known, oldest first. */
  list(): JobStatus[] {
    return this.#load().map((job) => this.#statusOf(job))
  }

  /** Ends a job after the letters that are under way; null when there is none. */
  cancel(id: string): JobStatus | null {
    const job = this.#load().find((one) => one.id === id)
    if (job === undefined) return null
    if (job.state !== 'running') return statusOf(job)
    const canceled: StoredJob = { ...job, state: 'canceled', endedAt: this.#options.port.now() }
    this.#put(canceled)
    return statusOf(canceled)
  }

  pump(): void {
    const job = this.#running
    if (job === undefined || this.#active || this.#options.port.now() < this.#nextAt) return
    if (this.#isHeld(job)) {
      this.#nextAt = this.#options.port.now() + holdMs
      return
    }
    this.#active = true
    const work = isAboutHistory(job) ? this.#stepHistory(job) : this.#step(job)
    void work
      .catch((error: unknown) => this.#waitFor(job, error))
      .finally(() => {
        this.#active = false
        this.#options.changed()
      })
  }

  /** When it wants to go on, in milliseconds since the epoch. */
  due(): number | undefined {
    return this.#active || this.#running === undefined ? undefined : this.#nextAt
  }

  /** True while too many events wait for more to be queued. */
  #isHeld({ kind }: StoredJob): boolean {
    return (kind === 'replay' || kind === 'replay history') && this.#options.waiting() >= mostWaiting
  }

  /** What people see of a job; why one waits is not stored. */
  #statusOf(job: StoredJob): JobStatus {
    const status = statusOf(job)
    if (job.state !== 'running') return status
    const first = this.#running
    if (first !== undefined && first.id !== job.id)
      return { ...status, reason: `the job ${first.id} of this lane comes first` }
    if (!this.#isHeld(job)) return status
    const reason = `${this.#options.waiting()} events wait in the lane: it goes on once there are fewer than ${mostWaiting}`
    return { ...status, reason }
  }

  get #running(): StoredJob | undefined {
    return this.#load().find(({ state }) => state === 'running')
  }

  async #step(job: StoredJob): Promise<void> {
    const { letters, store, port, replay } = this.#options
    const { filter, last } = job
    let { after, done, failed } = job
    let reason: string | undefined = job.failed > 0 ? job.reason : undefined
    let wait = stepMs
    const { numbers, next } = letters.numbers(filter, { after, last, limit: stepLetters })
    let isWhole = true
    for (const number of numbers) {
      // A replay may have waited: somebody may have canceled the job meanwhile.
      isWhole = this.#isRunning(job.id)
      if (!isWhole) break
      try {
        if (job.kind === 'replay') done += (await replay(number)) ? 1 : 0
        else if (letters.remove(number)) {
          done++
          store.count('discarded')
        }
      } catch (error) {
        reason = reasonOf(error)
        if (!isLasting(error)) {
          wait = againMs
          isWhole = false
          port.log('warn', 'a job waits', { job: job.id, reason })
          break
        }
        failed++
      }
      after = number
    }
    if (isWhole) after = next
    const isOver = isWhole && after >= last
    const current = this.#load().find(({ id }) => id === job.id) ?? job
    const { reason: _, ...rest } = current
    this.#put({
      ...rest,
      after,
      done,
      failed,
      ...(reason === undefined ? {} : { reason }),
      ...(isOver && current.state === 'running' ? { state: 'done', endedAt: port.now() } : {}),
    })
    this.#nextAt = port.now() + wait
  }

  async #stepHistory(job: StoredJob): Promise<void> {
    const { history, port, store } = this.#options
    if (history === undefined) throw new SluicewayError('conflict', 'This lane sends nothing.')
    const most = Math.min(stepEvents, Math.max(1, Math.floor((job.perSecond ?? Infinity) / (job.lanes ?? 1))))
    const step = await history.reader.step(job, most)
    // Somebody may have canceled it meanwhile. From here on nothing is awaited: events and position are one commit.
    const current = this.#load().find(({ id }) => id === job.id)
    if (current?.state !== 'running') return
    if (job.kind === 'replay history')
      for (const envelope of step.matched) {
        history.queue(envelope)
        store.count('replayed')
      }
    const { reason: _, hour: _hour, ...rest } = current
    const now = port.now()
    this.#put({
      ...rest,
      ...step.place,
      read: (current.read ?? 0) + step.read,
      done: current.done + step.matched.length,
      ...(step.isOver ? { state: 'done', endedAt: now } : {}),
    })
    const isBounded = job.kind === 'replay history' && job.perSecond !== undefined
    this.#nextAt = now + (isBounded ? (1_000 * step.matched.length * (job.lanes ?? 1)) / (job.perSecond ?? 1) : stepMs)
  }

  /** Notes why a job could not go on; it is tried again. */
  #waitFor(job: StoredJob, error: unknown): void {
    const reason = reasonOf(error)
    this.#options.port.log('warn', 'a job waits', { job: job.id, reason })
    this.#nextAt = this.#options.port.now() + againMs
    const current = this.#load().find(({ id }) => id === job.id)
    if (current !== undefined) this.#put({ ...current, reason })
  }

  #isRunning(id: string): boolean {
    return this.#load().some((one) => one.id === id && one.state === 'running')
  }

  #load(): StoredJob[] {
    return (this.#jobs ??= this.#options.store
      .named('job_')
      .map((text) => JSON.parse(text) as StoredJob)
      .toSorted((a, b) => a.startedAt - b.startedAt))
  }

  #put(job: StoredJob): void {
    const jobs = this.#load()
    const at = jobs.findIndex(({ id }) => id === job.id)
    if (at < 0) jobs.push(job)
    else jobs[at] = job
    this.#options.store.set(`job_${job.id}`, JSON.stringify(job))
    for (const old of jobs.slice(0, -keptJobs).filter(({ state }) => state !== 'running')) {
      jobs.splice(jobs.indexOf(old), 1)
      this.#options.store.set(`job_${old.id}`, undefined)
    }
  }
}

const isAboutHistory = ({ kind }: Pick<JobOrder, 'kind'>): boolean =>
  kind === 'replay history' || kind === 'count history'

/** Whether time alone does not mend it. */
const isLasting = (error: unknown): boolean =>
  error instanceof SluicewayError && ['bad_request', 'conflict', 'not_found', 'stream_limit'].includes(error.code)

function statusOf({ after: _after, last: _last, hour: _hour, at: _at, ...status }: StoredJob): JobStatus {
  return status
}
