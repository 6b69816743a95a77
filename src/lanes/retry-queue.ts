import type { Attempt } from '../core/dead-letter.ts'
import type { LaneStore, RowPlace, StoredRow, WaitingRow } from './lane-store.ts'

/** Rows of one key: offsets in order, of which those before `start` are gone. */
interface Line {
  offsets: number[]
  start: number
}

interface Head {
  readonly key: string
  due: number
  /** Not before, also when the destination is back. Milliseconds since the epoch. */
  earliest: number
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
      for (const place of places) this.#enlist(place.offset, headOf(place))
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

  /** Adds a row that does not go before `earliest`, also when the destination is back (milliseconds since the epoch). */
  add(row: WaitingRow, text: { readonly header: string; readonly event: string }, earliest = 0): void {
    this.#store.putWaiting(row, text, earliest)
    this.#enlist(row.offset, { key: row.key, due: row.due ?? 0, earliest })
  }

  /** Stores what has become of a row's attempt; `earliest` as in `add`. */
  update(row: WaitingRow, earliest = 0): void {
    this.#store.updateWaiting(row, earliest)
    const head = this.#heads.get(row.offset)
    if (head !== undefined) Object.assign(head, { due: row.due ?? 0, earliest })
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
    else this.#heads.set(next, headOf(this.#store.waitingPlace(next) ?? { key, due: 0, earliest: 0 }))
  }

  /** The rows that are due at `now`, heads of their keys, of keys that are `free`; longest known first. */
  *due(now: number, free: (key: string) => boolean): Generator<StoredRow> {
    for (const [offset, head] of this.#heads) {
      if (head.due > now || !free(head.key)) continue
      const row = this.#store.waiting(offset)
      if (row !== undefined) yield row
    }
  }

  /**
   * The row that leads a probe: of those that may go when the destination is back, the one whose time comes or came first, so
   * that one that was just tried comes last.
   */
  nextProbe(now: number, free: (key: string) => boolean): StoredRow | undefined {
    let first: [offset: number, due: number] | undefined
    for (const [offset, { key, due, earliest }] of this.#heads)
      if (earliest <= now && (first === undefined || due < first[1]) && free(key)) first = [offset, due]
    return first === undefined ? undefined : this.#store.waiting(first[0])
  }

  /** When the next head of a `free` key is due, in milliseconds since the epoch. */
  soonest(free: (key: string) => boolean): number | undefined {
    return this.#lowest('due', free)
  }

  /** When the next head of a `free` key may lead a probe, in milliseconds since the epoch. */
  soonestProbe(free: (key: string) => boolean): number | undefined {
    return this.#lowest('earliest', free)
  }

  #lowest(time: 'due' | 'earliest', free: (key: string) => boolean): number | undefined {
    let lowest: number | undefined
    for (const head of this.#heads.values())
      if ((lowest === undefined || head[time] < lowest) && free(head.key)) lowest = head[time]
    return lowest
  }

  /** Makes every row due at once, whatever was asked for: a person says so. */
  retryNow(): void {
    this.#store.waitNoMore()
    for (const head of this.#heads.values()) Object.assign(head, { due: 0, earliest: 0 })
  }

  /** Ends every wait but for what was asked for, or is a row's own: the destination is back. */
  endWaits(): void {
    this.#store.endWaits()
    for (const head of this.#heads.values()) head.due = Math.min(head.due, head.earliest)
  }

  /** Removes all rows; returns where the stream holds their events, or -1. */
  clear(): number[] {
    const origins = this.#store.waitingOrigins(-1)
    this.#store.dropWaiting()
    this.#lines.clear()
    this.#heads.clear()
    this.#size = 0
    return origins
  }

  /** The newest attempt of the oldest row that was tried. */
  lastAttempt(): Attempt | undefined {
    return this.#size > 0 ? this.#store.lastAttempt() : undefined
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

  #enlist(offset: number, head: Head): void {
    const { key } = head
    this.#size++
    const line = this.#lines.get(key)
    if (line === undefined) {
      this.#lines.set(key, { offsets: [offset], start: 0 })
      this.#heads.set(offset, head)
      return
    }
    let place = line.offsets.length
    while (place > line.start && (line.offsets[place - 1] as number) > offset) place--
    line.offsets.splice(place, 0, offset)
    if (place > line.start) return
    this.#heads.delete(line.offsets[place + 1] as number)
    this.#heads.set(offset, head)
  }
}

const headOf = ({ key, due, earliest }: Pick<RowPlace, 'key' | 'due' | 'earliest'>): Head => ({
  key,
  due: due ?? 0,
  earliest,
})
