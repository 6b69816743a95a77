import * as v from 'valibot'
import type { Bindings } from '../core/bindings.ts'
import { reasonOf } from '../core/errors.ts'
import type { TopicBytes, TopicRecord } from '../core/topic.ts'
import { partitionOfBytes } from '../storage/murmur2.ts'
import { KafkaError } from './kafka-error.ts'
import type { Encoding } from './records.ts'
import { eventsTopic } from './topic-set.ts'

const header = v.object({ key: v.string(), value: v.nullish(v.string()) })
const message = v.object({
  topic: v.optional(v.string()),
  partition: v.nullish(v.pipe(v.number(), v.integer(), v.minValue(0))),
  timestamp: v.nullish(v.pipe(v.number(), v.integer(), v.minValue(0))),
  key: v.nullish(v.string()),
  value: v.nullable(v.string()),
  headers: v.nullish(v.array(header)),
})
const messages = v.union([message, v.array(message)])

/** UTF-16 code units of one record's line: it must fit into a row even where nothing compresses. */
const recordLength = 600_000
/** UTF-16 code units of lines in one append. */
const appendLength = 800_000

/** A record with where it goes. */
export interface ProducedRecord {
  readonly topic: string
  readonly partition: number
  readonly line: string
}

/** What became of a record; `retry` of a failure as in `ProduceOutcome`. */
export type ProduceAnswer =
  | { readonly topic: string; readonly partition: number; readonly offset: number; readonly timestamp: number }
  | { readonly error: string; readonly status: number; readonly retry: 'unknown' }

const encoder = new TextEncoder()
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Reads base64; undefined where it is none. */
function bytesOf(base64: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))
  } catch {
    return undefined
  }
}

/** Keeps bytes as text where they are UTF-8: text compresses better, and is read without decoding. */
function textOrBase64(bytes: Uint8Array, base64: string): TopicBytes {
  try {
    return strictDecoder.decode(bytes)
  } catch {
    return [base64]
  }
}

/**
 * Reads the body of a produce call: one message or a list.
 *
 * @param body parsed JSON
 * @param options `topic` of the path, which takes the place of a missing one; `encoding` of keys, values and headers; `partitions`
 *   gives the number of a topic
 * @throws {KafkaError} 400 where a message is wrong, 413 where one is too large: then nothing is written
 */
export async function readMessages(
  body: unknown,
  options: {
    readonly topic?: string | undefined
    readonly encoding: Encoding
    readonly partitions: (topic: string) => Promise<number>
  },
): Promise<ProducedRecord[]> {
  const parsed = v.safeParse(messages, body)
  if (!parsed.success)
    throw new KafkaError(
      400,
      `A message is {"topic","value"} with key, partition, timestamp and headers as it likes: ${v.flatten(parsed.issues).root?.[0] ?? parsed.issues.map((issue) => `${v.getDotPath(issue) ?? ''}: ${issue.message}`).join('; ')}`,
    )
  const list = Array.isArray(parsed.output) ? parsed.output : [parsed.output]
  // Records without a key go to one partition, which packs them better (Kafka: sticky partitioner).
  const sticky = Math.random()
  const records: ProducedRecord[] = []
  for (const [i, one] of list.entries()) {
    const topic = options.topic ?? one.topic
    if (topic === undefined) throw new KafkaError(400, `Message ${i} names no topic`)
    if (topic === eventsTopic)
      throw new KafkaError(
        403,
        'The topic events takes what is sent to /v1/track and the other routes: nobody produces to it directly',
      )
    const partitions = await options.partitions(topic)
    const decode = (text: string | null | undefined, what: string): [Uint8Array | null, TopicBytes] => {
      if (text === null || text === undefined) return [null, null]
      if (options.encoding === 'text') return [what === 'key' ? encoder.encode(text) : null, text]
      const bytes = bytesOf(text)
      if (bytes === undefined) throw new KafkaError(400, `Message ${i}: its ${what} is no base64`)
      return [bytes, textOrBase64(bytes, text)]
    }
    const [keyBytes, key] = decode(one.key, 'key')
    const partition =
      one.partition ?? (keyBytes === null ? Math.floor(sticky * partitions) : partitionOfBytes(keyBytes, partitions))
    if (partition >= partitions)
      throw new KafkaError(400, `Message ${i}: the topic ${topic} has ${partitions} partitions, not ${partition + 1}`)
    const record: TopicRecord = [
      one.timestamp ?? null,
      key,
      decode(one.value, 'value')[1],
      (one.headers ?? []).map(({ key: name, value }) => [name, decode(value, 'header')[1]] as const),
    ]
    const line = `${JSON.stringify(record)}\n`
    if (line.length > recordLength)
      throw new KafkaError(413, `Message ${i} has ${line.length} characters; a record has at most ${recordLength}`)
    records.push({ topic, partition, line })
  }
  return records
}

/**
 * Appends records: those of a partition in their order, partitions beside each other.
 *
 * @returns what became of each, in the order of the records. After a failure, later ones of the same partition are not tried
 */
export async function appendRecords(records: readonly ProducedRecord[], bindings: Bindings): Promise<ProduceAnswer[]> {
  const answers: ProduceAnswer[] = []
  const places = new Map<string, number[]>()
  for (const [i, { topic, partition }] of records.entries()) {
    const name = `${topic}:${partition}`
    const indexes = places.get(name)
    if (indexes === undefined) places.set(name, [i])
    else indexes.push(i)
  }
  await Promise.all(
    [...places].map(async ([name, indexes]) => {
      const object = bindings.TOPIC.getByName(name)
      let failure: string | undefined
      for (const piece of piecesOf(indexes, records)) {
        try {
          if (failure !== undefined) throw new Error(failure)
          const lines = piece.map((i) => (records[i] as ProducedRecord).line)
          const { offset, at } = await object.append(lines.join(''), lines.length)
          piece.forEach((i, k) => {
            const { topic, partition, line } = records[i] as ProducedRecord
            const [timestamp] = JSON.parse(`${line.slice(0, line.indexOf(','))}]`) as [number | null]
            answers[i] = { topic, partition, offset: offset + k, timestamp: timestamp ?? at }
          })
        } catch (error) {
          failure ??= reasonOf(error)
          for (const i of piece) answers[i] = { error: failure, status: 503, retry: 'unknown' }
        }
      }
    }),
  )
  return answers
}

function* piecesOf(indexes: readonly number[], records: readonly ProducedRecord[]): Generator<number[]> {
  let piece: number[] = []
  let length = 0
  for (const i of indexes) {
    const { line } = records[i] as ProducedRecord
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
