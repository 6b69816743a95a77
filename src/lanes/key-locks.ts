/** What is under way, or waits in memory, of one key. */
interface KeyState<T> {
  /** The group that carries events of this key just now. */
  readonly busy: object
  /** Events that wait for it; undefined while none does. */
  parked: T[] | undefined
}

/**
 * Order per key in memory: says which events may go now and which must wait for a group under way.
 *
 * A key is known here only while something of it is under way.
 */
export class KeyLocks<T> {
  readonly #states = new Map<string, KeyState<T>>()

  /** Takes the key for `group` if nothing of it is under way in another one; parks the item otherwise. */
  take(key: string, item: T, group: object): boolean {
    const state = this.#states.get(key)
    if (state === undefined) this.#states.set(key, { busy: group, parked: undefined })
    else if (state.busy !== group) {
      ;(state.parked ??= []).push(item)
      return false
    }
    return true
  }

  isBusy(key: string): boolean {
    return this.#states.has(key)
  }

  /** Ends the group's hold on a key; returns what was parked meanwhile, in order; undefined when nothing was. */
  release(key: string): readonly T[] | undefined {
    const parked = this.#states.get(key)?.parked
    this.#states.delete(key)
    return parked
  }
}
