import type { LaneRef } from '../core/inbox.ts'
import type { Port } from '../core/port.ts'
import { backoffMs } from '../core/retry.ts'
import type { Outcome } from './deliver.ts'

/**
 * What a lane waits after a limit of the platform, in seconds: long enough that the alarm wakes it, in an invocation with
 * limits of its own.
 */
const waitOf = { leastSeconds: 15, baseSeconds: 5, capSeconds: 300 }
/** What a lane waits at a time while a transform on its way is suspended: only another start ends that. */
const suspendedMs = 60_000
/** Failures by limits of the platform, with no request between them, after which no longer the lane waits, but each event. */
const patience = 5

/** Makes a lane wait where a limit of the platform, or a transform that is suspended, kept events from being sent. */
export class PlatformWait {
  /** Since the last request that was sent. */
  #failures = 0
  /** Nothing is sent before, milliseconds since the epoch; 0 when nothing is in the way. */
  until = 0
  reason: string | undefined

  /** False once the limits are in the way of single events: these then wait by themselves. */
  get isPatient(): boolean {
    return this.#failures <= patience
  }

  end(): void {
    this.until = 0
  }

  /** Notes that requests were sent, and nothing was in their way. */
  succeed(): void {
    this.#failures = 0
    this.until = 0
    this.reason = undefined
  }

  /** Notes what a delivery came to, with so many requests `sent`. */
  note(
    outcomes: readonly Outcome[],
    sent: number,
    { port, ref }: { readonly port: Port; readonly ref: LaneRef },
  ): void {
    if (sent > 0) this.succeed()
    const suspended = outcomes.find(({ code }) => code === 'suspended')
    if (suspended !== undefined && 'reason' in suspended.verdict) {
      const { reason } = suspended.verdict
      if (reason !== this.reason) port.log('warn', 'a lane waits: a transform is suspended', { ...ref, reason })
      this.reason = reason
      this.until = port.now() + suspendedMs
      return
    }
    const limited = outcomes.find(({ code }) => code === 'platform')
    if (limited === undefined || !('reason' in limited.verdict)) return
    const { leastSeconds, ...backoff } = waitOf
    this.#failures++
    if (!this.isPatient) return
    const { reason } = limited.verdict
    this.reason = reason
    this.until = port.now() + leastSeconds * 1000 + backoffMs(this.#failures, port.random(), backoff)
    port.log('warn', 'a lane waits: a limit of the platform was reached', { ...ref, reason })
  }
}
