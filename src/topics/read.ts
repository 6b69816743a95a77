import { reasonOf } from '../core/errors.ts'
import type { OffsetReader } from '../core/topic.ts'
import { KafkaError } from './kafka-error.ts'
import { type AnswerLimits, MessageWriter } from './message-writer.ts'
import { eventsTopic, type TopicSet } from './topic-set.ts'

/** Where a reader stands. */
export interface ReadPosition {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

/** A position with the object that keeps its partition. */
export interface ReadPlace extends ReadPosition {
  readonly reader: OffsetReader
}

/** What was read. */
export interface ReadResult {
  /** How many messages the answer has. */
  readonly records: number
  /** The answer: a list of messages as JSON, in UTF-8. */
  readonly answer: Uint8Array<ArrayBuffer>
  /** Where reading goes on, for partitions of which something was read. */
  readonly next: readonly ReadPosition[]
  /** Positions behind the end of their partition, with the end. */
  readonly beyond: readonly (ReadPosition & { readonly head: number })[]
}

/** Partitions that are asked at once. */
const parallel = 6
/** Partitions that one call waits for at most; where there are more, it waits for a second only. */
const mostWaiting = 24
const shortWaitMs = 1_000
/** Compressed bytes that are read of a partition at once; records pack to an eighth or so. */
const packed = 8

/** Finds the objects of positions. */
export async function placesOf(positions: readonly ReadPosition[], topics: TopicSet): Promise<ReadPlace[]> {
  const places: ReadPlace[] = []
  for (const position of positions)
    places.push({ ...position, reader: await topics.readerOf(position.topic, position.partition) })
  return places
}

/**
 * Reads from several partitions, in the order in which they are given, until a limit is reached. A partition that does not
 * answer keeps no other back.
 *
 * @param places from where on
 * @param limits of the whole read
 * @throws {KafkaError} 503 when nothing was read and a partition did not answer
 */
export async function readPlaces(places: readonly ReadPlace[], limits: AnswerLimits): Promise<ReadResult> {
  const messages = new MessageWriter(limits)
  const next: ReadPosition[] = []
  const beyond: (ReadPosition & { head: number })[] = []
  let failure: string | undefined
  for (let i = 0; i < places.length && !messages.isFull; i += parallel) {
    const some = places.slice(i, i + parallel)
    const bytes = Math.max(1, Math.ceil(messages.left / packed / some.length))
    const answers = await Promise.all(
      some.map(({ reader, offset }) =>
        reader.read(offset, bytes).catch((error: unknown) => void (failure = reasonOf(error))),
      ),
    )
    for (const [k, answer] of answers.entries()) {
      if (answer === undefined) continue
      const { topic, partition, offset } = some[k] as ReadPlace
      if (offset > answer.head) beyond.push({ topic, partition, offset, head: answer.head })
      const origin = { topic, partition, isLog: topic === eventsTopic }
      let position = offset
      for (const chunk of answer.chunks) if (!messages.isFull) position = messages.write(chunk, position, origin)
      if (position > offset) next.push({ topic, partition, offset: position })
    }
  }
  if (messages.records === 0 && beyond.length === 0 && failure !== undefined)
    throw new KafkaError(503, `A partition did not answer; try again (${failure})`)
  return { records: messages.records, answer: messages.finish(), next, beyond }
}

/**
 * Waits until one of several partitions has something to read.
 *
 * @param places where the reader stands
 * @param ms milliseconds at most
 */
export async function waitForRecords(places: readonly ReadPlace[], ms: number): Promise<void> {
  const most = places.length > mostWaiting ? Math.min(ms, shortWaitMs) : ms
  // One that breaks off ends no other; when all do, the next read tells.
  await Promise.any(places.slice(0, mostWaiting).map(({ reader, offset }) => reader.wait(offset, most))).catch(
    () => undefined,
  )
}
