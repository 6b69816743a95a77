import { lettersPart, type SpillRef } from './spill.ts'

/** Objects that are appended together: so many, or so much text. A few rounds are in memory at once, of the 128 MB of an isolate. */
const roundObjects = 200
const roundLength = 2_000_000
/** Failures in a row after which an object, or the place that objects are for, is left alone in this run. */
const patience = 3
/**
 * Milliseconds for which events wait behind an older object that fails, so that their order holds. After that it is believed
 * to be the object's fault.
 */
const patienceMs = 3_600_000

/** What waits for one part, oldest first. */
export interface SpillPart {
  readonly name: string
  refs: SpillRef[]
  /** Whether some of it is being stored. */
  isBusy: boolean
  /** Whether the part has taken something in this run. */
  hasTaken: boolean
  /** Failures of its first object in a row; one that took all the time it had counts twice. */
  failures: number
  /** Objects in a row that failed and were passed over. */
  passedOver: number
}

/** An object that was not stored. */
export interface SpillFailure {
  readonly ref: SpillRef
  /** Whether it took all the time it had. */
  readonly wasLate: boolean
  /** Milliseconds since the epoch. */
  readonly now: number
}

/** What waits for all parts, as far as it was listed, and which part is next. */
export class SpillParts {
  readonly #parts = new Map<string, SpillPart>()
  readonly #unavailable: Set<string>

  /** @param unavailable parts of which nothing is taken */
  constructor(unavailable: Iterable<string>) {
    this.#unavailable = new Set(unavailable)
  }

  /** Objects that wait. */
  get waiting(): number {
    return [...this.#parts.values()].reduce((sum, { refs }) => sum + refs.length, 0)
  }

  /** Adds what comes next in the listing. Returns whether all of it is for parts that are available. */
  add(refs: readonly SpillRef[]): boolean {
    const open = refs.filter(({ part }) => !this.isUnavailable(part))
    for (const [name, own] of Map.groupBy(open, ({ part }) => part)) {
      const known = this.#parts.get(name)
      if (known === undefined)
        this.#parts.set(name, { name, refs: own, isBusy: false, hasTaken: false, failures: 0, passedOver: 0 })
      else known.refs.push(...own)
    }
    return open.length === refs.length
  }

  /**
   * The next part that something waits for, and nobody is busy with: the one whose turn was longest ago.
   *
   * @param untried whether it shall be one that has not taken anything yet, while there are others: nobody knows how long it takes
   */
  next(untried: boolean): SpillPart | undefined {
    for (const part of this.#parts.values()) {
      const isUntried = !part.hasTaken && this.#parts.size > 1
      if (part.refs.length === 0 || part.isBusy || isUntried !== untried) continue
      this.#parts.delete(part.name)
      this.#parts.set(part.name, part)
      return part
    }
    return undefined
  }

  isUnavailable(name: string): boolean {
    return this.#unavailable.has(name)
  }

  /** Notes that a part took something. */
  took(name: string): void {
    const part = this.#parts.get(name)
    if (part === undefined) return
    part.hasTaken = true
    part.failures = 0
    part.passedOver = 0
  }

  /**
   * Notes that a part did not take its first object.
   *
   * @returns what is done about it in this run: it is tried `again` before any other, it is `passed over`, or the part is
   * `given up`, and nothing of it waits any more
   */
  failed({ ref, wasLate, now }: SpillFailure): 'again' | 'passed over' | 'given up' {
    const part = this.#parts.get(ref.part)
    if (part === undefined) return 'given up'
    part.hasTaken = false
    part.failures += wasLate ? 2 : 1
    if (part.failures < patience) return 'again'
    const mayPass = part.name === lettersPart || now - ref.at >= patienceMs
    if (mayPass && ++part.passedOver < patience) {
      part.failures = 0
      return 'passed over'
    }
    this.#unavailable.add(part.name)
    part.refs = []
    return 'given up'
  }
}

/** Takes from a part what is stored together: at least one object, and no other beside one that failed. */
export function takeRound({ refs, failures }: SpillPart): SpillRef[] {
  if (failures > 0) return refs.splice(0, 1)
  let length = 0
  const count = refs.findIndex((ref, i) => {
    length += ref.length
    return i > 0 && (i >= roundObjects || length > roundLength)
  })
  return refs.splice(0, count < 0 ? refs.length : count)
}
