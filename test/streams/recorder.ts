import { DurableObject } from 'cloudflare:workers'
import type { Bindings } from '../../src/core/bindings.ts'
import { unpack } from '../../src/core/envelope.ts'
import { unframe } from '../../src/storage/frame.ts'
import type { Chunk, Offer, Ack, LaneRef, Inbox } from '../../src/core/inbox.ts'

/** What a recorder says when events come: takes them, wants them later, breaks, or breaks until it has another script. */
export type Answer =
  | { readonly kind: 'done' }
  | { readonly kind: 'not now'; readonly seconds: number }
  | { readonly kind: 'throw' }
  | { readonly kind: 'down' }

/** One time that events came, with what the recorder said. */
export interface Visit {
  readonly at: number
  readonly kind: Answer['kind']
  readonly ids: readonly string[]
}

/** An event as it arrived; `offset` is null where the stream has none. */
export interface Got {
  readonly offset: number | null
  readonly id: string
  readonly key: string
  readonly text: string
}

/** Events that came without being asked for are waited for so long before the recorder reads by itself. */
const patienceMs = 300

/** A lane that only writes down what it is given, and answers as the test has scripted it. Durable, as a lane is. */
export class Recorder extends DurableObject<Bindings> implements Inbox {
  #reading = false

  constructor(ctx: DurableObjectState, env: Bindings) {
    super(ctx, env)
    const { sql } = ctx.storage
    sql.exec('CREATE TABLE IF NOT EXISTS got (n INTEGER PRIMARY KEY, offset INTEGER, id TEXT, key TEXT, text TEXT)')
    sql.exec('CREATE TABLE IF NOT EXISTS visits (n INTEGER PRIMARY KEY, visit TEXT)')
    sql.exec('CREATE TABLE IF NOT EXISTS script (n INTEGER PRIMARY KEY, answer TEXT)')
  }

  async offer(ref: LaneRef, { chunks, head }: Offer): Promise<Ack> {
    const next = this.#next()
    const wanted = chunks.filter(({ offset, count }) => offset + count > next)
    if (wanted[0] !== undefined && wanted[0].offset <= next) {
      const answer = this.#answer(wanted.flatMap((chunk) => unpack(unframe(chunk.data)).map(({ id }) => id)))
      if (answer.kind === 'not now') return { next, committed: next, afterSeconds: answer.seconds }
      this.#take(wanted)
    } else if (head > next) setTimeout(() => void this.#readOn(ref), patienceMs)
    return { next: this.#next(), committed: this.#next() }
  }

  async push(_ref: LaneRef, text: string): Promise<void> {
    const envelopes = unpack(text)
    const answer = this.#answer(envelopes.map(({ id }) => id))
    // A lane that is pushed to has no other way to say so.
    if (answer.kind === 'not now') throw new Error('not now')
    for (const { id, key, text: event } of envelopes) this.#note(null, { id, key, text: event })
  }

  async script(answers: readonly Answer[]): Promise<void> {
    this.ctx.storage.sql.exec('DELETE FROM script')
    for (const answer of answers)
      this.ctx.storage.sql.exec('INSERT INTO script (answer) VALUES (?)', JSON.stringify(answer))
  }

  async got(): Promise<Got[]> {
    return this.ctx.storage.sql.exec('SELECT offset, id, key, text FROM got ORDER BY n').toArray() as unknown as Got[]
  }

  async visits(): Promise<Visit[]> {
    const rows = this.ctx.storage.sql.exec<{ visit: string }>('SELECT visit FROM visits ORDER BY n').toArray()
    return rows.map(({ visit }) => JSON.parse(visit) as Visit)
  }

  #next(): number {
    const last = this.ctx.storage.sql.exec<{ offset: number | null }>('SELECT max(offset) AS offset FROM got').one()
    return last.offset === null ? 0 : last.offset + 1
  }

  #answer(ids: readonly string[]): Answer {
    const { sql } = this.ctx.storage
    const [row] = sql.exec<{ n: number; answer: string }>('SELECT n, answer FROM script ORDER BY n LIMIT 1').toArray()
    const answer = row === undefined ? ({ kind: 'done' } as const) : (JSON.parse(row.answer) as Answer)
    if (row !== undefined && answer.kind !== 'down') sql.exec('DELETE FROM script WHERE n = ?', row.n)
    const visit: Visit = { at: Date.now(), kind: answer.kind, ids }
    sql.exec('INSERT INTO visits (visit) VALUES (?)', JSON.stringify(visit))
    if (answer.kind === 'throw' || answer.kind === 'down') throw new Error('the lane broke')
    return answer
  }

  /** Whether it will not take what comes next, and so does not read by itself either. */
  #isBusy(): boolean {
    const [row] = this.ctx.storage.sql
      .exec<{ answer: string }>('SELECT answer FROM script ORDER BY n LIMIT 1')
      .toArray()
    return row !== undefined && ['not now', 'down'].includes((JSON.parse(row.answer) as Answer).kind)
  }

  #take(chunks: readonly Chunk[]): void {
    for (const chunk of chunks)
      unpack(unframe(chunk.data)).forEach(({ id, key, text }, i) => {
        if (chunk.offset + i >= this.#next()) this.#note(chunk.offset + i, { id, key, text })
      })
  }

  #note(offset: number | null, { id, key, text }: { id: string; key: string; text: string }): void {
    this.ctx.storage.sql.exec('INSERT INTO got (offset, id, key, text) VALUES (?, ?, ?, ?)', offset, id, key, text)
  }

  async #readOn(ref: LaneRef): Promise<void> {
    if (this.#reading) return
    this.#reading = true
    // One that wants nothing now does not read by itself either: the log offers it again.
    while (!this.#isBusy()) {
      const { chunks, head } = await this.env.LOG.getByName(`${ref.partition}`).read(this.#next(), 200_000, ref)
      this.#take(chunks)
      if (chunks.length === 0 || this.#next() >= head) break
    }
    this.#reading = false
  }
}
