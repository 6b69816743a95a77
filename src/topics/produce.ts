import type { Bindings } from '../core/bindings.ts'
import { reasonOf } from '../core/errors.ts'
import { isRecord } from '../core/json.ts'
import type { RecordTimes, TopicRecord } from '../core/topic.ts'
import { partitionOfBytes } from '../storage/murmur2.ts'
import { KafkaError } from './kafka-error.ts'
import { type RequestedRecord, requestedRecordOf } from './requested-record.ts'
import type { Encoding } from './records.ts'

/** UTF-16 code units of one record's line: it must fit into a row even where nothing compresses. */
const recordLength = 600_000
/** UTF-16 code units of lines in one append. */
const appendLength = 800_000
/** Partitions to which one call writes: each is a call of its own. */
const mostPlaces = 200

/** A record with where it goes. */
interface PlacedRecord {
  readonly topic: string
  readonly partition: number
  readonly timestamp: number | null
  readonly line: string
}

/** What became of a record. */
export type ProduceAnswer =
  | { readonly topic: string; readonly partition: number; readonly offset: number; readonly timestamp: number }
  | KafkaError

/** How the records of a call are read. */
export interface ProduceOptions {
  /** Of the path: takes the place of a missing one. */
  readonly topic?: string | undefined
  readonly encoding: Encoding
  /** Gives the number of a topic's partitions. Throws a KafkaError where the caller may not write to it. */
  readonly partitions: (topic: string) => Promise<number>
}

/**
 * Writes records: those of a partition in their order, partitions beside each other.
 *
 * @param body parsed JSON: one record or a list
 * @param options how it is read
 * @param bindings where topics are
 * @returns what became of each, in their order. Behind one that may not be written, those of the same partition are not tried; one that is refused keeps none back
 * @throws {KafkaError} 400 where it is neither, or goes to too many partitions: then nothing is written
 */
export async function produceRecords(
  body: unknown,
  options: ProduceOptions,
  bindings: Bindings,
): Promise<ProduceAnswer[]> {
  if (!Array.isArray(body) && !isRecord(body))
    throw new KafkaError(400, 'The body must be a record like {"topic":"orders","value":"…"}, or a list of them')
  const inputs: readonly unknown[] = Array.isArray(body) ? body : [body]
  const counts = new Map<string, number | KafkaError>()
  // Records without a key go to one partition, which packs them better (Kafka: sticky partitioner).
  const sticky = Math.random()
  const placed: (PlacedRecord | KafkaError)[] = []
  for (const input of inputs) {
    const requested = attempt(() => requestedRecordOf(input, options))
    if (requested instanceof KafkaError) {
      placed.push(requested)
      continue
    }
    const { topic } = requested
    if (!counts.has(topic)) counts.set(topic, await attemptAsync(() => options.partitions(topic)))
    const count = counts.get(topic) as number | KafkaError
    placed.push(count instanceof KafkaError ? count : attempt(() => placeRecord(requested, count, sticky)))
  }
  return append(placed, bindings)
}

function placeRecord(
  { topic, partition: wanted, keyBytes, timestamp, key, value, headers }: RequestedRecord,
  partitions: number,
  sticky: number,
): PlacedRecord {
  const partition =
    wanted ?? (keyBytes === null ? Math.floor(sticky * partitions) : partitionOfBytes(keyBytes, partitions))
  if (partition >= partitions)
    throw new KafkaError(400, `There is no partition ${partition} of the topic ${topic}, which has ${partitions}`)
  const record: TopicRecord = [timestamp, key, value, headers]
  const line = `${JSON.stringify(record)}\n`
  if (line.length > recordLength)
    throw new KafkaError(413, `The record has ${line.length} characters of JSON; it may have ${recordLength}`)
  return { topic, partition, timestamp, line }
}

async function append(placed: readonly (PlacedRecord | KafkaError)[], bindings: Bindings): Promise<ProduceAnswer[]> {
  const answers: ProduceAnswer[] = []
  const places = new Map<string, number[]>()
  for (const [i, record] of placed.entries()) {
    if (record instanceof KafkaError) {
      answers[i] = record
      continue
    }
    const name = `${record.topic}:${record.partition}`
    const indexes = places.get(name)
    if (indexes === undefined) places.set(name, [i])
    else indexes.push(i)
  }
  if (places.size > mostPlaces)
    throw new KafkaError(400, `The records are for ${places.size} partitions; send those of ${mostPlaces} at once`)
  await Promise.all(
    [...places].map(async ([name, indexes]) => {
      const object = bindings.TOPIC.getByName(name)
      let failure: KafkaError | undefined
      for (const piece of piecesOf(indexes, placed as readonly PlacedRecord[])) {
        const records = piece.map((i) => placed[i] as PlacedRecord)
        try {
          // Behind a record that may not be written, nothing is: the order would be another one.
          if (failure !== undefined) throw failure
          const { offset, at } = await object.append(
            records.map(({ line }) => line).join(''),
            records.length,
            timesOf(records),
          )
          records.forEach(({ topic, partition, timestamp }, k) => {
            answers[piece[k] as number] = { topic, partition, offset: offset + k, timestamp: timestamp ?? at }
          })
        } catch (error) {
          const notTried = failure !== undefined
          failure ??= new KafkaError(503, `The topic did not answer; try again (${reasonOf(error)})`, 'unknown')
          for (const i of piece) answers[i] = notTried ? new KafkaError(503, failure.message, 'yes') : failure
        }
      }
    }),
  )
  return answers
}

function timesOf(records: readonly PlacedRecord[]): RecordTimes | undefined {
  const given = records.flatMap(({ timestamp }) => (timestamp === null ? [] : [timestamp]))
  if (given.length === 0) return undefined
  return { newest: given.reduce((most, one) => Math.max(most, one)), isMixed: given.length < records.length }
}

function* piecesOf(indexes: readonly number[], records: readonly PlacedRecord[]): Generator<number[]> {
  let piece: number[] = []
  let length = 0
  for (const i of indexes) {
    const { line } = records[i] as PlacedRecord
    if (piece.length > 0 && length + line.length > appendLength) {
      yield piece
      piece = []
      length = 0
    }
    piece.push(i)
    length += line.length
  }
  if (piece.length > 0) yield piece
}

function attempt<T>(make: () => T): T | KafkaError {
  try {
    return make()
  } catch (error) {
    if (error instanceof KafkaError) return error
    throw error
  }
}

async function attemptAsync<T>(make: () => Promise<T>): Promise<T | KafkaError> {
  try {
    return await make()
  } catch (error) {
    if (error instanceof KafkaError) return error
    throw error
  }
}
