import type { FrontCapabilities } from '../../core/kafka.ts'

/**
 * What a code of a record that was not written means: `ours`, a person must look and it was not written; `yes`, it was not
 * written and may be sent again; `unknown`, it may have been written.
 */
export type CodeMeaning = 'ours' | 'yes' | 'unknown'

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
  /** Meaning of the codes of records, but for what they say of size; a code that is not there is `unknown`. */
  readonly codes: Readonly<Record<number, CodeMeaning>>
  /** Codes of records that are too large, where the front gives no words. */
  readonly sizeCodes?: readonly number[]
  /** True: a record header whose value is null or empty makes the front refuse the whole call. */
  readonly filledHeaders?: true
  /** Milliseconds to wait after an answer with a failed record, before the connection is used again. */
  readonly restMs?: number
  /** True: the size of a read may be asked for; where it may not, asking loses records. */
  readonly boundedReads?: true
  /** Reads need no consumer instance. */
  readonly statelessFetch?: true
}

/** Media type of calls without records. */
export const plainType = 'application/vnd.kafka.v2+json'
/** Media type of records whose keys and values are base64. */
export const binaryType = 'application/vnd.kafka.binary.v2+json'
