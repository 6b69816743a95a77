import type { Bindings, LogRpc } from './bindings.ts'
import type { Envelope, Facts, Packed } from './envelope.ts'
import type { KafkaFront } from './kafka.ts'
import type { Port } from './port.ts'
import type { Topic } from './topic.ts'

/** What an append did. */
export interface Appended {
  readonly accepted: number
  readonly duplicates: number
}

/** How the objects of a stream that can be read again keep what they take. */
export interface LogTimes {
  /** Milliseconds between two commits under load. */
  readonly flushMs: number
  /** Milliseconds that events stay readable. */
  readonly retentionMs: number
  /** Bytes, compressed, that a partition keeps at most; the oldest hours go first. Left out: what the platform allows. */
  readonly retentionBytes?: number
  /** Milliseconds for which a second event with the same source and messageId is dropped. */
  readonly dedupMs: number
}

/** A stream that lanes read by offset. */
export interface ReadableLog extends LogTimes {
  /** The object that keeps a partition. */
  readonly partition: (bindings: Bindings, partition: number) => LogRpc
  /** Topics beside `events`, by their names: others produce to them. */
  readonly topics: ReadonlyMap<string, Topic>
  /** What a topic is that is made when it is first named; undefined where only topics of the config can be named. */
  readonly newTopics?: Omit<Topic, 'name'>
  /** Names of those who may use topics over HTTP; left out: `/kafka` is closed. */
  readonly users?: readonly string[]
}

/** A topic of a Kafka that is the stream. */
export interface KafkaStream {
  readonly front: KafkaFront
  readonly topic: string
  readonly partitions: number
  /** The consumer group that Kafka is told about. */
  readonly group: string
}

/** How a partition of Kafka is doing. */
export interface KafkaStatus {
  readonly partition: number
  /** The offset of the next record that is handed to the lanes. */
  readonly next: number
  /** The offset after the newest record, as far as it is known. */
  readonly head: number
  /** How far `next` is from `head`. */
  readonly lag: number
  /** When it was read last, in milliseconds since the epoch; left out as long as it is not known. */
  readonly readAt?: number
  /** Why Kafka takes no events, or cannot be read, and what to do about it; left out when all is well. */
  readonly problem?: string
  readonly nextStep?: string
  /** When that began, in milliseconds since the epoch, as far as it is known. */
  readonly since?: number
}

/** Calls that the `Kafka` object answers; see streams/kafka/kafka-object.ts. */
export interface KafkaRpc {
  /** Resolves once Kafka has acknowledged the envelopes of `text` (see `pack`). */
  readonly append: (text: string) => Promise<void>
  readonly poke: () => Promise<KafkaStatus>
  readonly status: () => Promise<KafkaStatus>
}

/** What a trigger of a stream may use. */
export interface TriggerContext {
  readonly bindings: Bindings
  readonly port: Port
  /**
   * There where the stream is an earlier one of the deployment: what it still holds goes to the stream of today, and not to the
   * lanes. Resolves once it is durable there.
   */
  readonly append?: (envelopes: readonly Envelope[]) => Promise<void>
}

/**
 * What the platform starts a stream with, beside its appends. The Worker calls what is there and knows nothing of the driver.
 */
export interface StreamTriggers {
  /** Answers a request that no route of the Worker takes; undefined when it is none of the stream's. */
  readonly fetch?: (request: Request, context: TriggerContext) => Promise<Response | undefined>
  /** Takes a batch of the queue that wrangler.toml binds; a rejection redelivers all of it. */
  readonly queue?: (batch: MessageBatch<string>, context: TriggerContext) => Promise<void>
  /** Runs each minute, beside the sweep. */
  readonly scheduled?: (context: TriggerContext) => Promise<void>
}

/** The durable transport between the edge and the lanes, as `src/config.ts` holds it. */
export interface Stream {
  /** The driver's name, for people. */
  readonly name: string
  /** Partitions; growing the number changes which partition a key goes to. */
  readonly partitions: number
  readonly problems: readonly string[]
  /** The most that one `append` takes; `envelopeBytes` is the most that one event may have with its header, in UTF-8. */
  readonly limits: { readonly events: number; readonly bytes: number; readonly envelopeBytes?: number }
  /** The most that one event's JSON may have, in bytes. */
  readonly eventBytesLimit: number
  /** Milliseconds for which the stream, or the lanes behind it, recognize a duplicate. */
  readonly dedupMs: number
  /** There where lanes read by offset; left out where batches are pushed to them. */
  readonly log?: ReadableLog
  /** There where the events rest in a Kafka of the user's own. */
  readonly kafka?: KafkaStream
  readonly triggers: StreamTriggers
  /**
   * Says which partition takes events of a key, where each of several can be unavailable alone; left out where none can. `facts`
   * are those of the envelope: regions are chosen by them.
   */
  readonly partitionOf?: (key: string, facts?: Facts) => number
  /**
   * Resolves once all events are durable; rejects with `stream_unavailable` if any may not be, and with `stream_limit`
   * above `limits`. May run in parallel. A repeat is harmless: the same source and messageId within the dedup window are
   * dropped by the log, or by the lane's inbox.
   *
   * `since` (milliseconds since the epoch) widens the dedup window back to it, for what was spilled then.
   *
   * @returns how many were new and how many were duplicates (0 where the stream cannot know)
   */
  readonly append: (
    batch: readonly Packed[],
    bindings: Bindings,
    options?: { readonly since?: number },
  ) => Promise<Appended>
}
