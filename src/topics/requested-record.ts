import { isRecord } from '../core/json.ts'
import type { TopicBytes } from '../core/topic.ts'
import { KafkaError } from './kafka-error.ts'
import type { Encoding } from './records.ts'

/** A record as a caller sends it, with its fields checked. */
export interface RequestedRecord {
  readonly topic: string
  readonly partition: number | null
  readonly timestamp: number | null
  /** For the partitioner. */
  readonly keyBytes: Uint8Array | null
  readonly key: TopicBytes
  readonly value: TopicBytes
  readonly headers: readonly (readonly [name: string, value: TopicBytes])[]
}

const encoder = new TextEncoder()
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const standardBase64 = /^(?:[A-Za-z\d+/]{4})*(?:[A-Za-z\d+/]{2}==|[A-Za-z\d+/]{3}=)?$/

const bad = (message: string): KafkaError => new KafkaError(400, message)

/** Whether it is a whole number from 0 on that JSON carries exactly. */
export const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/**
 * Checks a record of a produce call.
 *
 * @param input as JSON gives it
 * @param options `topic` of the path, and how keys, values and headers stand in JSON
 * @throws {KafkaError} 400, which names the field
 */
export function requestedRecordOf(
  input: unknown,
  { topic: inPath, encoding }: { readonly topic?: string | undefined; readonly encoding: Encoding },
): RequestedRecord {
  if (!isRecord(input)) throw bad('A record must be an object like {"topic":"orders","value":"…"}')
  const { topic = inPath, partition = null, timestamp = null, key = null, value, headers } = input
  if (typeof topic !== 'string' || topic === '') throw bad('topic must be the name of a topic')
  if (inPath !== undefined && topic !== inPath) throw bad(`topic is "${topic}", and the path says "${inPath}"`)
  if (partition !== null && !isWhole(partition)) throw bad('partition must be a whole number from 0 on')
  if (timestamp !== null && !isWhole(timestamp))
    throw bad('timestamp must be milliseconds since 1970, a whole number from 0 on')
  if (value === undefined) throw bad('value is missing; null is a tombstone')
  const [keyBytes, keptKey] = bytesOf(key, 'key', encoding)
  const kept = bytesOf(value, 'value', encoding)[1]
  return { topic, partition, timestamp, keyBytes, key: keptKey, value: kept, headers: headersOf(headers, encoding) }
}

function headersOf(input: unknown, encoding: Encoding): RequestedRecord['headers'] {
  if (input === undefined || input === null) return []
  if (!Array.isArray(input)) throw bad('headers must be a list of {"key":"…","value":"…"}')
  return input.map((header: unknown, i) => {
    if (!isRecord(header) || typeof header['key'] !== 'string' || header['value'] === undefined)
      throw bad(`headers.${i} must look like {"key":"…","value":"…"}`)
    if (!header['key'].isWellFormed()) throw bad(`headers.${i}.key holds half of a surrogate pair, which is no text`)
    return [header['key'], bytesOf(header['value'], `headers.${i}.value`, encoding)[1]] as const
  })
}

/** The bytes, where they are needed, and the form in which they are kept: text where it is UTF-8, which packs better. */
function bytesOf(value: unknown, field: string, encoding: Encoding): [Uint8Array | null, TopicBytes] {
  if (value === null) return [null, null]
  if (typeof value !== 'string')
    throw bad(`${field} must be a string or null; objects and numbers are sent as their JSON text`)
  if (encoding === 'base64') {
    if (!standardBase64.test(value)) throw bad(`${field} is not base64 (the standard alphabet, with padding)`)
    const bytes = Uint8Array.from(atob(value), (char) => char.charCodeAt(0))
    try {
      return [bytes, strictDecoder.decode(bytes)]
    } catch {
      return [bytes, [value]]
    }
  }
  // Half of a character cannot be written as UTF-8, and would become another one.
  if (!value.isWellFormed()) throw bad(`${field} holds half of a surrogate pair, which is no text`)
  return [field === 'key' ? encoder.encode(value) : null, value]
}
