/** A table that refuses rows while others take theirs. */
export interface WaitingTable {
  readonly table: string
  /** Of the last attempt, in the words of the warehouse, and what to do about it. */
  readonly reason: string
  /** Milliseconds since the epoch of the first of them. */
  readonly since: number
  /** Attempts that failed. */
  readonly tries: number
  /** Files in R2 with the events whose rows wait, and how many of these there are. */
  readonly files: number
  readonly events: number
  /** True when later rows of the table wait, too; else only those that it refused. */
  readonly blocked: boolean
  /** Milliseconds since the epoch. */
  readonly nextAttemptAt: number
}

/** Which syncs are wanted: at most `limit` before the number `before`. */
export interface SyncQuery {
  readonly before?: number | undefined
  readonly limit: number
}

/** Some syncs, newest first; `next` is there when there are older ones: their `before`. */
export interface SyncPage {
  readonly syncs: readonly Sync[]
  readonly next?: number
}

/** What one run of a loader did to the tables, which are named with their namespace. */
export interface SyncDetail {
  /** Rows by table. */
  readonly tables: Readonly<Record<string, number>>
  readonly created: readonly string[]
  /** New columns, and columns with a wider type, with their types, by table. */
  readonly added: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly widened: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly deadLetters: number
  /** Rows that wait for a table that refuses them. */
  readonly waiting: number
  /** Why, by table: of all tables that had rows waiting at the end of the run. */
  readonly refused: Readonly<Record<string, string>>
  /** True when the time was used up before the end. */
  readonly isUnfinished: boolean
  /** Tables and columns that are not named, because there were more than 1,000. */
  readonly leftOut?: number
}

/** One run of a loader. */
export interface Sync extends Partial<Omit<SyncDetail, 'isUnfinished'>> {
  /** Grows. */
  readonly number: number
  /**
   * `done`: all was loaded. `unfinished`: the time was used up, and the next run goes on. `partial`: some tables refuse rows,
   * which wait. `failed`: the warehouse or a file was the reason that it stopped; see `error`.
   */
  readonly state: 'done' | 'unfinished' | 'partial' | 'failed'
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  readonly ms: number
  /** True when a person asked for it. */
  readonly asked?: true
  readonly files: number
  readonly events: number
  readonly rows: number
  readonly discards: number
  /** Events of erased users, which were left out. */
  readonly erased?: number | undefined
  readonly error?: string
}

/** What was loaded into a table since it is counted. */
export interface TableFreshness {
  /** Rows that were sent to it; one that was sent twice counts twice. */
  readonly rows: number
  /** When the last of them was loaded, milliseconds since the epoch. */
  readonly loadedAt: number
  /** The latest `received_at` of them. */
  readonly newestReceivedAt: string
}
