import type { Chunk } from '../core/inbox.ts'
import type { TopicBytes, TopicRecord } from '../core/topic.ts'
import { unframe } from '../storage/frame.ts'

/**
 * How keys, values and headers stand in JSON. `text`: as text; a record that is not UTF-8 has base64 and `"encoding":"base64"`.
 * `base64`: all of them are base64, in both directions.
 */
export type Encoding = 'text' | 'base64'

const encoder = new TextEncoder()

/** Writes text as base64 of its UTF-8. */
function base64Of(text: string): string {
  const bytes = encoder.encode(text)
  let binary = ''
  for (let at = 0; at < bytes.length; at += 8_192) binary += String.fromCharCode(...bytes.subarray(at, at + 8_192))
  return btoa(binary)
}

/**
 * Writes what follows the offset of a message, but for the name of its time.
 *
 * @param record key, value, headers, and its time where the producer gave one
 * @param encoding how bytes stand in JSON
 * @param at the time of its append
 */
export function recordMessage([timestamp, key, value, headers]: TopicRecord, encoding: Encoding, at: number): string {
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
  return `${timestamp ?? at},"key":${write(key)},"value":${write(value)},"headers":[${shown.join(',')}]${note}}`
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
