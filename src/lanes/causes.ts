import type { Cause, NewDeadLetter } from '../core/dead-letter.ts'
import type { Database } from '../storage/database.ts'
import { fingerprintOf } from '../storage/fingerprint.ts'
import { normalizeMessage } from './normalize-message.ts'

/** Causes that a lane tells apart; what is beyond is counted as one. */
const mostCauses = 200
/** Stands for all causes beyond. */
export const otherCauses = 'other'
/** UTF-16 units of an answer that say what is wrong. */
const answerLength = 300

/** How a cause rests in a row. */
type StoredCause = Omit<Cause, 'cause' | 'sample'> & { readonly sample: number }

/** What of a letter its cause is made from. */
export type CauseSource = Pick<NewDeadLetter, 'stage' | 'code' | 'reason' | 'detail' | 'messageId' | 'key'>

/**
 * Says of which cause a letter is: letters with the same stage, code and message have the same, once what differs from event to
 * event is taken out of the message (see `normalizeMessage`). Of an answer, its body belongs to the message.
 *
 * @param letter as it is stored
 * @returns 16 hexadecimal digits, and the message
 */
export function causeOf({ stage, code, reason, detail, messageId, key }: CauseSource): { id: string; message: string } {
  const said =
    /^(http_|event_refused)/.test(code) && detail !== undefined ? `${reason}: ${detail.slice(0, answerLength)}` : reason
  const message = normalizeMessage(said, [messageId, key])
  const id = Array.from(fingerprintOf(`${stage} ${code}`, message), (half) => half.toString(16).padStart(8, '0')).join(
    '',
  )
  return { id, message }
}

/**
 * The causes of the dead letters of one lane, counted where letters come and go: rows `cause_<id>` of `meta`, at most 200 and one
 * for all others. Several letters that come together write each row once.
 *
 * Where the counts are not those of the letters that are there, as after a version that did not count, they are made anew.
 */
export class Causes {
  readonly #db: Database
  #known: Map<string, StoredCause> | undefined
  readonly #dirty = new Set<string>()

  constructor(db: Database) {
    this.#db = db
    db.run('CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID')
  }

  /** Counts a letter that has been stored; returns the cause under which it is counted. */
  add(letter: CauseSource, number: number, at: number): string {
    const known = this.#load()
    const { id, message } = causeOf(letter)
    const name = known.has(id) || known.size < mostCauses ? id : otherCauses
    const isOther = name === otherCauses
    const before = known.get(name)
    known.set(name, {
      stage: isOther ? 'other' : letter.stage,
      code: isOther ? 'other' : letter.code,
      message: isOther ? 'causes beyond the first 200' : message,
      count: (before?.count ?? 0) + 1,
      first: before?.first ?? at,
      last: Math.max(before?.last ?? 0, at),
      sample: number,
    })
    this.#change(name)
    return name
  }

  /** Takes a letter that is gone out of the count. */
  remove(cause: string): void {
    const known = this.#load()
    const name = known.has(cause) ? cause : otherCauses
    const before = known.get(name)
    if (before === undefined) return
    if (before.count <= 1) known.delete(name)
    else known.set(name, { ...before, count: before.count - 1 })
    this.#change(name)
  }

  /** All of them, the most frequent first. `sample` is the number of the newest letter when it came; it may be gone. */
  list(): (StoredCause & { readonly cause: string })[] {
    return Array.from(this.#load(), ([cause, stored]) => ({ cause, ...stored })).toSorted((a, b) => b.count - a.count)
  }

  /** Forgets what is counted and counts `letters`, oldest first; returns nothing. */
  recount(letters: Iterable<CauseSource & { readonly number: number; readonly at: number }>): void {
    for (const name of this.#known?.keys() ?? []) this.#change(name)
    this.#known = new Map()
    for (const letter of letters) this.add(letter, letter.number, letter.at)
  }

  /** Letters that are counted. */
  get total(): number {
    return [...this.#load().values()].reduce((sum, { count }) => sum + count, 0)
  }

  #load(): Map<string, StoredCause> {
    return (this.#known ??= new Map(
      this.#db
        .all<{ name: string; value: string }>("SELECT name, value FROM meta WHERE name GLOB 'cause_*'")
        .map(({ name, value }) => [name.slice('cause_'.length), JSON.parse(value) as StoredCause]),
    ))
  }

  /** Writes at the end of what goes on now: in one commit with the letters themselves. */
  #change(name: string): void {
    if (this.#dirty.size === 0) queueMicrotask(() => this.#save())
    this.#dirty.add(name)
  }

  #save(): void {
    for (const name of this.#dirty) {
      const stored = this.#known?.get(name)
      if (stored === undefined) this.#db.run('DELETE FROM meta WHERE name = ?', `cause_${name}`)
      else
        this.#db.run('INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)', `cause_${name}`, JSON.stringify(stored))
    }
    this.#dirty.clear()
  }
}
