import { BridgeError } from './errors.ts'

/** How keys, values and header values stand in JSON: as text, or as base64 with the header `Kafka-Encoding: base64`. */
export type Encoding = 'text' | 'base64'

/** A record as a caller sends it, with its fields checked. */
export interface RequestedRecord {
  readonly topic: string
  readonly partition: number | undefined
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly (readonly [Buffer, Buffer | null])[]
  /** Milliseconds. */
  readonly timestamp: number | undefined
}

/** A record as it was read from a partition. */
export interface ReadRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  /** Milliseconds. */
  readonly timestamp: bigint
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly (readonly [Buffer | null, Buffer | null])[]
}

const bad = (message: string) => new BridgeError(400, message)

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * Finds out which encoding a request asks for.
 *
 * @param header the value of `Kafka-Encoding`
 * @returns the encoding; text where nothing is asked for
 * @throws BridgeError 400 for any other
 */
export function encodingOf(header: string | string[] | undefined): Encoding {
  if (header === undefined || header === 'text' || header === 'base64') return header ?? 'text'
  throw bad('Kafka-Encoding must be text or base64')
}

/**
 * Checks a record of a produce request.
 *
 * @param input as JSON gives it
 * @param topic of the path, for records that name none
 * @param encoding of its key, value and header values
 * @returns the record
 * @throws BridgeError 400 that names the field
 */
export function recordOf(input: unknown, topic: string | undefined, encoding: Encoding): RequestedRecord {
  if (!isObject(input)) throw bad('A record must be an object like {"topic": "orders", "value": "…"}')
  const named = input['topic'] ?? topic
  if (typeof named !== 'string' || named === '') throw bad('topic must be the name of a topic')
  if (topic !== undefined && named !== topic) throw bad(`topic is "${named}", and the path says "${topic}"`)
  const { partition, key, value, headers, timestamp } = input
  if (partition !== undefined && partition !== null && !isWhole(partition))
    throw bad('partition must be a whole number from 0 on')
  if (timestamp !== undefined && timestamp !== null && !isWhole(timestamp))
    throw bad('timestamp must be milliseconds since 1970, a whole number from 0 on')
  if (value === undefined) throw bad('value is missing; null is a tombstone')
  return {
    topic: named,
    partition: isWhole(partition) ? partition : undefined,
    key: bytesOf(key ?? null, 'key', encoding),
    value: bytesOf(value, 'value', encoding),
    headers: headersOf(headers ?? [], encoding),
    timestamp: isWhole(timestamp) ? timestamp : undefined,
  }
}

/** Whether it is a whole number from 0 on that JSON carries exactly. */
export const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

function headersOf(input: unknown, encoding: Encoding): (readonly [Buffer, Buffer | null])[] {
  if (!Array.isArray(input)) throw bad('headers must be a list of {"key": "…", "value": "…"}')
  return input.map((header: unknown, i) => {
    if (!isObject(header) || typeof header['key'] !== 'string' || header['value'] === undefined)
      throw bad(`headers.${i} must look like {"key": "…", "value": "…"}`)
    const name = bytesOf(header['key'], `headers.${i}.key`, 'text') ?? Buffer.alloc(0)
    return [name, bytesOf(header['value'], `headers.${i}.value`, encoding)] as const
  })
}

const standardBase64 = /^(?:[A-Za-z\d+/]{4})*(?:[A-Za-z\d+/]{2}==|[A-Za-z\d+/]{3}=)?$/

function bytesOf(value: unknown, field: string, encoding: Encoding): Buffer | null {
  if (value === null) return null
  if (typeof value !== 'string')
    throw bad(`${field} must be a string or null; objects and numbers are sent as their JSON text`)
  if (encoding === 'base64') {
    if (!standardBase64.test(value)) throw bad(`${field} is not base64 (the standard alphabet, with padding)`)
    return Buffer.from(value, 'base64')
  }
  // Half of a character cannot be written as UTF-8, and would become another one.
  if (!value.isWellFormed()) throw bad(`${field} holds half of a surrogate pair, which is no text`)
  return Buffer.from(value, 'utf8')
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function textOf(bytes: Buffer | null): string | null {
  return bytes === null ? null : utf8.decode(bytes)
}

/**
 * Writes a record for an answer.
 *
 * @param record as it was read
 * @param encoding that was asked for; a record that is not text is written in base64 and says so
 * @returns an object for JSON
 */
export function encodeRecord(record: ReadRecord, encoding: Encoding): Readonly<Record<string, unknown>> {
  if (encoding === 'base64') return encodedBy(record, base64)
  try {
    return encodedBy(record, textOf)
  } catch {
    return { ...encodedBy(record, base64), encoding: 'base64' }
  }
}

const base64 = (bytes: Buffer | null) => bytes?.toString('base64') ?? null

const encodedBy = (record: ReadRecord, encode: (bytes: Buffer | null) => string | null) => ({
  topic: record.topic,
  partition: record.partition,
  offset: Number(record.offset),
  timestamp: Number(record.timestamp),
  key: encode(record.key),
  value: encode(record.value),
  headers: record.headers.map(([name, value]) => ({ key: name?.toString('utf8') ?? '', value: encode(value) })),
})

/** Bytes that count against the bound of an answer: keys, values, headers. */
export const sizeOf = ({ key, value, headers }: ReadRecord): number =>
  headers.reduce(
    (sum, [name, text]) => sum + (name?.length ?? 0) + (text?.length ?? 0),
    (key?.length ?? 0) + (value?.length ?? 0),
  )

/** A place in a topic. */
export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** A place in a partition. */
export interface TopicPartitionOffset extends TopicPartition {
  readonly offset: number
}

/**
 * Reads one place or a list of them.
 *
 * @param input as JSON gives it
 * @returns the places
 * @throws BridgeError 400 that names what is wrong
 */
export function partitionsOf(input: unknown): TopicPartition[] {
  return (Array.isArray(input) ? input : [input]).map((one: unknown) => {
    if (!isObject(one) || typeof one['topic'] !== 'string' || !isWhole(one['partition']))
      throw bad('A partition must look like {"topic": "orders", "partition": 0}')
    return { topic: one['topic'], partition: one['partition'] }
  })
}

/**
 * Reads one place with an offset, or a list of them.
 *
 * @param input as JSON gives it
 * @returns the places
 * @throws BridgeError 400 that names what is wrong
 */
export function offsetsOf(input: unknown): TopicPartitionOffset[] {
  return (Array.isArray(input) ? input : [input]).map((one: unknown) => {
    if (!isObject(one) || typeof one['topic'] !== 'string' || !isWhole(one['partition']) || !isWhole(one['offset']))
      throw bad('An offset must look like {"topic": "orders", "partition": 0, "offset": 42}')
    return { topic: one['topic'], partition: one['partition'], offset: one['offset'] }
  })
}
