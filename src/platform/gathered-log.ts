import type { Port } from '../core/port.ts'

/** Lines of one kind are gathered for so long, in milliseconds. */
const windowMs = 60_000
/** Kinds that are told apart; beyond, lines are of one kind when their level and message are. */
const mostKinds = 200
/** What is kept of a text, in UTF-16 code units: a reason may hold a whole answer. */
const textLength = 1_000
/** Fields that tell kinds of lines apart. A reason may name one event, so it does only where there is no code. */
const identities = ['target', 'partition', 'warehouse', 'lane', 'source', 'what', 'path', 'route', 'code']

type Level = Parameters<Port['log']>[0]
type Fields = Readonly<Record<string, unknown>>

interface Gathered {
  readonly level: Level
  readonly message: string
  /** When its window ends, milliseconds since the epoch. */
  ends: number
  /** Lines since the last that was written. */
  count: number
  /** Of the newest of them. */
  fields: Fields
}

interface GatheredLogOptions {
  readonly write: (level: Level, line: string) => void
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/**
 * Writes log lines as JSON: the first of a kind at once, and those that follow within a minute as one line with their `count`.
 *
 * Nothing waits for a timer, which would keep an object awake: `flush` writes what was gathered, once its minute is over.
 */
export class GatheredLog {
  readonly #options: GatheredLogOptions
  readonly #kinds = new Map<string, Gathered>()
  #nextEnd = Number.POSITIVE_INFINITY

  constructor(options: GatheredLogOptions) {
    this.#options = options
  }

  log(level: Level, message: string, fields: Fields = {}): void {
    this.flush()
    const kind = this.#kindOf(level, message, fields)
    const gathered = this.#kinds.get(kind)
    if (gathered !== undefined) {
      gathered.count++
      gathered.fields = fields
      return
    }
    const ends = this.#options.now() + windowMs
    this.#kinds.set(kind, { level, message, ends, count: 0, fields })
    this.#nextEnd = Math.min(this.#nextEnd, ends)
    this.#write(level, message, fields)
  }

  /** Writes a line for each kind that was gathered for a minute. Costs nothing while there is none. */
  flush(): void {
    const now = this.#options.now()
    if (now < this.#nextEnd) return
    this.#nextEnd = Number.POSITIVE_INFINITY
    for (const [kind, gathered] of this.#kinds) {
      const { level, message, count, fields } = gathered
      if (now >= gathered.ends && count === 0) {
        this.#kinds.delete(kind)
        continue
      }
      if (now >= gathered.ends) {
        this.#write(level, message, { ...fields, count })
        Object.assign(gathered, { ends: now + windowMs, count: 0 })
      }
      this.#nextEnd = Math.min(this.#nextEnd, gathered.ends)
    }
  }

  #kindOf(level: Level, message: string, fields: Fields): string {
    const names = fields['code'] === undefined ? [...identities, 'reason'] : identities
    const exact = JSON.stringify([level, message, ...names.map((name) => fields[name])])
    return this.#kinds.has(exact) || this.#kinds.size < mostKinds ? exact : JSON.stringify([level, message])
  }

  #write(level: Level, message: string, fields: Fields): void {
    const reserved = { time: new Date(this.#options.now()).toISOString(), level, message }
    const line = JSON.stringify({ ...reserved, ...fields, ...reserved }, (_, value: unknown) => shorten(value))
    this.#options.write(level, line)
  }
}

const shorten = (value: unknown): unknown =>
  typeof value === 'string' && value.length > textLength ? `${value.slice(0, textLength)}…` : value
