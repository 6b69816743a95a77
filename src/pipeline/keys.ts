/** What a key's events wait for. */
interface KeyState<Slot> {
  /** The group that carries events of this key just now. */
  busy: object | undefined
  /** Offsets of the key's rows, in order: the first is being retried, the others wait behind it. */
  readonly rows: number[]
  /** Events in memory that wait for the group under way. */
  parked: Slot[]
}

/**
 * Order per key: says which events may go now and which must wait for an earlier one of their key.
 *
 * A key is known here only while something of it is under way, parked, or has a row.
 */
export class Keys<Slot> {
  readonly #states = new Map<string, KeyState<Slot>>()

  /** True when an earlier event of the key has a row: later ones must queue behind it. */
  hasRows(key: string): boolean {
    return (this.#states.get(key)?.rows.length ?? 0) > 0
  }

  /** Takes the key for `group` if nothing of it is under way in another one; parks the slot otherwise. */
  take(key: string, slot: Slot, group: object): boolean {
    const state = this.#states.get(key)
    if (state === undefined) this.#states.set(key, { busy: group, rows: [], parked: [] })
    else if (state.busy === undefined) state.busy = group
    else if (state.busy !== group) {
      state.parked.push(slot)
      return false
    }
    return true
  }

  isBusy(key: string): boolean {
    return this.#states.get(key)?.busy !== undefined
  }

  addRow(key: string, offset: number): void {
    const state = this.#states.get(key)
    if (state === undefined) this.#states.set(key, { busy: undefined, rows: [offset], parked: [] })
    else if (!state.rows.includes(offset)) state.rows.push(offset)
  }

  /** Removes a row; returns the offset of the row that comes next, if the removed one was the first. */
  removeRow(key: string, offset: number): number | undefined {
    const state = this.#states.get(key)
    if (state === undefined) return undefined
    const at = state.rows.indexOf(offset)
    if (at >= 0) state.rows.splice(at, 1)
    return at === 0 ? state.rows[0] : undefined
  }

  /** Ends the group's hold on a key; returns what was parked meanwhile, in order. */
  release(key: string): Slot[] {
    const state = this.#states.get(key)
    if (state === undefined) return []
    const { parked } = state
    state.busy = undefined
    state.parked = []
    if (state.rows.length === 0) this.#states.delete(key)
    return parked
  }
}
