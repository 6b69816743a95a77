import type { FrontCapabilities } from '../../core/kafka.ts'

/** What tells one front that speaks Confluent's REST v2 from another. */
export interface V2Profile {
  readonly name: string
  readonly capabilities: FrontCapabilities
  /** Settings of a new consumer instance, in the front's spelling; `name` and `format` are added. */
  readonly instance: Readonly<Record<string, string | number | boolean>>
  /** What a committed number means: the last record that was processed, or the next one. */
  readonly commit: 'last' | 'next'
  /** False: the answer to a produce call has one entry for each partition, with its first offset. */
  readonly reportsEachRecord: boolean
  /** How a null value is written. */
  readonly tombstone: 'null' | 'omit'
  /** Per-record codes that say that the record was not written and may be sent again. All others, but for size, are unknown. */
  readonly retryCodes: readonly number[]
  /** Milliseconds to wait after an answer with a failed record, before the connection is used again. */
  readonly restMs?: number
  /** Reads need no consumer instance. */
  readonly statelessFetch?: true
}
