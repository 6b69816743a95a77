import type { LaneDrain } from '../core/bindings.ts'
import { Drain, type DrainOrder } from './drain.ts'
import type { LaneStore } from './lane-store.ts'

/** Who stopped a lane, and when. */
interface Held {
  readonly by: string
  /** Milliseconds since the epoch. */
  readonly at: number
  /** When it was to be drained, where it stopped because it was; milliseconds since the epoch. */
  readonly drainedSince?: number
  /** True where nobody asked for it: what waits is being given up, and the lane goes on behind that. */
  readonly isPassing?: true
}

/**
 * Whether a person has stopped a lane, or wants it drained; stored as `held` and `drain` in the table `meta`, so that no restart and
 * no deployment forgets it.
 */
export class Hold {
  readonly #store: LaneStore
  readonly #drain: Drain
  #held: Held | undefined

  constructor(store: LaneStore) {
    this.#store = store
    this.#drain = new Drain(store)
    const stored = store.get('held')
    this.#held = stored === undefined ? undefined : (JSON.parse(stored) as Held)
  }

  /** True while nothing is sent. */
  get isOn(): boolean {
    return this.#held !== undefined
  }

  /** Since when, milliseconds since the epoch. */
  get since(): number | undefined {
    return this.#held?.at
  }

  get reason(): string | undefined {
    if (this.#held === undefined) return undefined
    return `${this.#held.drainedSince === undefined ? 'stopped' : 'drained'} by ${this.#held.by}`
  }

  /** False where a drained lane, or one that is drained, takes nothing any more. */
  takes(place: number): boolean {
    return this.#held?.drainedSince === undefined && this.#drain.takes(place)
  }

  /** Stops the lane; one that is stopped stays as it is. */
  begin(held: Held): void {
    if (this.#held !== undefined && this.#held.isPassing !== true) return
    this.#held = held
    this.#store.set('held', JSON.stringify(held))
  }

  /** Stops the lane while what waits in it is given up; in memory only, so that no crash leaves it stopped. */
  beginPassing(by: string, at: number): void {
    this.#held ??= { by, at, isPassing: true }
  }

  /** Keeps it stopped over a restart, until what waits is given up after all, or somebody resumes it. */
  keepPassing(): void {
    if (this.#held?.isPassing === true) this.#store.set('held', JSON.stringify(this.#held))
  }

  /** Lets the lane go on where nobody else has stopped it. */
  endPassing(): void {
    if (this.#held?.isPassing === true) this.end()
  }

  /** Lets the lane go on, as far as a drain lets it. */
  end(): void {
    if (this.#held === undefined) return
    this.#held = undefined
    this.#store.set('held', undefined)
  }

  /** Has the lane drained; one that is stopped goes on for that. */
  drain(order: DrainOrder): void {
    this.#drain.begin(order)
    this.end()
  }

  /** Stops a lane that has delivered all that it was to deliver; returns who wanted that. */
  finishDrain(now: number): string | undefined {
    const { order } = this.#drain
    if (order === undefined || this.isOn) return undefined
    this.#drain.end()
    this.begin({ by: order.by, at: now, drainedSince: order.at })
    return order.by
  }

  /** Forgets that the lane is to be drained. */
  endDrain(): void {
    this.#drain.end()
  }

  /** How far a drain is; undefined without one. `leftBelow` says how many events below a place are to be delivered. */
  progress(leftBelow: (place: number) => number): LaneDrain | undefined {
    const { order } = this.#drain
    if (order !== undefined) return { by: order.by, at: order.at, left: leftBelow(order.until) }
    if (this.#held?.drainedSince === undefined) return undefined
    const { by, at: doneAt, drainedSince: at } = this.#held
    return { by, at, left: 0, doneAt }
  }
}
