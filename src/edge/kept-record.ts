import { fromBase64, toBase64 } from '../core/base64.ts'
import { isRecord } from '../core/json.ts'
import type { KafkaBytes, KafkaMessage } from '../core/kafka.ts'
import type { KafkaSourceRecord } from '../core/kafka-source.ts'

const lenient = new TextDecoder()
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()
/** The latest time that a `Date` holds, in milliseconds. */
const lastTime = 8_640_000_000_000_000

/** A record as a dead letter holds it: with `value` where it was decoded; else with `text` or, where it is no UTF-8, `bytes` (base64). */
export type KeptRecord = Omit<KafkaSourceRecord, 'value'> & {
  readonly value?: unknown
  readonly text?: string
  readonly bytes?: string
  /** Headers that are no UTF-8, as base64: an id of a schema may be one. */
  readonly headerBytes?: Readonly<Record<string, string>>
}

/** The time of a record; undefined where it has none that is any: Kafka's -1 stands for none. */
export const timeOf = ({ timestamp }: Pick<KafkaMessage, 'timestamp'>): number | undefined =>
  timestamp !== undefined && timestamp >= 0 && timestamp <= lastTime ? timestamp : undefined

/** Makes of a message what `map` gets, with a value that was decoded. */
export const recordOf = (message: KafkaMessage, value: unknown): KafkaSourceRecord => ({ ...aboutOf(message), value })

const aboutOf = (message: KafkaMessage): Omit<KafkaSourceRecord, 'value'> => {
  const { topic, partition, offset, key, headers } = message
  const timestamp = timeOf(message)
  return {
    topic,
    partition,
    offset,
    ...(timestamp === undefined ? {} : { timestamp }),
    key: key === null ? null : lenient.decode(key),
    headers: Object.fromEntries(headers.map(([name, one]) => [name, one === null ? '' : lenient.decode(one)])),
  }
}

/**
 * Makes of a message what a dead letter holds, so that it can be decoded again.
 *
 * @param message whose value could not be decoded
 */
export function keepRecord(message: KafkaMessage): KeptRecord {
  const { value, headers } = message
  const text = textOf(value)
  const binary = headers.flatMap(([name, one]): [string, string][] =>
    one === null || textOf(one) !== undefined ? [] : [[name, toBase64(one)]],
  )
  return {
    ...aboutOf(message),
    ...(value === null ? { value } : text === undefined ? { bytes: toBase64(value) } : { text }),
    ...(binary.length === 0 ? {} : { headerBytes: Object.fromEntries(binary) }),
  }
}

/** Reads what a dead letter holds; undefined where somebody has given it another form. */
export function keptRecordIn(kept: unknown): KeptRecord | undefined {
  if (!isRecord(kept) || typeof kept['topic'] !== 'string' || !isRecord(kept['headers'])) return undefined
  return kept as unknown as KeptRecord
}

/**
 * Makes a message again of a record whose value was not decoded.
 *
 * @returns undefined where it has a value; throws a DOMException where its bytes are no base64
 */
export function messageOfKept({
  value,
  text,
  bytes,
  headerBytes = {},
  ...about
}: KeptRecord): KafkaMessage | undefined {
  if (value !== undefined || (text === undefined && bytes === undefined)) return undefined
  const { key, headers, ...place } = about
  return {
    ...place,
    key: key === null ? null : encoder.encode(key),
    value: text === undefined ? fromBase64(bytes) : encoder.encode(text),
    headers: Object.entries(headers).map(([name, one]) => {
      const binary = Object.hasOwn(headerBytes, name) ? headerBytes[name] : undefined
      return [name, binary === undefined ? encoder.encode(one) : fromBase64(binary)] as const
    }),
  }
}

function textOf(bytes: KafkaBytes): string | undefined {
  if (bytes === null) return undefined
  try {
    return strict.decode(bytes)
  } catch {
    return undefined
  }
}
