import { unpack } from '../core/envelope.ts'
import type { Chunk } from '../core/inbox.ts'
import type { TopicBytes, TopicRecord } from '../core/topic.ts'
import { unframe } from '../storage/frame.ts'

/**
 * How keys, values and headers stand in JSON. `text`: as text; a record that is not UTF-8 has base64 and `"encoding":"base64"`;
 * a key of null is an empty text, as clients of this dialect expect. `base64`: all of them are base64, in both directions.
 */
export type Encoding = 'text' | 'base64'

/** A record of a chunk, ready to be answered. */
export interface WireRecord {
  readonly offset: number
  /** JSON of the whole message. */
  readonly json: string
}

/** Where a chunk comes from. */
export interface ChunkOrigin {
  readonly topic: string
  readonly partition: number
  /** The log's chunks hold envelopes, those of a topic hold lines (see `TopicRecord`). */
  readonly isLog: boolean
  readonly encoding: Encoding
}

const encoder = new TextEncoder()

/** Writes text as base64 of its UTF-8. */
export function base64Of(text: string): string {
  let binary = ''
  for (const byte of encoder.encode(text)) binary += String.fromCharCode(byte)
  return btoa(binary)
}

/**
 * Reads the records of a chunk from an offset on.
 *
 * @param chunk as a partition hands it out
 * @param from records before it are left out
 * @param origin what the chunk is of
 */
export function* recordsOf(chunk: Chunk, from: number, origin: ChunkOrigin): Generator<WireRecord> {
  const text = unframe(chunk.data)
  const records = origin.isLog ? eventRecords(text) : lineRecords(text)
  let { offset } = chunk
  for (const record of records) {
    if (offset >= from) yield { offset, json: jsonOf(record(), { ...origin, offset, at: chunk.at }) }
    offset++
  }
}

/** The records of envelopes: the key is the one that orders events, the value is the event, what the edge knows is in headers. */
function* eventRecords(text: string): Generator<() => TopicRecord> {
  for (const { header, text: event } of unpack(text))
    yield () => [
      null,
      header.key,
      event,
      [
        ['message_id', header.id],
        ['source', header.source],
        ['received_at', header.receivedAt],
      ],
    ]
}

function* lineRecords(text: string): Generator<() => TopicRecord> {
  for (let start = 0; start < text.length;) {
    const end = text.indexOf('\n', start)
    const line = text.slice(start, end)
    yield () => JSON.parse(line) as TopicRecord
    start = end + 1
  }
}

function jsonOf(
  [timestamp, key, value, headers]: TopicRecord,
  { topic, partition, encoding, offset, at }: ChunkOrigin & { readonly offset: number; readonly at: number },
): string {
  const isText =
    encoding === 'text' && [key, value, ...headers.map(([, one]) => one)].every((one) => !Array.isArray(one))
  const write = (bytes: TopicBytes): string | null =>
    bytes === null ? null : isText ? (bytes as string) : typeof bytes === 'string' ? base64Of(bytes) : bytes[0]
  const shownKey = write(key)
  return `{"topic":${JSON.stringify(topic)},"partition":${partition},"offset":${offset},"timestamp":${timestamp ?? at},"key":${JSON.stringify(
    encoding === 'text' ? (shownKey ?? '') : shownKey,
  )},"value":${JSON.stringify(write(value))},"headers":${JSON.stringify(
    headers.map(([name, one]) => ({ key: name, value: write(one) })),
  )}${encoding === 'text' && !isText ? ',"encoding":"base64"' : ''}}`
}
