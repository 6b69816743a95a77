import type { Attempt } from '../core/dead-letter.ts'
import type { Port } from '../core/port.ts'
import { backoffMs, defaultBackoff } from '../core/retry.ts'
import type { Verdict } from '../core/verdict.ts'
import type { DeadLetters } from './dead-letters.ts'
import type { Outcome, SentRequest } from './deliver.ts'
import type { LaneStore } from './lane-store.ts'
import type { WaitingRow } from './waiting-rows.ts'
import { letterOf } from './letter-of.ts'
import type { RetryQueue } from './retry-queue.ts'
import { mostStrikes } from './refusals.ts'
import type { LaneRef } from '../core/inbox.ts'
import type { InFlightEvent } from './in-flight-events.ts'

/** The longest wait that a destination may ask for (`Retry-After`); a mistyped one must not end delivery for good. */
export const longestWaitSeconds = 86_400
/** Attempts of one event that are kept, the newest. */
const keepAttempts = 50
/**
 * Codes for which an event that no other can be compared with is a dead letter in the end, so that it does not stop its key
 * for good: they speak of single events more often than of the whole. What asks for a credential, or has moved, never is.
 */
const lonelyCodes = new Set(['http_403', 'http_404', 'http_405', 'http_410', 'http_421'])
/** Milliseconds that such an event is tried at least. */
const lonelyMs = 600_000

interface OutcomeRecorderOptions {
  readonly store: LaneStore
  readonly letters: DeadLetters
  readonly waiting: RetryQueue
  readonly port: Port
  readonly ref: LaneRef
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
  /** True when no other event was under way with it. */
  readonly alone: boolean
  /** How often it was refused while other events were delivered. */
  readonly strikes: number
  /** True when it failed again and again while other events were delivered. */
  readonly ownReason: boolean
  /** The longest that it waits while nothing succeeds, in milliseconds; undefined while something does. */
  readonly longestWaitMs: number | undefined
  /** Different events that were refused since the last success. */
  readonly refused: number
}

/** Writes down what became of events: counters, rows, dead letters, attempts. */
export class OutcomeRecorder {
  readonly #options: OutcomeRecorderOptions

  constructor(tools: OutcomeRecorderOptions) {
    this.#options = tools
  }

  /** Carries out an outcome; returns true when the event is to be sent again as it is, without a row. */
  apply(inFlight: InFlightEvent, outcome: Outcome, tried: Tried): boolean {
    const { store, port } = this.#options
    const { verdict } = outcome
    const history = [...(inFlight.row?.history ?? []), ...tried.attempts].slice(-keepAttempts)
    if (verdict.kind === 'dead') this.#addDeadLetter(inFlight, outcome, { reason: verdict.reason, history })
    else if (verdict.kind === 'retry' || verdict.kind === 'pause') {
      const isRefused = verdict.kind === 'pause'
      // While the destination is down events wait as they are; only a probe's event, or one that may be to blame itself, makes
      // way for another. One that was asked to wait keeps its time in a row: the success of another request under way ends the
      // outage, not that wait.
      const needsRow = tried.probe || (isRefused ? tried.alone : (verdict.afterSeconds ?? 0) > 0)
      if (inFlight.row === undefined && tried.down && !needsRow) return true
      const blame = isRefused ? this.#blameOf(outcome, history, tried) : undefined
      if (blame !== undefined)
        this.#addDeadLetter(inFlight, outcome, { reason: `${blame}: ${verdict.reason}`, history })
      else this.#retry(inFlight, outcome, { ...tried, verdict, history })
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

  /** Carries out the outcome `done` of events that have no row. */
  finish(group: readonly InFlightEvent[]): void {
    const { store } = this.#options
    store.count('done', group.length)
    for (const inFlight of group) {
      inFlight.final = true
      store.decisions.delete(inFlight.offset)
    }
  }

  /** Says why a refused event is to blame itself; undefined while the destination may be. */
  #blameOf({ code }: Outcome, history: readonly Attempt[], { strikes, refused, probe }: Tried): string | undefined {
    if (strikes >= mostStrikes) return `refused ${strikes} times while other events were delivered`
    if (!probe || refused > 1 || !lonelyCodes.has(code)) return undefined
    const start = history.findLastIndex(({ status }) => `http_${status}` !== code) + 1
    const first = history[start]
    const isLong = first !== undefined && this.#options.port.now() - first.at >= lonelyMs
    return isLong && history.length - start >= mostStrikes
      ? `refused ${history.length - start} times with no other event to compare it with`
      : undefined
  }

  /** Gives an event of the stream a row, which does not go before `earliest`, also when the destination is back. */
  wait(
    inFlight: InFlightEvent,
    row: Pick<WaitingRow, 'due' | 'attempts' | 'first' | 'history'> = untried,
    earliest = 0,
  ): void {
    const { offset, key, at, envelope } = inFlight
    this.#options.waiting.add(
      { offset, origin: offset, key, id: envelope.id, at, ...row },
      { header: JSON.stringify(envelope.header), event: envelope.text },
      earliest,
    )
    inFlight.final = true
  }

  /** Notes a request so that every event in it can be traced. */
  record(request: SentRequest, group: readonly InFlightEvent[]): void {
    if (request.events.length === 1) {
      const { at, status, ms, reason } = request
      const place = placeOf(group[request.events[0] as number] as InFlightEvent)
      this.#options.store.record({
        from: place,
        to: place,
        at,
        status,
        ms,
        ...(reason === undefined ? {} : { reason }),
      })
      return
    }
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
      strikes,
      ownReason,
      longestWaitMs,
    }: {
      readonly verdict: Extract<Verdict, { kind: 'retry' | 'pause' }>
      readonly history: readonly Attempt[]
    } & Pick<Tried, 'strikes' | 'ownReason' | 'longestWaitMs'>,
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
    // One that is found out about is asked soon again, however long the destination was down before.
    const isOwn = ownReason || strikes > 0
    // While nothing succeeds, it finds out by its own tries whether the destination is back.
    const longest = longestWaitMs === undefined || isOwn ? Number.POSITIVE_INFINITY : longestWaitMs
    const capSeconds = Math.min(defaultBackoff.capSeconds, longest / 1000)
    const wait = backoffMs(strikes || attempts, port.random(), { ...defaultBackoff, capSeconds })
    const due = now + Math.max(asked, wait)
    const earliest = isOwn ? due : asked > 0 ? now + asked : 0
    const change = { due, attempts, first, history: [...history] }
    if (row === undefined) this.wait(inFlight, change, earliest)
    else waiting.update(Object.assign(row, change), earliest)
  }

  #addDeadLetter(
    inFlight: InFlightEvent,
    outcome: Outcome,
    { reason, history }: { readonly reason: string; readonly history: readonly Attempt[] },
  ): void {
    const { store, letters, port } = this.#options
    const { header } = inFlight.envelope
    const { code } = outcome
    letters.add(letterOf(inFlight.envelope, outcome, { reason, history }), port.now(), placeOf(inFlight))
    store.count('dead')
    port.log('error', 'an event is a dead letter', {
      ...this.#options.ref,
      code,
      reason,
      source: header.source,
      messageId: header.id,
    })
    this.#finish(inFlight)
  }

  #finish(inFlight: InFlightEvent): void {
    inFlight.final = true
    this.#options.store.decisions.delete(inFlight.offset)
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
