import type { ErrorCode } from './errors.ts'

/** What a call gives, or why it is refused. */
export type Told<T> = { readonly value: T } | { readonly refused: string; readonly code: ErrorCode }

/** A file that could not be read: a staging file, or one of rows that wait for a table. */
export interface UnreadableFileStatus {
  /** Its name in paths of the admin API. */
  readonly file: string
  /** R2 key. */
  readonly key: string
  /** Left out for rows that wait for a table. */
  readonly partition?: number
  /** The table that the rows are for; left out for a staging file. */
  readonly table?: string
  readonly events: number
  readonly bytes: number
  /** Milliseconds since the epoch: when it was staged, or its rows began to wait. */
  readonly stagedAt: number
  readonly setAsideAt: number
  /** Its first events, which are in the warehouse. */
  readonly loadedEvents: number
  /** Left out where an earlier version set it aside. */
  readonly reason?: string
}

/** Which lines of a file are wanted: at most `limit`, after the first `after`. */
export interface UnreadableRange {
  readonly after: number
  readonly limit: number
}

/** What can be read of a file: two lines for each event, its header and itself, as JSON. */
export interface UnreadableLines extends UnreadableFileStatus {
  readonly lines: readonly { readonly number: number; readonly text: string }[]
  /** How many lines can be read. */
  readonly allLines: number
  /** What is in the way of the others. */
  readonly problems: readonly string[]
  readonly truncated: boolean
}

/** What became of a file that somebody mended. */
export interface MendedFile {
  readonly events: number
  /** Events that could be read before. */
  readonly readableBefore: number
  /** R2 key of what was there before; undefined where nothing was. */
  readonly original: string | undefined
}
