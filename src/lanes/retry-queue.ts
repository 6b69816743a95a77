import type { Attempt } from '../core/dead-letter.ts'
import type { LaneStore } from './lane-store.ts'
import type { RowPlace, StoredRow, WaitingRow } from './waiting-rows.ts'

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

/** Rows whose places memory holds at most. */
const mostLoaded = 20_000
/** Rows that are looked at in one query. */
const pageRows = 5_000
/** After a look that found too little, so many rows must go before the next one. */
const patience = 100

/**
 * The lane's rows: events that are retried, and later ones of the same key behind them.
 *
 * Memory holds an offset of each, and when the first of each key (its head) is due; the rest is in the store. A key's rows
 * are in the order of their offsets, so that a replayed letter comes behind the events of the stream.
 *
 * Where there are very many rows, memory holds those of some only, of each key the first ones. The others are parked: they take
 * turns, and a row that fails again makes room for the next.
 */
export class RetryQueue {
  readonly #store: LaneStore
  readonly #most: number
  readonly #lines = new Map<string, Line>()
  readonly #heads = new Map<number, Head>()
  #loaded = 0
  /** Up to where rows were looked at for one that may be loaded. */
  #scannedTo = -1
  /** Parked rows are loaded once there are so few in memory. */
  #loadAt: number

