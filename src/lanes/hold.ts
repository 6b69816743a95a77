import type { LaneStore } from './lane-store.ts'

/** Who stopped a lane, and when. */
interface Held {
  readonly by: string
  /** Milliseconds since the epoch. */
  readonly at: number
}

/** Whether a person has stopped a lane; stored as `held` in the table `meta`, so that no restart and no deployment forgets it. */
export class Hold {
  readonly #store: LaneStore
  #held: Held | undefined

  constructor(store: LaneStore) {
    this.#store = store
    const stored = store.get('held')
    this.#held = stored === undefined ? undefined : (JSON.parse(stored) as Held)
  }

  get isOn(): boolean {
    return this.#held !== undefined
  }

  /** Since when, milliseconds since the epoch. */
  get since(): number | undefined {
    return this.#held?.at
  }

  get reason(): string | undefined {
    return this.#held === undefined ? undefined : `stopped by ${this.#held.by}`
  }

  /** Stops the lane; one that is stopped stays as it is. */
  begin(held: Held): void {
    if (this.#held !== undefined) return
    this.#held = held
    this.#store.set('held', JSON.stringify(held))
  }

  end(): void {
    if (this.#held === undefined) return
    this.#held = undefined
    this.#store.set('held', undefined)
  }
}
