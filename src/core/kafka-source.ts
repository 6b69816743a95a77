import type { KafkaFront, KafkaMessage } from './kafka.ts'
import type { Port } from './port.ts'
import type { Draft } from './webhook-source.ts'

/** A record as `map` of a Kafka source sees it. */
export interface KafkaSourceRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** Milliseconds since the epoch; undefined where the front does not tell. */
  readonly timestamp?: number
  /** As UTF-8; null where there is none. */
  readonly key: string | null
  /** Names and values as UTF-8; of a name that repeats, the last value. */
  readonly headers: Readonly<Record<string, string>>
  /** What the value says, decoded; null for a tombstone. */
  readonly value: unknown
}

/** A source that reads topics of a Kafka, with its settings, as `src/config.ts` holds it. */
export interface KafkaSource {
  readonly kind: 'kafka-source'
  readonly name: 'kafka'
  /** What is wrong with the settings, one sentence each; empty when all is well. */
  readonly problems: readonly string[]
  /** The settings with secrets masked. */
  readonly redacted: Readonly<Record<string, unknown>>
  readonly front: KafkaFront
  readonly topics: readonly string[]
  /** Where a partition begins that was not read before. */
  readonly begin: 'earliest' | 'latest'
  /** The consumer group that Kafka is told about. */
  readonly group: string
  /** Seconds between two looks for new records, when there were none. */
  readonly pollSeconds: number
  /** Decodes a value; a rejection with `kafka_unavailable` is tried again, any other makes a dead letter of the record. */
  readonly decode: (message: KafkaMessage, port: Pick<Port, 'fetch' | 'now'>) => Promise<unknown>
  /** The user's function: the events of a record, none when it has no use for it. */
  readonly map: (
    record: KafkaSourceRecord,
  ) => Draft | readonly Draft[] | null | undefined | Promise<Draft | readonly Draft[] | null | undefined>
}

/** How far a partition of a Kafka source is read. */
export interface KafkaSourcePartition {
  readonly topic: string
  readonly partition: number
  /** The offset of the next record; null where nothing was read yet. */
  readonly next: number | null
  /** The offset after the newest record, as Kafka said a minute ago or so; left out as long as it is not known. */
  readonly head?: number
  /** How far `next` is from `head`; left out as long as one of the two is not known. */
  readonly lag?: number
}

/** How the reading of a Kafka source is doing. */
export interface KafkaSourceStatus {
  readonly source: string
  /** `failing`: nothing is read. `partial`: some topics are not. `disabled`: the config has switched it off. */
  readonly state: 'running' | 'failing' | 'partial' | 'disabled'
  readonly partitions: readonly KafkaSourcePartition[]
  /** Records that are not read yet, of all partitions of which it is known; left out where it is of none. */
  readonly lag?: number
  /** Why it does not read all of it, and what to do about it; left out when it does. */
  readonly problem?: string
  readonly nextStep?: string
  /** When that began, in milliseconds since the epoch. */
  readonly since?: number
  /** When all topics were read last, in milliseconds since the epoch; left out as long as they never were. */
  readonly readAt?: number
}

/** Calls that the `Poller` object answers; see polling/kafka-source-object.ts. One for each Kafka source. */
export interface PollerRpc {
  /** Makes it read on, should nobody else have, and does not wait for it. */
  readonly poll: () => Promise<KafkaSourceStatus>
  readonly status: () => Promise<KafkaSourceStatus>
}
