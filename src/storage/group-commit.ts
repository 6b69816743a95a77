/** What is committed together has this length, in UTF-16 code units or bytes. */
export interface CommitEntry {
  readonly length: number
}

/** How appends are gathered, and what is done with them. */
export interface GroupCommitOptions<Entry extends CommitEntry> {
  /** Milliseconds between two commits under load; the first one after a rest is made at once. */
  readonly flushMs: number
  /** What is committed together is no longer than this, but for a single entry that is. */
  readonly rowLength: number
  /** Writes entries as one row; when it throws, the object must start again from its disk. */
  readonly write: (entries: readonly Entry[]) => void
  /** Resolves once what was written is durable. */
  readonly sync: () => Promise<void>
  /** Called when a write failed, after all who wait were told. */
  readonly failed: (error: unknown) => void
  /** Called when a write has become durable. */
  readonly durable?: () => void
}

/** A flush does not wait for its time any longer once so many entries, or so much length, have gathered. */
const eagerEntries = 32
const eagerLength = 256_000

/**
 * Commits what arrives together as one row: everything that comes while the commit before is becoming durable, and everything
 * within `flushMs` of it. Rows written are what Durable Objects bill.
 */
export class GroupCommit<Entry extends CommitEntry> {
  readonly #options: GroupCommitOptions<Entry>
  #pending: Entry[] = []
  #length = 0
  #waiters: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = []
  #lastFlush = 0
  #flushing = false
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(options: GroupCommitOptions<Entry>) {
    this.#options = options
  }

  /** True when nothing waits for its commit. */
  get isEmpty(): boolean {
    return this.#pending.length === 0
  }

  /**
   * Adds an entry to the next commit; without one, waits for what is on its way.
   *
   * @returns resolves after the write; the output gate of the object holds answers until it is durable. Rejects with what the
   *   write throws
   */
  add(entry?: Entry): Promise<void> {
    if (entry !== undefined && this.#length > 0 && this.#length + entry.length > this.#options.rowLength) this.#flush()
    const written = new Promise<void>((resolve, reject) => this.#waiters.push({ resolve, reject }))
    if (entry !== undefined) {
      this.#pending.push(entry)
      this.#length += entry.length
    }
    this.#schedule()
    return written
  }

  #schedule(): void {
    if (this.#flushing) return
    const wait = this.#lastFlush + this.#options.flushMs - Date.now()
    if (wait <= 0 || this.#pending.length >= eagerEntries || this.#length >= eagerLength) this.#flush()
    else this.#timer ??= setTimeout(() => this.#flush(), wait)
  }

  /** Writes everything pending as one row, and starts the next flush when this one is durable. */
  #flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const pending = this.#pending
    const waiters = this.#waiters
    this.#pending = []
    this.#waiters = []
    this.#length = 0
    this.#lastFlush = Date.now()
    try {
      if (pending.length > 0) this.#options.write(pending)
    } catch (error) {
      for (const waiter of waiters) waiter.reject(error)
      this.#options.failed(error)
      return
    }
    for (const waiter of waiters) waiter.resolve()
    this.#flushing = true
    void this.#options.sync().then(() => {
      this.#flushing = false
      this.#options.durable?.()
      if (this.#waiters.length > 0) this.#schedule()
    })
  }
}
