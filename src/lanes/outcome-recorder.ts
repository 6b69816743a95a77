import type { Attempt } from '../core/dead-letter.ts'
import type { Port } from '../core/port.ts'
import { backoffMs } from '../core/retry.ts'
import type { Verdict } from '../core/verdict.ts'
import type { DeadLetters } from './dead-letters.ts'
import type { Outcome, SentRequest } from './deliver.ts'
import type { LaneStore, WaitingRow } from './lane-store.ts'
import type { RetryQueue } from './retry-queue.ts'
import type { InFlightEvent } from './in-flight-events.ts'

/** The longest wait that a destination may ask for (`Retry-After`); a mistyped one must not end delivery for good. */
export const longestWaitSeconds = 86_400
/** Attempts of one event that are kept, the newest. */
const keepAttempts = 50

interface OutcomeRecorderOptions {
  readonly store: LaneStore
  readonly letters: DeadLetters
  readonly waiting: RetryQueue
  readonly port: Port
  /** How long an event is retried before it is a dead letter. */
  readonly retryDays: number
}

/** How an event's outcome came about. */
interface Tried {
  /** The requests that carried it, in this delivery. */
  readonly attempts: readonly Attempt[]
  /** True when it was sent to find out whether the destination is up. */
  readonly probe: boolean
  /** True while the destination is down as a whole. */
  readonly down: boolean
}

/** Writes down what became of events: counters, rows, dead letters, attempts. */
export class OutcomeRecorder {
  readonly #options: OutcomeRecorderOptions

  constructor(tools: OutcomeRecorderOptions) {
    this.#options = tools
  }

  /** Carries out a outcome; returns true when the event is to be sent again as it is, without a row. */
  apply(inFlight: InFlightEvent, outcome: Outcome, tried: Tried): boolean {
    const { store, port } = this.#options
    const { verdict } = outcome
    const history = [...(inFlight.row?.history ?? []), ...tried.attempts].slice(-keepAttempts)
    if (verdict.kind === 'dead') this.#addDeadLetter(inFlight, outcome, { reason: verdict.reason, history })
    else if (verdict.kind === 'retry' || verdict.kind === 'pause') {
      // While the destination is down events wait as they are; only a probe's event makes way for another.
      if (inFlight.row === undefined && tried.down && !tried.probe) return true
      this.#retry(inFlight, outcome, { verdict, history })
    } else {
      store.count(verdict.kind === 'done' ? 'done' : `skip: ${verdict.reason}`)
      // The row goes, and a crash may have taken requests that no checkpoint held: its attempts stay traceable.
      const place = placeOf(inFlight)
      for (const attempt of inFlight.row?.history ?? []) store.record({ from: place, to: place, ...attempt })
      if (verdict.kind === 'skip') store.recordSkip(placeOf(inFlight), port.now(), verdict.reason)
      this.#finish(inFlight)
    }
    return false
  }

  /** Gives an event of the stream a row. */
  wait(inFlight: InFlightEvent, row: Pick<WaitingRow, 'due' | 'attempts' | 'first' | 'history'> = untried): void {
    const { offset, key, at, envelope } = inFlight
    this.#options.waiting.add(
      { offset, origin: offset, key, id: envelope.id, at, ...row },
      { header: JSON.stringify(envelope.header), event: envelope.text },
    )
    inFlight.final = true
  }

  /** Notes a request so that every event in it can be traced. */
  record(request: SentRequest, group: readonly InFlightEvent[]): void {
    const places = request.events.map((i) => placeOf(group[i] as InFlightEvent))
    const from = Math.min(...places)
    const to = Math.max(...places)
    const dense = to - from + 1 === places.length
    this.#options.store.record({ from, to, ...toAttempt(request), ...(dense ? {} : { only: places }) })
  }

  #retry(
    inFlight: InFlightEvent,
    outcome: Outcome,
    {
      verdict,
      history,
    }: { readonly verdict: Extract<Verdict, { kind: 'retry' | 'pause' }>; readonly history: readonly Attempt[] },
  ): void {
    const { store, waiting, port, retryDays } = this.#options
    const { row } = inFlight
    if (row === undefined && outcome.code === 'held') return this.wait(inFlight)
    store.count('retry')
    const now = port.now()
    const first = row?.first || now
    if (now - first >= retryDays * 86_400_000)
      return this.#addDeadLetter(inFlight, outcome, {
        reason: `not delivered within ${retryDays} days: ${verdict.reason}`,
        history,
      })
    const attempts = (row?.attempts ?? 0) + 1
    const asked = verdict.kind === 'retry' ? Math.min(verdict.afterSeconds ?? 0, longestWaitSeconds) * 1000 : 0
    const due = now + Math.max(asked, backoffMs(attempts, port.random()))
    const change = { due, attempts, first, history: [...history] }
    if (row === undefined) this.wait(inFlight, change)
    else waiting.update(Object.assign(row, change))
  }

  #addDeadLetter(
    inFlight: InFlightEvent,
    { code, detail }: Outcome,
    { reason, history }: { readonly reason: string; readonly history: readonly Attempt[] },
  ): void {
    const { store, letters, port } = this.#options
    const { header, text } = inFlight.envelope
    letters.add(
      {
        stage: code === 'transform_failed' ? 'transform' : 'delivery',
        messageId: header.id,
        source: header.source,
        key: header.key,
        reason,
        code,
        ...(detail === undefined ? {} : { detail }),
        receivedAt: header.receivedAt,
        event: text,
        attempts: history,
      },
      port.now(),
      placeOf(inFlight),
    )
    store.count('dead')
    this.#finish(inFlight)
  }

  #finish(inFlight: InFlightEvent): void {
    inFlight.final = true
    if (inFlight.row !== undefined) this.#options.waiting.remove(inFlight.row)
  }
}

const untried = { due: null, attempts: 0, first: 0, history: [] }

/** Where the stream holds an event, or -1. */
const placeOf = ({ row, offset }: InFlightEvent): number => (row === undefined ? offset : row.origin)

/** The part of a request's record that is an attempt of each event in it. */
export const toAttempt = ({ at, status, ms, reason }: Attempt): Attempt => ({
  at,
  status,
  ms,
  ...(reason === undefined ? {} : { reason }),
})
