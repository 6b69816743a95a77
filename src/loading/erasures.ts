import type { Envelope } from '../core/envelope.ts'
import { type ErasureOrder, erasureSettlesMs, type EventUsers, namesUser } from '../core/erased-user.ts'
import type { Database } from '../storage/database.ts'

/** An erasure, with its number, which grows. */
type Erasure = ErasureOrder & { readonly number: number }

/**
 * Table `erasures`: users whose events, of those that were accepted before somebody asked for it, are not loaded any more. They are
 * kept for ever: dead letters and the archive may bring old events at any time.
 */
export class Erasures {
  readonly #db: Database
  #byUser: ReadonlyMap<string, readonly Erasure[]> = new Map()
  /** Of the last one. */
  #askedAt = 0
  /** The number of the last one; 0 when there is none. */
  newest = 0

  constructor(db: Database) {
    this.#db = db
    db.run(
      'CREATE TABLE IF NOT EXISTS erasures (number INTEGER PRIMARY KEY, kind TEXT, id TEXT, asked_at INTEGER, UNIQUE (id, kind, asked_at))',
    )
    this.#read()
  }

  /** Notes an erasure, once. */
  ask({ kind, id, askedAt }: ErasureOrder): void {
    this.#db.run('INSERT OR IGNORE INTO erasures (kind, id, asked_at) VALUES (?, ?, ?)', kind, id, askedAt)
    this.#read()
  }

  /**
   * Says whether an event is not to be loaded.
   *
   * @param envelope as it was staged
   * @param upTo only erasures up to this number count
   */
  has({ header, text }: Envelope, upTo: number): boolean {
    // Most warehouses have none, and it is asked of each event.
    if (upTo === 0) return false
    const acceptedAt = Date.parse(header.receivedAt) - erasureSettlesMs
    if (acceptedAt > this.#askedAt) return false
    try {
      const isErased = (kind: ErasureOrder['kind'], id: string): boolean =>
        this.#byUser.get(`${kind} ${id}`)?.some(({ number, askedAt }) => number <= upTo && acceptedAt <= askedAt) ===
        true
      return namesUser(JSON.parse(text) as EventUsers, isErased) || namesUser(header.users ?? {}, isErased)
    } catch {
      // What is no JSON names nobody, and becomes a dead letter.
      return false
    }
  }

  #read(): void {
    const all = this.#db.all<Erasure>('SELECT *, asked_at AS askedAt FROM erasures ORDER BY asked_at')
    this.#byUser = Map.groupBy(all, ({ kind, id }) => `${kind} ${id}`)
    // None is ever deleted.
    this.newest = all.length
    this.#askedAt = all.at(-1)?.askedAt ?? 0
  }
}
