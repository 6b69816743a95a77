import type { Header } from '../core/envelope.ts'
import type { Chunk } from '../core/inbox.ts'
import type { TopicBytes, TopicRecord } from '../core/topic.ts'
import { unframe } from '../storage/frame.ts'

/**
 * How keys, values and headers stand in JSON. `text`: as text; a record that is not UTF-8 has base64 and `"encoding":"base64"`.
 * `base64`: all of them are base64, in both directions.
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
function base64Of(text: string): string {
  let binary = ''
  for (const byte of encoder.encode(text)) binary += String.fromCharCode(byte)
  return btoa(binary)
}

/**
 * Writes the records of a chunk as messages, from an offset on.
 *
 * @param chunk of the log or of a topic
 * @param from the first offset that is wanted
 * @param origin what the messages say of where they come from
 */
export function* recordsOf(chunk: Chunk, from: number, origin: ChunkOrigin): Generator<WireRecord> {
  const { isLog, encoding, topic, partition } = origin
  const lines = unframe(chunk.data)
  const begin = `{"topic":${JSON.stringify(topic)},"partition":${partition},"offset":`
  let { offset } = chunk
  for (let start = 0; start < lines.length; offset++) {
    // An envelope has two lines, a record one.
    const middle = isLog ? lines.indexOf('\n', start) + 1 : start
    const end = lines.indexOf('\n', middle)
    if (offset >= from) {
      const rest = isLog
        ? eventMessage(lines.slice(start, middle), lines.slice(middle, end), origin)
        : recordMessage(JSON.parse(lines.slice(start, end)) as TopicRecord, encoding, chunk.at)
      yield { offset, json: isLog ? `${begin}${offset},"timestamp":${chunk.at}${rest}` : `${begin}${offset}${rest}` }
    }
    start = end + 1
  }
}

/** The fields that `pack` writes first, each JSON text already. */
const headerStart =
  /^\{"id":("(?:[^"\\]|\\.)*"),"key":("(?:[^"\\]|\\.)*"),"source":("(?:[^"\\]|\\.)*"),"receivedAt":("(?:[^"\\]|\\.)*")/

/** The record of an envelope: the key is the one that orders events, the value is the event, what the edge knows is in headers. */
function eventMessage(header: string, event: string, { encoding }: ChunkOrigin): string {
  const write = encoding === 'text' ? JSON.stringify : (text: string) => `"${base64Of(text)}"`
  let [, id, key, source, receivedAt] = headerStart.exec(header) ?? []
  if (encoding !== 'text' || id === undefined) {
    const parsed = JSON.parse(header) as Header
    id = write(parsed.id)
    key = write(parsed.key)
    source = write(parsed.source)
    receivedAt = write(parsed.receivedAt)
  }
  return `,"key":${key},"value":${write(event)},"headers":[{"key":"message_id","value":${id}},{"key":"source","value":${source}},{"key":"received_at","value":${receivedAt}}]}`
}

function recordMessage([timestamp, key, value, headers]: TopicRecord, encoding: Encoding, at: number): string {
  const isText = encoding === 'text' && isTextual(key) && isTextual(value) && headers.every(([, one]) => isTextual(one))
  const write = (bytes: TopicBytes): string =>
    bytes === null
      ? 'null'
      : typeof bytes === 'string'
        ? isText
          ? JSON.stringify(bytes)
          : `"${base64Of(bytes)}"`
        : `"${bytes[0]}"`
  const shown = headers.map(([name, one]) => `{"key":${JSON.stringify(name)},"value":${write(one)}}`)
  const note = encoding === 'text' && !isText ? ',"encoding":"base64"' : ''
  return `,"timestamp":${timestamp ?? at},"key":${write(key)},"value":${write(value)},"headers":[${shown.join(',')}]${note}}`
}

const isTextual = (bytes: TopicBytes): boolean => !Array.isArray(bytes)

/**
 * Finds the first record of a topic's chunk whose time is `time` or later.
 *
 * @param chunk of a topic
 * @param time milliseconds since the epoch
 * @returns its offset; the one after the chunk when there is none
 */
export function offsetInChunk(chunk: Chunk, time: number): number {
  let { offset } = chunk
  for (const line of unframe(chunk.data).split('\n')) {
    if (line === '') break
    const [timestamp] = JSON.parse(line) as TopicRecord
    if ((timestamp ?? chunk.at) >= time) break
    offset++
  }
  return offset
}
