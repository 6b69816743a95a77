/** Requests that must fail one after the other, with no success in between, before a destination counts as down. */
const failuresToOpen = 5
const baseMs = 1_000
const pausedBaseMs = 30_000
const capMs = 300_000

/** When a request failed. `probe` is false for one that was under way before the circuit opened: it is no probe's outcome. */
interface FailedRequest {
  readonly now: number
  readonly random: number
  readonly probe: boolean
}

/**
 * Decides whether a destination is down as a whole.
 *
 * Closed: requests flow. Open: nothing is sent until the probe is due; then one request goes out, and its outcome closes the
 * circuit or doubles the wait (1 s to 300 s, half of it jitter). Paused is open with a reason that needs a person (a refused
 * credential): it opens at once and its first wait is 30 s.
 */
export class Circuit {
  #failures = 0
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
    if (this.state === 'closed') {
      if (repeat) return false
      this.#failures++
      if (this.#failures < failuresToOpen) return false
      this.#open('open', reason, failure, baseMs)
    } else if (probe) this.#open(this.state, reason, failure, baseMs)
    this.probeAt = Math.max(this.probeAt, now + afterSeconds * 1000)
    return true
  }

  /** Notes that the destination refuses everything. */
  pause(reason: string, failure: FailedRequest): void {
    if (this.state !== 'paused' || failure.probe) this.#open('paused', reason, failure, pausedBaseMs)
  }

  /** Lets the next request out now, whatever is known. */
  resume(now: number): void {
    if (this.state !== 'closed') this.probeAt = now
    this.#opens = 0
  }

  /** True when a request may be sent at `now`: any while closed, one while open and due. */
  admits(now: number): boolean {
    return this.state === 'closed' || (!this.probing && now >= this.probeAt)
  }

  /** What must be stored to go on after a restart; undefined while closed. */
  save(): string | undefined {
    return this.state === 'closed'
      ? undefined
      : JSON.stringify({ state: this.state, reason: this.reason, probeAt: this.probeAt, opens: this.#opens })
  }

  static restore(saved: string | undefined): Circuit {
    const circuit = new Circuit()
    if (saved !== undefined) {
      const { state, reason, probeAt, opens } = JSON.parse(saved) as {
        state: 'open' | 'paused'
        reason?: string
        probeAt: number
        opens: number
      }
      circuit.state = state
      circuit.reason = reason
      circuit.probeAt = probeAt
      circuit.#opens = opens
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
