import type { LaneError, LaneState } from '../core/bindings.ts'
import type { Circuit } from './circuit.ts'
import type { GroupSender } from './group-sender.ts'
import type { Hold } from './hold.ts'
import type { InFlightEvents } from './in-flight-events.ts'
import type { Judge } from './judge.ts'
import type { PlatformWait } from './platform-wait.ts'
import type { RetryQueue } from './retry-queue.ts'

interface SenderParts {
  readonly circuit: Circuit
  readonly hold: Hold
  readonly platform: PlatformWait
  readonly judge: Judge
  readonly retries: RetryQueue
  readonly inFlight: InFlightEvents
  readonly groups: GroupSender
}

/** Says how the sender of a lane is doing, as LaneConsumer wants it told. */
export class SenderHealth {
  readonly #parts: SenderParts

  constructor(parts: SenderParts) {
    this.#parts = parts
  }

  get state(): LaneState {
    const { circuit, hold, retries, inFlight, groups } = this.#parts
    if (hold.isOn) return 'paused'
    if (circuit.state !== 'closed') return circuit.state === 'open' ? 'down' : circuit.state
    if (groups.active === 0 && inFlight.size === 0 && retries.size === 0) return 'idle'
    return circuit.isFailing ? 'failing' : 'running'
  }

  get reason(): string | undefined {
    const { circuit, hold, platform } = this.#parts
    return hold.reason ?? circuit.reason ?? platform.reason ?? circuit.trouble
  }

  get since(): number | undefined {
    const { circuit, hold } = this.#parts
    return hold.since ?? (circuit.isTroubled ? circuit.since : undefined)
  }

  get lastError(): LaneError | undefined {
    const { circuit, judge, retries } = this.#parts
    const { status, at, reason = `HTTP ${status}` } = retries.lastAttempt() ?? {}
    if (at === undefined && !circuit.isTroubled) return undefined
    return judge.lastError ?? (at === undefined ? undefined : { at, reason })
  }

  get oldest(): number | undefined {
    const { retries, inFlight } = this.#parts
    const row = retries.oldest()
    const first = inFlight.lowest?.at
    return row === undefined || first === undefined ? (row ?? first) : Math.min(row, first)
  }
}
