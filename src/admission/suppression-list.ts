import type { Suppressed } from '../core/bindings.ts'
import type { Database } from '../storage/database.ts'
import { fingerprint } from '../storage/fingerprint.ts'

/** A user without the time. */
export type UserId = Pick<Suppressed, 'kind' | 'id'>

/** The whole list as isolates need it. */
export interface Snapshot {
  /** Grows with every change. */
  readonly version: number
  /** Two 32-bit halves for each user, in no order; see fingerprint.ts. */
  readonly prints: Uint32Array
}

/** Users that are read at once: rows of all of them would not fit into an object's memory. */
const pageSize = 10_000

/**
 * The list of suppressed users in an object's storage.
 *
 * Tables, version 1: `users (kind, id, at)`; `version (one, n, copied)` with one row: how often the list was changed, and which
 * of these versions R2 has.
 */
export class SuppressionList {
  readonly #db: Database
  #version = 0
  #copied = 0
  #prints: Uint32Array | undefined

  constructor(db: Database) {
    this.#db = db
    db.run(
      'CREATE TABLE IF NOT EXISTS users (kind TEXT NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID',
    )
    db.run('CREATE TABLE IF NOT EXISTS version (one INTEGER PRIMARY KEY, n INTEGER NOT NULL, copied INTEGER NOT NULL)')
    const row = db.first<{ n: number; copied: number }>('SELECT n, copied FROM version')
    if (row !== undefined) [this.#version, this.#copied] = [row.n, row.copied]
  }

  get version(): number {
    return this.#version
  }

  /** Which version R2 is known to have; one that was written without this being noted is written again. */
  get copied(): number {
    return this.#copied
  }

  set copied(version: number) {
    this.#copied = version
    this.#note()
  }

  get snapshot(): Snapshot {
    return { version: this.#version, prints: (this.#prints ??= this.#read()) }
  }

  /** Adds users; those that are there keep their time. */
  add(users: readonly UserId[], now: number): void {
    const added = users.filter(
      ({ kind, id }) =>
        this.#db.first('INSERT OR IGNORE INTO users (kind, id, at) VALUES (?, ?, ?) RETURNING 1', kind, id, now) !==
        undefined,
    )
    if (added.length === 0) return
    const before = this.#prints
    if (before !== undefined) {
      this.#prints = new Uint32Array(before.length + added.length * 2)
      this.#prints.set(before)
      this.#print(added, this.#prints, before.length)
    }
    this.#changed()
  }

  /** Removes users; returns how many were there. */
  remove(users: readonly UserId[]): number {
    const removed = users.filter(
      ({ kind, id }) =>
        this.#db.first('DELETE FROM users WHERE kind = ? AND id = ? RETURNING 1', kind, id) !== undefined,
    )
    if (removed.length > 0) {
      this.#prints = undefined
      this.#changed()
    }
    return removed.length
  }

  /** In order of kind and id, from the one after `after` (`<kind>:<id>`) on. */
  list({ after = ':', limit }: { readonly after?: string; readonly limit: number }): Suppressed[] {
    const end = after.indexOf(':')
    return this.#db.all<Suppressed>(
      'SELECT kind, id, at FROM users WHERE (kind, id) > (?, ?) ORDER BY kind, id LIMIT ?',
      after.slice(0, end),
      after.slice(end + 1),
      limit,
    )
  }

  /** Those of the users that are on the list. */
  find(users: readonly UserId[]): Suppressed[] {
    return users.flatMap(({ kind, id }) =>
      this.#db.all<Suppressed>('SELECT kind, id, at FROM users WHERE kind = ? AND id = ?', kind, id),
    )
  }

  #changed(): void {
    this.#version++
    this.#note()
  }

  #note(): void {
    this.#db.run('INSERT OR REPLACE INTO version (one, n, copied) VALUES (0, ?, ?)', this.#version, this.#copied)
  }

  #read(): Uint32Array {
    const pages: Uint32Array[] = []
    for (let after: string | undefined; ;) {
      const users = this.list({ ...(after === undefined ? {} : { after }), limit: pageSize })
      const page = new Uint32Array(users.length * 2)
      this.#print(users, page, 0)
      pages.push(page)
      const last = users.at(-1)
      if (last === undefined || users.length < pageSize) break
      after = `${last.kind}:${last.id}`
    }
    const prints = new Uint32Array(pages.reduce((sum, page) => sum + page.length, 0))
    let offset = 0
    for (const page of pages) {
      prints.set(page, offset)
      offset += page.length
    }
    return prints
  }

  #print(users: readonly UserId[], out: Uint32Array, offset: number): void {
    users.forEach(({ kind, id }, i) => fingerprint(kind, id, out, offset + i * 2))
  }
}
