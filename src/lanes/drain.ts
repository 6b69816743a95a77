import type { LaneStore } from './lane-store.ts'

/** Who wants a lane empty, since when, and up to where. */
export interface DrainOrder {
  readonly by: string
  /** Milliseconds since the epoch. */
  readonly at: number
  /** The place of the first event that is no longer taken. */
  readonly until: number
}

/**
 * Whether a person wants a lane to deliver all that its stream held at some moment, and nothing newer; stored as `drain` in the
 * table `meta`. See Hold.
 */
export class Drain {
  readonly #store: LaneStore
  #order: DrainOrder | undefined

  constructor(store: LaneStore) {
    this.#store = store
    const stored = store.get('drain')
    this.#order = stored === undefined ? undefined : (JSON.parse(stored) as DrainOrder)
  }

  /** What is wanted; undefined while nothing is. */
  get order(): DrainOrder | undefined {
    return this.#order
  }

  /** False from the place on that nothing is taken of. */
  takes(place: number): boolean {
    return this.#order === undefined || place < this.#order.until
  }

  /** Begins; what has begun stays as it is. */
  begin(order: DrainOrder): void {
    if (this.#order !== undefined) return
    this.#order = order
    this.#store.set('drain', JSON.stringify(order))
  }

  end(): void {
    if (this.#order === undefined) return
    this.#order = undefined
    this.#store.set('drain', undefined)
  }
}
