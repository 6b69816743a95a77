/** Requests that must fail one after the other, with no success in between, before a destination counts as down. */
const failuresToOpen = 5
/** Different events that must be refused one after the other before it is certain that no event is to blame. */
const refusalsToPause = 5
const baseMs = 1_000
const pausedBaseMs = 30_000
const capMs = 300_000

/**
 * When a request failed. `probe` is false for one that was under way before the circuit opened, or that went out without
 * waiting for a probe's time: it is no probe's outcome.
 */
interface FailedRequest {
  readonly now: number
  readonly random: number
  readonly probe: boolean
}

/** A request that was answered with a status that may speak of its events, or of the destination. */
interface RefusedRequest extends FailedRequest {
  /** Events in it that were never sent before. */
  readonly fresh: number
  /** True when another event was delivered lately: since these ones were tried last, or within a minute. */
  readonly isContradicted: boolean
}

interface SavedCircuit {
  readonly state: 'open' | 'paused'
  readonly reason?: string
  readonly probeAt: number
  readonly opens: number
  /** Left out by versions before it was there. */
  readonly refused?: number
}

/**
 * Decides whether a destination is down as a whole.
 *
 * Closed: requests flow. Open: nothing is sent until the probe is due; then one request goes out, and its outcome closes the
 * circuit or doubles the wait (1 s to 300 s, half of it jitter).
 *
 * Paused is open with a reason that may need a person (a refused credential, an address that is gone), and its first wait is
 * 30 s. It opens when an event is refused that no delivered event contradicts, or when five different events in a row are.
 * Until these five, the refused events may be to blame: others are tried at once, one after the other, without waiting.
 */
export class Circuit {
  #failures = 0
  /** Failed and refused requests since the last success, repeats included. */
  #streak = 0
  #lastReason: string | undefined
  /** Different events that were refused since the last success. */
  #refused = 0
  #opens = 0
  state: 'closed' | 'open' | 'paused' = 'closed'
  reason: string | undefined
  /** Milliseconds since the epoch; 0 while closed. */
  probeAt = 0
  /** True while a probe is under way. */
  probing = false

  /** Notes an answer that shows that the destination works. Returns true when it had been down. */
  succeed(): boolean {
    const was = this.state !== 'closed'
    this.#failures = 0
    this.#streak = 0
    this.#refused = 0
    this.#opens = 0
    this.state = 'closed'
    this.reason = undefined
    this.probeAt = 0
    return was
  }

  /**
   * Notes a failed request (no answer, 5xx, 429) that asked to wait `afterSeconds`. A repeat of an event that failed before
   * says nothing new of the destination while the circuit is closed. Returns true while the circuit is open afterwards.
   */
  fail(
    reason: string,
    failure: FailedRequest & { readonly afterSeconds?: number; readonly repeat?: boolean },
  ): boolean {
    const { now, probe, afterSeconds = 0, repeat = false } = failure
    this.#streak++
    this.#lastReason = reason
    if (this.state === 'closed') {
      if (repeat) return false
      this.#failures++
      if (this.#failures < failuresToOpen) return false
      this.#open('open', reason, failure, baseMs)
    } else {
      // No event is to blame for a failure: what else could be tried without waiting says no more.
      if (!repeat) this.#refused++
      if (probe) this.#open(this.state, reason, failure, baseMs)
    }
    this.probeAt = Math.max(this.probeAt, now + afterSeconds * 1000)
    return true
  }

  /** Notes a refusal. Returns true while the circuit is paused afterwards. */
  refuse(reason: string, refusal: RefusedRequest): boolean {
    this.#streak++
    this.#lastReason = reason
    this.#refused += refusal.fresh
    if (this.state === 'closed' && refusal.isContradicted && this.#refused < refusalsToPause) return false
    if (this.state !== 'paused' || refusal.probe) this.#open('paused', reason, refusal, pausedBaseMs)
    return true
  }

  /** True while it is paused and the few events that were refused may be to blame: others need not wait for a probe's time. */
  get isDoubtful(): boolean {
    return this.state === 'paused' && this.#refused < refusalsToPause
  }

  /** Different events that were refused since the last success. */
  get refused(): number {
    return this.#refused
  }

  /** Why requests fail while it is closed, when none has succeeded for some. */
  get trouble(): string | undefined {
    return this.#streak >= failuresToOpen ? this.#lastReason : undefined
  }

  /** True when nothing has succeeded for some requests: a success then says that the destination is back. */
  get isTroubled(): boolean {
    return this.state !== 'closed' || this.#streak >= failuresToOpen
  }

  /** Lets the next request out now, whatever is known. */
  resume(now: number): void {
    if (this.state !== 'closed') this.probeAt = now
    this.#opens = 0
  }

  /** True when a request may be sent at `now`: any while closed, one while open and due, or doubtful. */
  admits(now: number): boolean {
    return this.state === 'closed' || (!this.probing && (now >= this.probeAt || this.isDoubtful))
  }

  /** What must be stored to go on after a restart; undefined while closed. */
  save(): string | undefined {
    return this.state === 'closed'
      ? undefined
      : JSON.stringify({
          state: this.state,
          reason: this.reason,
          probeAt: this.probeAt,
          opens: this.#opens,
          refused: this.#refused,
        })
  }

  static restore(saved: string | undefined): Circuit {
    const circuit = new Circuit()
    if (saved !== undefined) {
      const { state, reason, probeAt, opens, refused = refusalsToPause } = JSON.parse(saved) as SavedCircuit
      circuit.state = state
      circuit.reason = reason
      circuit.probeAt = probeAt
      circuit.#opens = opens
      circuit.#refused = refused
    }
    return circuit
  }

  #open(state: 'open' | 'paused', reason: string, { now, random }: FailedRequest, base: number): void {
    const wait = Math.min(capMs, base * 2 ** Math.min(this.#opens, 20))
    this.#opens++
    this.state = state
    this.reason = reason
    this.probeAt = now + Math.round(wait / 2 + (random * wait) / 2)
  }
}
