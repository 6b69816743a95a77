import type { OffsetReader } from '../core/topic.ts'
import { type Encoding, recordsOf } from './records.ts'
import { eventsTopic, type TopicSet } from './topic-set.ts'

/** Where a reader stands. */
export interface ReadPosition {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

/** How much is read at most, and how long is waited for the first record. */
export interface ReadLimits {
  readonly records: number
  /** UTF-16 code units of JSON; at least one record is read if there is any. */
  readonly length: number
  /** Milliseconds. */
  readonly waitMs: number
  readonly encoding: Encoding
}

/** What was read. */
export interface ReadResult {
  /** JSON of each message. */
  readonly messages: readonly string[]
  /** Where reading goes on, for partitions of which something was read. */
  readonly next: readonly ReadPosition[]
}

/** Partitions that are asked at once: a request may have six calls under way. */
const parallel = 6
/** Partitions that one call waits for; the others are read by the next calls. */
const mostWaiting = 24
/** Compressed bytes that are read of a partition at once; records pack to an eighth or so. */
const packed = 8

/**
 * Reads from several partitions, in the order in which they are given, until a limit is reached; where there is nothing, waits
 * for the first record to come.
 *
 * @param positions from where on
 * @param topics where they are
 * @param limits of the whole read
 */
export async function readPartitions(
  positions: readonly ReadPosition[],
  topics: TopicSet,
  limits: ReadLimits,
): Promise<ReadResult> {
  const places: Place[] = []
  for (const position of positions)
    places.push({ ...position, reader: await topics.readerOf(position.topic, position.partition) })
  const found = await readOnce(places, limits)
  if (found.messages.length > 0 || limits.waitMs <= 0 || places.length === 0) return found
  await Promise.race(places.slice(0, mostWaiting).map(async ({ reader, offset }) => reader.wait(offset, limits.waitMs)))
  return readOnce(places, limits)
}

type Place = ReadPosition & { readonly reader: OffsetReader }

async function readOnce(places: readonly Place[], limits: ReadLimits): Promise<ReadResult> {
  const messages: string[] = []
  const next: ReadPosition[] = []
  let length = 0
  const isFull = () => messages.length >= limits.records || length >= limits.length
  for (let i = 0; i < places.length && !isFull(); i += parallel) {
    const some = places.slice(i, i + parallel)
    const bytes = Math.max(1, Math.ceil((limits.length - length) / packed / some.length))
    const answers = await Promise.all(some.map(async ({ reader, offset }) => reader.read(offset, bytes)))
    for (const [k, { chunks }] of answers.entries()) {
      const { topic, partition, offset } = some[k] as Place
      let position = offset
      for (const chunk of chunks) {
        if (isFull()) break
        const origin = { topic, partition, isLog: topic === eventsTopic, encoding: limits.encoding }
        for (const record of recordsOf(chunk, position, origin)) {
          if (isFull() || (messages.length > 0 && length + record.json.length > limits.length)) break
          messages.push(record.json)
          length += record.json.length
          position = record.offset + 1
        }
      }
      if (position > offset) next.push({ topic, partition, offset: position })
    }
  }
  return { messages, next }
}