  /** `most` is how many rows memory holds the places of. */
  constructor(store: LaneStore, most: number = mostLoaded) {
    this.#store = store
    this.#most = most
    this.#loadAt = most / 2
    while (this.#loaded < most) {
      const places = store.waiting.places(this.#scannedTo, Math.min(pageRows, most - this.#loaded))
      for (const place of places) this.#enlist(place.offset, headOf(place))
      const last = places.at(-1)
      if (last === undefined) break
      this.#scannedTo = last.offset
    }
    store.waiting.index(this.#parked > 0)
  }

  get size(): number {
    return this.#store.waiting.count
  }

  get #parked(): number {
    return this.size - this.#loaded
  }

  has(key: string): boolean {
    // Asked for every event, and most of the time there is no row at all.
    if (this.size === 0) return false
    return this.#lines.has(key) || (this.#parked > 0 && this.#store.waiting.has(key))
  }

  /** Adds a row that does not go before `earliest`, also when the destination is back (milliseconds since the epoch). */
  add(row: WaitingRow, text: { readonly header: string; readonly event: string }, earliest = 0): void {
    const { waiting } = this.#store
    const fits =
      this.#parked === 0
        ? this.#loaded < this.#most
        : this.#loaded < this.#loadAt && waiting.firstOf(row.key, this.#lastOf(row.key)) === undefined
    const isParking = this.#parked > 0
    waiting.put(row, text, earliest)
    if (!fits) return waiting.index(true)
    if (!isParking) this.#scannedTo = Math.max(this.#scannedTo, row.offset)
    this.#enlist(row.offset, { key: row.key, due: row.due ?? 0, earliest })
  }

  /** Stores what has become of a row's attempt; `earliest` as in `add`. */
  update(row: WaitingRow, earliest = 0): void {
    this.#store.waiting.update(row, earliest)
    const head = this.#heads.get(row.offset)
    if (head !== undefined) Object.assign(head, { due: row.due ?? 0, earliest })
    const line = this.#lines.get(row.key)
    if (this.#parked === 0 || head === undefined || line === undefined || line.offsets.length - line.start > 1) return
    this.#lines.delete(row.key)
    this.#heads.delete(row.offset)
    this.#loaded--
    this.#load()
  }

  /** Removes a row; the next of its key is due at once, unless it has a time of its own. */
  remove({ offset, key }: WaitingRow): void {
    const { waiting } = this.#store
    waiting.delete(offset)
    const line = this.#lines.get(key)
    // One that was under way when its place was given up.
    if (line === undefined) return
    this.#loaded--
    if (!this.#heads.delete(offset)) {
      const at = line.offsets.indexOf(offset)
      if (at >= 0) line.offsets.splice(at, 1)
      return
    }
    line.start++
    if (line.start > 1024 && line.start * 2 > line.offsets.length) {
      line.offsets = line.offsets.slice(line.start)
      line.start = 0
    }
    const next = line.offsets[line.start]
    if (next === undefined) this.#lines.delete(key)
    else this.#heads.set(next, headOf(waiting.place(next) ?? { key, due: 0, earliest: 0 }))
    this.#load()
  }

  /** The rows that are due at `now`, heads of their keys, of keys that are `free`; longest known first. */
  *due(now: number, free: (key: string) => boolean): Generator<StoredRow> {
    for (const [offset, head] of this.#heads) {
      if (head.due > now || !free(head.key)) continue
      const row = this.#store.waiting.at(offset)
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
    return first === undefined ? undefined : this.#store.waiting.at(first[0])
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
    this.#store.waiting.waitNoMore()
    for (const head of this.#heads.values()) Object.assign(head, { due: 0, earliest: 0 })
  }

  /** Ends every wait but for what was asked for, or is a row's own: the destination is back. */
  endWaits(): void {
    this.#store.waiting.endWaits()
    for (const head of this.#heads.values()) head.due = Math.min(head.due, head.earliest)
  }

  /** Removes all rows; returns where the stream holds their events, or -1. */
  clear(): number[] {
    const origins = this.#store.waiting.origins(-1)
    this.#store.dropWaiting()
    this.#lines.clear()
    this.#heads.clear()
    this.#loaded = 0
    this.#scannedTo = -1
    return origins
  }

  /** The newest attempt of the oldest row that was tried. */
  lastAttempt(): Attempt | undefined {
    return this.size > 0 ? this.#store.waiting.lastAttempt() : undefined
  }

  /** The row of an event, with `due` null while it waits behind another of its key. */
  find(id: string): WaitingRow | undefined {
    const row = this.#store.waiting.byId(id)
    if (row === undefined) return undefined
    const isParked = row.offset > this.#lastOf(row.key)
    return isParked ? row : { ...row, due: this.#heads.get(row.offset)?.due ?? null }
  }

  /** When the oldest of the rows became durable in the stream. */
  oldest(): number | undefined {
    return this.#store.waiting.oldest()
  }

  /** The offset of the last row of a key that memory has the place of: those before it are in memory, too. */
  #lastOf(key: string): number {
    return this.#lines.get(key)?.offsets.at(-1) ?? -1
  }

  /** Gives parked rows a place in memory while there is room, of each key in order. */
  #load(): void {
    const { waiting } = this.#store
    if (this.#parked === 0) {
      if (this.#loaded < this.#most / 4) waiting.index(false)
      return
    }
    if (this.#loaded > this.#loadAt) return
    for (let ends = 0; ends < 2 && this.#parked > 0;) {
      const places = waiting.places(this.#scannedTo, pageRows)
      if (this.#loadOf(places)) break
      if (places.length === pageRows) continue
      this.#scannedTo = -1
      ends++
    }
    const isEnough = this.#loaded > this.#most / 2 || this.#parked === 0
    this.#loadAt = isEnough ? this.#most / 2 : Math.max(0, this.#loaded - patience)
  }

  /** Loads what may be loaded of some rows. Returns true once memory is full. */
  #loadOf(places: readonly RowPlace[]): boolean {
    const { waiting } = this.#store
    for (const { offset, ...place } of places) {
      if (this.#loaded >= this.#most) return true
      this.#scannedTo = offset
      const last = this.#lastOf(place.key)
      if (offset > last && waiting.firstOf(place.key, last) === offset) this.#enlist(offset, headOf(place))
    }
    return this.#loaded >= this.#most
  }

  #enlist(offset: number, head: Head): void {
    const { key } = head
    this.#loaded++
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
