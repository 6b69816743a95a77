/** Requests that must fail one after the other, with no success in between, before a destination counts as down. */
const failuresToOpen = 5
const baseMs = 1_000
const capMs = 300_000

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
  probing = false

  /** Notes an answer that shows that the destination works. Returns true when it had been down. */
  succeed(): boolean {
    const was = this.state !== 'closed'
    this.#failures = 0
    this.#opens = 0
    this.state = 'closed'
    this.reason = undefined
    this.probeAt = 0
    this.probing = false
    return was
  }

  /**
   * Notes a failed request (no answer, 5xx, 429) that asked to wait `afterSeconds`. A repeat of an event that failed before
   * says nothing new of the destination while the circuit is closed. Returns true while the circuit is open afterwards.
   */
  fail(
    reason: string,
    at: { readonly now: number; readonly random: number; readonly afterSeconds?: number; readonly repeat?: boolean },
  ): boolean {
    if (this.state === 'closed') {
      if (at.repeat === true) return false
      this.#failures++
      if (this.#failures < failuresToOpen) return false
    }
    this.#open(this.state === 'paused' ? 'paused' : 'open', reason, at.now, at.random, baseMs)
    this.probeAt = Math.max(this.probeAt, at.now + (at.afterSeconds ?? 0) * 1000)
    return true
  }

  /** Notes that the destination refuses everything. */
  pause(reason: string, now: number, random: number): void {
    this.#open('paused', reason, now, random, 30_000)
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

  #open(state: 'open' | 'paused', reason: string, now: number, random: number, base: number): void {
    const wait = Math.min(capMs, base * 2 ** Math.min(this.#opens, 20))
    this.#opens++
    this.state = state
    this.reason = reason
    this.probeAt = now + wait / 2 + (random * wait) / 2
    this.probing = false
  }
}
