import type { LaneStore } from './lane-store.ts'

/** Where a lane's events come from: a partition of the log, or the lane's own inbox, into which all other streams push. */
export type LaneSource = 'log' | 'inbox'

/** Events that a lane took from one source without any of the other between them. */
interface Stretch {
  readonly source: LaneSource
  /** The offset of its first event in the source. */
  readonly from: number
  /** The place of its first event in the lane. */
  readonly base: number
}

/** Stretches that are remembered at least, so that their events can be traced. */
const most = 100

/**
 * How a lane numbers its events. The log and the inbox have offsets of their own; a lane has places, which run on whatever
 * the stream is: cursor, rows, dead letters, attempts and staging files are told by place. A lane that has had one source only
 * has places that are its offsets.
 *
 * Stored as `stretches` in the table `meta`, before the first event of a stretch is taken: what is read again after a crash has
 * the places that it had.
 */
export class Stretches {
  readonly #store: LaneStore
  #all: readonly Stretch[]
  #isStored = true

  /**
   * Reads them from `store`. `inboxNext`, the offset after the newest event of the inbox, is undefined where there is none: it
   * tells what the cursor of an older version is about, which knew one source only.
   */
  constructor(store: LaneStore, inboxNext: number | undefined) {
    this.#store = store
    const stored = store.get('stretches')
    if (stored !== undefined) {
      this.#all = (JSON.parse(stored) as [LaneSource, number, number][]).map(([source, from, base]) => ({
        source,
        from,
        base,
      }))
      return
    }
    const source = sourceOfOlder(store, inboxNext)
    this.#all = source === undefined ? [] : [{ source, from: 0, base: 0 }]
    this.#isStored = source === undefined
  }

  /** Stores what the cursor of an older version was found to be about: it is found by what is about to change. */
  save(): void {
    if (!this.#isStored) this.#keep(this.#all)
  }

  /** The source of the newest stretch; undefined while nothing was taken. */
  get current(): LaneSource | undefined {
    return this.#all.at(-1)?.source
  }

  /** The place at which the newest stretch begins. */
  get newest(): number {
    return this.#all.at(-1)?.base ?? 0
  }

  /** The stretch that a place is in, and the place at which it ends: Infinity for the newest. */
  at(place: number): (Stretch & { readonly end: number }) | undefined {
    const index = this.#all.findLastIndex(({ base }) => base <= place)
    const stretch = this.#all[index]
    return stretch === undefined ? undefined : { ...stretch, end: this.#endOf(index) }
  }

  /** Begins a stretch of `source` at a place, unless the newest is one. */
  begin(source: LaneSource, place: number): void {
    if (this.current === source) return
    const from = this.offsetIn(source, place)
    const last = this.#all.at(-1)
    // Nothing was taken of the newest: it never was.
    const before = last !== undefined && last.base >= place ? this.#all.slice(0, -1) : this.#all
    this.#keep(before.at(-1)?.source === source ? before : [...before, { source, from, base: place }])
  }

  /** The offset in a source of its first event at a place or behind it. */
  offsetIn(source: LaneSource, place: number): number {
    let offset: number | undefined
    for (const [i, { source: one, from, base }] of this.#all.entries()) {
      if (one !== source) continue
      if (place <= base) return offset ?? from
      offset = from + Math.min(place, this.#endOf(i)) - base
    }
    return offset ?? 0
  }

  /** The place of an event of a source: -1 when it is too long ago to be known, Infinity when it was not taken yet. */
  placeOf(source: LaneSource, offset: number): number {
    let place = Infinity
    for (const [i, { source: one, from, base }] of this.#all.entries()) {
      if (one !== source || place !== Infinity) continue
      if (offset < from) place = -1
      else if (offset - from < this.#endOf(i) - base) place = base + offset - from
    }
    return place
  }

  #endOf(index: number): number {
    return this.#all[index + 1]?.base ?? Infinity
  }

  #keep(all: readonly Stretch[]): void {
    // What lies behind the cursor may be read again.
    const old = Math.min(
      Math.max(0, all.length - most),
      all.findLastIndex(({ base }) => base <= this.#store.cursor),
    )
    this.#all = all.slice(Math.max(0, old))
    this.#isStored = true
    this.#store.set('stretches', JSON.stringify(this.#all.map(({ source, from, base }) => [source, from, base])))
  }
}

/** What the cursor of an older version, which did not store it, is about; undefined for a lane that never worked. */
function sourceOfOlder(store: LaneStore, inboxNext: number | undefined): LaneSource | undefined {
  if (inboxNext !== undefined) return store.cursor <= inboxNext ? 'inbox' : 'log'
  const hasWorked = store.changedAt !== undefined || store.waiting.count > 0 || store.get('circuit') !== undefined
  return hasWorked ? 'log' : undefined
}
