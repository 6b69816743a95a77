import type { Database } from '../storage/database.ts'
import { type HeldFile, type HeldRows, printOf, printsIn, printsOf } from './held-rows.ts'
import type { FilesSetAside, SetAsideFile } from './unreadable-files.ts'

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
    const files = this.#db.all<HeldFile & { readonly stuck: string | null }>(
      `SELECT number, key, name AS "table", place, events, bytes, at, stuck FROM held_files WHERE state = 'stuck'
       ORDER BY at, number LIMIT 1000`,
    )
    return files.map(({ stuck, ...file }) => {
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
    const file = this.#find(key)
    if (file !== undefined) this.#held.waitAgain(file, now)
  }

  discard(key: string): void {
    const file = this.#find(key)
    if (file !== undefined) this.#held.done(file)
  }

  /** Why a row of an event is not loaded; undefined where none of its rows is in such a file. */
  reasonFor(id: string): string | undefined {
    const print = printOf(id)
    const file = this.#db
      .all<{ readonly name: string; readonly prints: ArrayBuffer }>(
        `SELECT name, prints FROM held_files WHERE state = 'stuck'`,
      )
      .find(({ prints }) => printsIn(prints).includes(print))
    return file && `its file of rows for the table "${file.name}" could not be read and was set aside`
  }

  #find(key: string): Pick<HeldFile, 'number' | 'table'> | undefined {
    return this.#db.first(`SELECT number, name AS "table" FROM held_files WHERE key = ? AND state = 'stuck'`, key)
  }
}
