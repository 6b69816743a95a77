import type { LaneStore, StoredRow, WaitingRow } from './lane-store.ts'

/** Rows of one key: offsets in order, of which those before `start` are gone. */
interface Line {
  offsets: number[]
  start: number
}

interface Head {
  readonly key: string
  due: number
}

/**
 * The lane's rows: events that are retried, and later ones of the same key behind them.
 *
 * Memory holds an offset of each, and when the first of each key (its head) is due; the rest is in the store. A key's rows
 * are in the order of their offsets, so that a replayed letter comes behind the events of the stream.
 */
export class RetryQueue {
  readonly #store: LaneStore
  readonly #lines = new Map<string, Line>()
  readonly #heads = new Map<number, Head>()
  #size = 0

  constructor(store: LaneStore) {
    this.#store = store
    for (let after = -1; ;) {
      const places = store.waitingPlaces(after)
      for (const { offset, key, due } of places) this.#enlist(offset, key, due)
      const last = places.at(-1)
      if (last === undefined) break
      after = last.offset
    }
  }

  get size(): number {
    return this.#size
  }

  has(key: string): boolean {
    // Asked for every event, and most of the time there is no row at all.
    return this.#size > 0 && this.#lines.has(key)
  }

  add(row: WaitingRow, text: { readonly header: string; readonly event: string }): void {
    this.#store.putWaiting(row, text.header, text.event)
    this.#enlist(row.offset, row.key, row.due)
  }

  /** Stores what has become of a row's attempt. */
  update(row: WaitingRow): void {
    this.#store.updateWaiting(row)
    const head = this.#heads.get(row.offset)
    if (head !== undefined) head.due = row.due ?? 0
  }

  /** Removes a row; the next of its key is due at once, unless it has a time of its own. */
  remove({ offset, key }: WaitingRow): void {
    this.#store.deleteWaiting(offset)
    const line = this.#lines.get(key)
    if (line === undefined) return
    this.#size--
    if (!this.#heads.delete(offset)) {
      line.offsets.splice(line.offsets.indexOf(offset), 1)
      return
    }
    line.start++
    if (line.start > 1024 && line.start * 2 > line.offsets.length) {
      line.offsets = line.offsets.slice(line.start)
      line.start = 0
    }
    const next = line.offsets[line.start]
    if (next === undefined) this.#lines.delete(key)
    else this.#heads.set(next, { key, due: this.#store.waiting(next)?.due ?? 0 })
  }

  /** The rows that are due at `now`, heads of their keys, of keys that are `free`; longest known first. */
  *due(now: number, free: (key: string) => boolean): Generator<StoredRow> {
    for (const [offset, head] of this.#heads) {
      if (head.due > now || !free(head.key)) continue
      const row = this.#store.waiting(offset)
      if (row !== undefined) yield row
    }
  }

  /** When the next head of a `free` key is due, in milliseconds since the epoch. */
  soonest(free: (key: string) => boolean): number | undefined {
    let due: number | undefined
    for (const head of this.#heads.values()) if ((due === undefined || head.due < due) && free(head.key)) due = head.due
    return due
  }

  /** Makes every head due at once. */
  retryNow(): void {
    for (const head of this.#heads.values()) head.due = 0
  }

  /** The row of an event, with `due` null while it waits behind another of its key. */
  find(id: string): WaitingRow | undefined {
    const row = this.#store.waitingById(id)
    return row === undefined ? undefined : { ...row, due: this.#heads.get(row.offset)?.due ?? null }
  }

  /** When the oldest of the rows became durable in the stream. */
  oldest(): number | undefined {
    return this.#store.oldestWaiting()
  }

  #enlist(offset: number, key: string, due: number | null): void {
    this.#size++
    const line = this.#lines.get(key)
    if (line === undefined) {
      this.#lines.set(key, { offsets: [offset], start: 0 })
      this.#heads.set(offset, { key, due: due ?? 0 })
      return
    }
    let place = line.offsets.length
    while (place > line.start && (line.offsets[place - 1] as number) > offset) place--
    line.offsets.splice(place, 0, offset)
    if (place > line.start) return
    this.#heads.delete(line.offsets[place + 1] as number)
    this.#heads.set(offset, { key, due: due ?? 0 })
  }
}
