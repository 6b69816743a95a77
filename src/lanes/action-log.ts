import type { AdminAction, NumberedAction } from '../core/jobs.ts'
import type { LaneStore } from './lane-store.ts'

/** Actions that are kept, the newest. */
const kept = 2_000

/** What was done with the admin API: rows `action_<n>` of `meta` in the lane of the edge, and `actions`, the number of the last. */
export class ActionLog {
  readonly #store: Pick<LaneStore, 'get' | 'set'>

  constructor(store: Pick<LaneStore, 'get' | 'set'>) {
    this.#store = store
  }

  add(action: AdminAction): void {
    const number = this.#last + 1
    this.#store.set('actions', `${number}`)
    this.#store.set(`action_${number}`, JSON.stringify(action))
    this.#store.set(`action_${number - kept}`, undefined)
  }

  /** Newest first, from below `before` on. */
  list({ before = Infinity, limit }: { readonly before?: number; readonly limit: number }): NumberedAction[] {
    const found: NumberedAction[] = []
    for (let number = Math.min(this.#last, before - 1); number > 0 && found.length < limit; number--) {
      const row = this.#store.get(`action_${number}`)
      if (row === undefined) break
      found.push({ ...(JSON.parse(row) as AdminAction), number })
    }
    return found
  }

  get #last(): number {
    return Number(this.#store.get('actions') ?? 0)
  }
}
