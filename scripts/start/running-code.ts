/** What ran when a runtime stopped answering. */
export interface Found {
  /** Names of transforms. */
  readonly names: readonly string[]
  /** False where one of them may have run, or other code that was not marked. */
  readonly isCertain: boolean
  /** The warehouse whose database runs a statement of somebody, which then is to blame and no transform. */
  readonly query?: string
}

interface Run {
  readonly name: string
  /** True once it has let go of the thread. */
  waits: boolean
  /** True of a statement, which the database runs in the same thread. */
  readonly isQuery?: true
}

/** Follows the marks of `src/platform/watched-transforms.ts`: which transforms run in one runtime. */
export class RunningCode {
  readonly #token: string
  readonly #runs = new Map<string, Run>()
  #isAllMarked = true

  /** @param token what each mark begins with */
  constructor(token: string) {
    this.#token = token
  }

  /**
   * Takes a line that the Worker wrote.
   *
   * @returns false for one that is no mark
   */
  take(line: string): boolean {
    if (!line.startsWith(`${this.#token} `)) return false
    const [, run = '', step, ...name] = line.split(' ')
    const known = this.#runs.get(run)
    if (run === 'unmarked') this.#isAllMarked = false
    else if (step === 'begin') this.#runs.set(run, { name: name.join(' '), waits: false })
    else if (step === 'query') this.#runs.set(run, { name: name.join(' '), waits: true, isQuery: true })
    else if (step === 'end') this.#runs.delete(run)
    else if (known !== undefined) known.waits = true
    return true
  }

  /** Says what runs. There is one thread, so what has begun and not let go of it is what holds it. */
  find(): Found {
    const runs = [...this.#runs.values()]
    const holder = runs.find(({ waits }) => !waits)
    if (holder !== undefined) return { names: [holder.name], isCertain: true }
    const query = runs.find(({ isQuery }) => isQuery)
    if (query !== undefined) return { names: [], isCertain: true, query: query.name }
    const names = [...new Set(runs.map(({ name }) => name))]
    return { names, isCertain: this.#isAllMarked && names.length === 1 }
  }
}

/** Times that a runtime is ended before all are suspended that may be to blame. */
const mostTimes = 3

/** Narrows down which transform holds a runtime, over several times that one had to be ended. */
export class Suspects {
  #left: readonly string[] = []
  #times = 0

  /**
   * Notes what ran when a runtime had to be ended.
   *
   * @param found what ran
   * @returns what to suspend; nothing while it is not known
   */
  narrow({ names, isCertain }: Found): readonly string[] {
    if (isCertain) return names
    this.#times++
    const both = names.filter((name) => this.#left.includes(name))
    this.#left = both.length === 0 ? names : both
    // The first time, code that was not marked may have run.
    const isKnown = this.#times > 1 && (this.#left.length === 1 || this.#times >= mostTimes)
    return isKnown ? this.#left : []
  }
}
