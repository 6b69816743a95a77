import type { Database } from '../storage/database.ts'
import { type HeldFile, type HeldRows, printOf, printsIn, printsOf } from './held-rows.ts'
import type { FilesSetAside, SetAsideFile } from './unreadable-files.ts'

interface StuckFile extends HeldFile {
  readonly stuck: string | null
  readonly prints: ArrayBuffer
}

/** Files of `held_files` that cannot be read. */
export class HeldSetAside implements FilesSetAside {
  readonly #db: Database
  readonly #held: HeldRows

  constructor(db: Database, held: HeldRows) {
    this.#db = db
    this.#held = held
  }

  /** At most 1,000. */
  setAside(): readonly SetAsideFile[] {
    return this.#files().map(({ stuck, ...file }) => {
      const { reason = null, now = file.at } = JSON.parse(stuck ?? '{}') as { reason?: string; now?: number }
      return { ...file, changedAt: now, done: this.#held.positionOf(file).doneOf(file.key), reason }
    })
  }

  mend(key: string, { ids, bytes }: { readonly ids: readonly string[]; readonly bytes: number }): void {
    this.#db.run(
      `UPDATE held_files SET events = ?, bytes = ?, prints = ? WHERE key = ? AND state = 'stuck'`,
      ids.length,
      bytes,
      printsOf(ids),
      key,
    )
  }

  reload(key: string, now: number): void {
    for (const file of this.#find(key)) this.#held.waitAgain(file, now)
  }

  discard(key: string): void {
    for (const file of this.#find(key)) this.#held.done(file)
  }

  /** Whether one of them has an event. */
  has(id: string): boolean {
    return this.#files().some(({ prints }) => printsIn(prints).includes(printOf(id)))
  }

  #files(): readonly StuckFile[] {
    return this.#db.all(
      `SELECT *, name AS "table" FROM held_files WHERE state = 'stuck' ORDER BY at, number LIMIT 1000`,
    )
  }

  #find(key: string): readonly HeldFile[] {
    return this.#files().filter((file) => file.key === key)
  }
}
