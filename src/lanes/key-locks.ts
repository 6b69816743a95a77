/** What is under way, or waits in memory, of one key. */
interface KeyState<Event> {
  /** The group that carries events of this key just now. */
  readonly busy: object
  /** Events that wait for it. */
  readonly parked: Event[]
}

/**
 * Order per key in memory: says which events may go now and which must wait for a group under way.
 *
 * A key is known here only while something of it is under way.
 */
export class KeyLocks<Event> {
  readonly #states = new Map<string, KeyState<Event>>()

  /** Takes the key for `group` if nothing of it is under way in another one; parks the inFlight otherwise. */
  take(key: string, inFlight: Event, group: object): boolean {
    const state = this.#states.get(key)
    if (state === undefined) this.#states.set(key, { busy: group, parked: [] })
    else if (state.busy !== group) {
      state.parked.push(inFlight)
      return false
    }
    return true
  }

  isBusy(key: string): boolean {
    return this.#states.has(key)
  }

  /** Ends the group's hold on a key; returns what was parked meanwhile, in order. */
  release(key: string): readonly Event[] {
    const parked = this.#states.get(key)?.parked ?? []
    this.#states.delete(key)
    return parked
  }
}
