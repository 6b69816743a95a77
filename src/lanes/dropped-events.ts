import { type DroppedSample, mostDropped } from '../core/dropped.ts'
import type { Database } from '../storage/database.ts'
import { fingerprint, fingerprintOf } from '../storage/fingerprint.ts'

/** Rows, each of at most 256 events; the oldest is written over. */
const rows = 16

/** How a sample rests in a row: two 32-bit halves for each event, since ids have no limit of their own. */
type Stored = readonly [at: number, reason: string, prints: readonly number[]]

interface Row {
  readonly place: number
  readonly samples: Stored[]
}

/** What a trace tells of an event that no stream and no letter knows. */
export type DroppedTrace =
  | { readonly status: 'dropped'; readonly reason: string; readonly at: number }
  | { readonly status: 'unknown' }

/**
 * The newest events that the edge did not take, at least 3,840 if there were so many: rows `dropped_<0…15>` of `meta`.
 *
 * At most 256 events between two saves are remembered, so that a save writes two rows at most, however many are dropped.
 */
export class DroppedEvents {
  readonly #db: Database
  #fresh: Stored[] = []
  /** The row that is filled now; undefined until the first save finds it. */
  #row: Row | undefined

  /** @param db has the table `meta` */
  constructor(db: Database) {
    this.#db = db
  }

  add(samples: readonly DroppedSample[]): void {
    let room = mostDropped - sizeOf(this.#fresh)
    for (const { reason, at, source, messageIds } of samples) {
      const ids = messageIds.slice(0, room)
      if (ids.length === 0) return
      const prints = new Uint32Array(2 * ids.length)
      for (const [i, id] of ids.entries()) fingerprint(source, id, prints, 2 * i)
      this.#fresh.push([at, reason, [...prints]])
      room -= ids.length
    }
  }

  /** Stores what was added since the last save; nothing when there is nothing. */
  save(): void {
    if (this.#fresh.length === 0) return
    this.#row ??= this.#rows().toSorted((a, b) => timeOf(b) - timeOf(a))[0] ?? { place: 0, samples: [] }
    for (const sample of this.#fresh) {
      if (sizeOf([...this.#row.samples, sample]) > mostDropped) {
        this.#write(this.#row)
        this.#row = { place: (this.#row.place + 1) % rows, samples: [] }
      }
      this.#row.samples.push(sample)
    }
    this.#write(this.#row)
    this.#fresh = []
  }

  /** Says what became last of an event: unknown when it was taken, or was dropped too long ago. */
  traceOf(source: string, id: string): DroppedTrace {
    const [high, low] = fingerprintOf(source, id)
    const all = [...this.#rows().flatMap(({ samples }) => samples), ...this.#fresh]
    const [newest] = all
      .filter(([, , prints]) => prints.some((half, i) => i % 2 === 0 && half === high && prints[i + 1] === low))
      .toSorted(([a], [b]) => b - a)
    return newest === undefined ? { status: 'unknown' } : { status: 'dropped', at: newest[0], reason: newest[1] }
  }

  #rows(): Row[] {
    return this.#db
      .all<{ name: string; value: string }>("SELECT name, value FROM meta WHERE name GLOB 'dropped_[0-9]*'")
      .map(({ name, value }) => ({
        place: Number(name.slice('dropped_'.length)),
        samples: JSON.parse(value) as Stored[],
      }))
  }

  #write({ place, samples }: Row): void {
    this.#db.run('INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)', `dropped_${place}`, JSON.stringify(samples))
  }
}

const timeOf = ({ samples }: Row): number => samples.at(-1)?.[0] ?? 0

const sizeOf = (samples: readonly Stored[]): number => samples.reduce((sum, [, , prints]) => sum + prints.length / 2, 0)
