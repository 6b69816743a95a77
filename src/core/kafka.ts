import type { Port } from './port.ts'

/** The bytes of a key, a value or a header; null is Kafka's null: a value of null is a tombstone. */
export type KafkaBytes = Uint8Array | null

/** A record as it is produced. */
export interface KafkaRecord {
  /** Computed by the caller (see murmur2.ts), so that every front puts a key into the same partition. */
  readonly partition: number
  readonly key: KafkaBytes
  readonly value: KafkaBytes
  /** Names may repeat. Empty where the front carries none: see `FrontCapabilities`. */
  readonly headers: readonly (readonly [name: string, value: KafkaBytes])[]
  /** Milliseconds since the epoch; left out: the front or the broker sets it. */
  readonly timestamp?: number
}

/** A record as it is read. */
export interface KafkaMessage {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly key: KafkaBytes
  readonly value: KafkaBytes
  readonly headers: readonly (readonly [name: string, value: KafkaBytes])[]
  /** Milliseconds since the epoch; undefined where the front does not tell. */
  readonly timestamp?: number
}

/**
 * What became of one produced record.
 *
 * `retry` of a failure: `yes`, it was not written and may be sent again; `no`, it will never be taken; `unknown`, it may have
 * been written (a time-out, a broken connection): whoever must not lose it sends it again, and may write it twice.
 */
export type ProduceOutcome =
  | { readonly written: true; readonly offset?: number }
  | {
      readonly written: false
      readonly retry: 'yes' | 'no' | 'unknown'
      readonly reason: string
      readonly afterSeconds?: number
    }

/** What a front can carry. */
export interface FrontCapabilities {
  /** False: a stream or a source on this front is a config problem. */
  readonly consume: boolean
  readonly headers: boolean
  readonly timestamps: boolean
  /** False: a null value is refused, never written as something else. */
  readonly tombstones: boolean
  /** False: the number of partitions is a setting. */
  readonly partitionCount: boolean
  /** False: reading begins at the oldest record, or at an offset; `latest` cannot be asked for. */
  readonly latest: boolean
  /** Records and bytes (after base64) of one produce call. */
  readonly maxRecords: number
  readonly maxBytes: number
}

/** From where a partition is read: the offset of the next record, or one of its ends. */
export interface KafkaPosition {
  readonly topic: string
  readonly partition: number
  readonly offset: number | 'earliest' | 'latest'
}

/** What one read brought. */
export interface KafkaFetched {
  readonly messages: readonly KafkaMessage[]
  /**
   * Where `earliest` and `latest` were found to be, and where a position was moved because the broker has it no more; positions
   * that the messages tell are left out.
   */
  readonly moved: readonly (KafkaPosition & { readonly offset: number })[]
}

/** How a read is bounded. */
export interface FetchOptions {
  /** Bytes of keys and values; at least one record is returned if there is any. */
  readonly maxBytes: number
  /** Milliseconds to wait when there is nothing. */
  readonly waitMs: number
  readonly signal: AbortSignal
}

/**
 * A conversation with a front. It belongs to one Durable Object or one request; calls of one connection are made one at a time.
 *
 * A call rejects when all of it failed and nothing is known of single records: `SluicewayError` with code `kafka_unavailable`
 * (try again; the outcome of a produce is unknown) or `kafka_refused` (credentials, a missing topic: a person must look).
 */
export interface KafkaConnection {
  /** Outcomes in the order of the records. Records of one partition are written in their order. */
  readonly produce: (
    topic: string,
    records: readonly KafkaRecord[],
    signal: AbortSignal,
  ) => Promise<readonly ProduceOutcome[]>
  /** Reads by assignment: no group, no rebalance. The caller keeps the positions. */
  readonly fetch: (positions: readonly KafkaPosition[], options: FetchOptions) => Promise<KafkaFetched>
  /** Tells the group's committed offsets to Kafka, so that lag tools show the truth; nothing here reads them back. */
  readonly commit: (group: string, positions: readonly (KafkaPosition & { readonly offset: number })[]) => Promise<void>
  /** The offset after the newest record of each partition; those that the front does not tell are left out. */
  readonly ends: (
    places: readonly Pick<KafkaPosition, 'topic' | 'partition'>[],
    signal: AbortSignal,
  ) => Promise<readonly (KafkaPosition & { readonly offset: number })[]>
  /** The number of partitions of a topic; rejects with `kafka_refused` when there is no such topic. */
  readonly partitions: (topic: string, signal: AbortSignal) => Promise<number>
  /** Gives up what the front keeps for this conversation, such as a consumer instance. Never rejects. */
  readonly close: () => Promise<void>
}

/** A Kafka that is reached over HTTP (or TCP), as `src/config.ts` holds it. */
export interface KafkaFront {
  readonly kind: 'kafka-front'
  /** The profile, e.g. `confluent`, `strimzi`. */
  readonly name: string
  /** What is wrong with the settings, one sentence each. */
  readonly problems: readonly string[]
  /** The settings with secrets masked. */
  readonly redacted: Readonly<Record<string, unknown>>
  readonly capabilities: FrontCapabilities
  /** `client` names the conversation where the front wants a name; two of one name at a time end each other. */
  readonly connect: (port: Pick<Port, 'fetch' | 'now'>, client: string) => KafkaConnection
}
