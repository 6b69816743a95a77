/** Requests that must fail one after the other, with no success in between, before a destination counts as down. */
const failuresToOpen = 5
/** Failed requests in a row, repeats included, after which a lane says that its destination fails, however few its events are. */
const failuresToTell = 3
/** Different events that must fail for `lastingMs`, with no success between them, where there are too few for `failuresToOpen`. */
const eventsToOpen = 2
const lastingMs = 10_000
/** Different events that must be refused one after the other before it is certain that no event is to blame. */
const refusalsToPause = 5
const baseMs = 1_000
const pausedBaseMs = 30_000
/**
 * The longest wait between two tries of a destination that fails: when it is back, that is known within 15 seconds, or within
 * a twentieth of a long outage, a minute at most.
 */
const probeCapMs = { least: 15_000, share: 1 / 20, most: 60_000 }
const pausedCapMs = 300_000

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
  /** 1 when an event in it was never sent before, else 0. */
  readonly fresh: 0 | 1
  /** True when another event was delivered lately: since these ones were tried last, or within a minute. */
  readonly isContradicted: boolean
}

interface SavedCircuit {
  /** `closed` where the destination fails without being certainly down. */
  readonly state: 'closed' | 'open' | 'paused'
  readonly reason?: string
  readonly probeAt: number
  readonly opens: number
  /** Left out by versions before it was there. */
  readonly refused?: number
  /** Left out by versions before it was there. */
  readonly since?: number
}

/**
 * Decides whether a destination is down as a whole.
 *
 * Closed: requests flow. Open: nothing is sent until the probe is due; then one request goes out, and its outcome closes the
 * circuit or doubles the wait (1 s to 15 s, up to 60 s in a long outage; half of it jitter). It opens when five requests fail
 * in a row, each with an event that had not failed since the last success; or when at least two different events have failed
 * for ten seconds. One event alone never opens it, for it may be to blame: then the circuit stays closed, and `isFailing`.
 * Where fewer than five events have failed, others are tried at once, as below.
 *
 * Paused is open with a reason that may need a person (a refused credential, an address that is gone), and its first wait is
 * 30 s, the longest 300 s. It opens when an event is refused that no delivered event contradicts, or when five different
 * events in a row are. Until these five, the refused events may be to blame: others are tried at once, one after the other,
 * without waiting.
 */
export class Circuit {
  #failures = 0
  /** Failed and refused requests since the last success, repeats included. */
  #streak = 0
  #lastReason: string | undefined
  #since: number | undefined
  /** Different events that failed or were refused since the last success, as far as that matters. */
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
    this.#since = undefined
    this.#refused = 0
    this.#opens = 0
    this.state = 'closed'
    this.reason = undefined
    this.probeAt = 0
    return was
  }

  /**
   * Notes a failed request (no answer, 5xx, 429) that asked to wait `afterSeconds`. A `repeat` of events that failed before
   * says less than one of others; `different` is how many different events failed since the last success. Returns true while
   * the circuit is open afterwards.
   */
  fail(
    reason: string,
    failure: FailedRequest & {
      readonly afterSeconds?: number
      readonly repeat?: boolean
      readonly different?: number
    },
  ): boolean {
    const { now, probe, afterSeconds = 0, repeat = false } = failure
    this.#note(reason, now)
    if (this.state === 'closed') {
      if (!repeat) this.#failures++
      const { different = this.#failures } = failure
      const lasts = this.#streak >= failuresToOpen && now - (this.#since ?? now) >= lastingMs
      if (this.#failures < failuresToOpen && !(lasts && different >= eventsToOpen)) return false
      this.#refused = Math.max(this.#refused, this.#failures, different)
      this.#open('open', reason, failure)
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
    this.#note(reason, refusal.now)
    this.#refused += refusal.fresh
    if (this.state === 'closed' && refusal.isContradicted && this.#refused < refusalsToPause) return false
    if (this.state !== 'paused' || refusal.probe) this.#open('paused', reason, refusal)
    return true
  }

  /** True while it is not closed and the few events that failed may be to blame: others need not wait for a probe's time. */
  get isDoubtful(): boolean {
    return this.state !== 'closed' && this.#refused < refusalsToPause
  }

  /** True while it is closed and nothing has succeeded for some requests: too few different events failed to be certain. */
  get isFailing(): boolean {
    return this.state === 'closed' && this.#streak >= failuresToTell
  }

  /** True while nothing has failed since the last success. */
  get isUntroubled(): boolean {
    return this.#streak === 0
  }

  /** When the first request failed of those after the last success, milliseconds since the epoch; undefined when none did. */
  get since(): number | undefined {
    return this.#since
  }

  /** Different events that were refused since the last success. */
  get refused(): number {
    return this.#refused
  }

  /** The longest wait between two tries while nothing succeeds, in milliseconds. */
  longestWaitMs(now: number): number {
    const { least, share, most } = probeCapMs
    return Math.round(Math.min(most, Math.max(least, (now - (this.#since ?? now)) * share)))
  }

  /** Why requests fail while it is closed, when none has succeeded for some. */
  get trouble(): string | undefined {
    return this.#streak >= failuresToTell ? this.#lastReason : undefined
  }

  /** True when nothing has succeeded for some requests: a success then says that the destination is back. */
  get isTroubled(): boolean {
    return this.state !== 'closed' || this.isFailing
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

  /** What must be stored to go on after a restart; undefined while all is well. */
  save(): string | undefined {
    const { state, probeAt, reason = this.#lastReason } = this
    if (!this.isTroubled) return undefined
    return JSON.stringify({ state, reason, probeAt, opens: this.#opens, refused: this.#refused, since: this.#since })
  }

  static restore(saved: string | undefined): Circuit {
    const circuit = new Circuit()
    if (saved === undefined) return circuit
    const { state, reason, probeAt, opens, refused = refusalsToPause, since } = JSON.parse(saved) as SavedCircuit
    circuit.#since = since
    circuit.#streak = failuresToTell
    circuit.#lastReason = reason
    if (state === 'closed') return circuit
    circuit.state = state
    circuit.reason = reason
    circuit.probeAt = probeAt
    circuit.#opens = opens
    circuit.#refused = refused
    return circuit
  }

  #note(reason: string, now: number): void {
    this.#streak++
    this.#since ??= now
    this.#lastReason = reason
  }

  #open(state: 'open' | 'paused', reason: string, { now, random }: FailedRequest, base?: number): void {
    const [first, cap] = state === 'open' ? [baseMs, this.longestWaitMs(now)] : [base ?? pausedBaseMs, pausedCapMs]
    const wait = Math.min(cap, first * 2 ** Math.min(this.#opens, 20))
    this.#opens++
    this.state = state
    this.reason = reason
    this.probeAt = now + Math.round(wait / 2 + (random * wait) / 2)
  }
}
