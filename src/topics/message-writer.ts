import type { Header } from '../core/envelope.ts'
import type { Chunk } from '../core/inbox.ts'
import type { TopicRecord } from '../core/topic.ts'
import { inflateFrames } from '../storage/frame.ts'
import { bytesEqual, JsonBytes, stringEnd } from './json-bytes.ts'
import { type Encoding, recordMessage } from './records.ts'

/** How much an answer holds at most. */
export interface AnswerLimits {
  readonly records: number
  /** Bytes of JSON; at least one record is written if there is any. */
  readonly bytes: number
  readonly encoding: Encoding
}

/** Where a chunk comes from. */
export interface ChunkOrigin {
  readonly topic: string
  readonly partition: number
  /** The log's chunks hold envelopes, those of a topic hold lines (see `TopicRecord`). */
  readonly isLog: boolean
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const newline = 10
const comma = 44
const quote = 34
const bytesOf = (text: string): Uint8Array => encoder.encode(text)

/** The names of the fields that `pack` writes first, as they stand in a header. */
const headerNames = ['{"id":', ',"key":', ',"source":', ',"receivedAt":'].map(bytesOf)
const keyName = bytesOf(',"key":')
const valueName = bytesOf(',"value":"')
const eventHeaders = [
  bytesOf('","headers":[{"key":"message_id","value":'),
  bytesOf('},{"key":"source","value":'),
  bytesOf('},{"key":"received_at","value":'),
] as const
const eventEnd = bytesOf('}]}')
const recordValueName = bytesOf(',"value":')
const noHeaders = bytesOf(',[]]')
const recordEnd = bytesOf(',"headers":[]}')

/** Bytes of a usual message, and of one more than the limit: an answer gets room for so much. */
const usualMessage = 2_000
const oneMore = 65_536

/**
 * Writes an answer of messages: a list as JSON, in UTF-8.
 *
 * It works on bytes: what a chunk holds is JSON already, and is copied. Reading the text and writing it again takes three times
 * as long.
 */
export class MessageWriter {
  readonly #limits: AnswerLimits
  readonly #out: JsonBytes
  #records = 0
  /** True when a record had no room: none behind it may be written, or it would be passed over. */
  #isCut = false

  constructor(limits: AnswerLimits) {
    this.#limits = limits
    this.#out = new JsonBytes(Math.min(limits.bytes, limits.records * usualMessage) + oneMore)
    this.#out.ascii('[')
  }

  get records(): number {
    return this.#records
  }

  get isFull(): boolean {
    const { records, bytes } = this.#limits
    return this.#isCut || this.#records >= records || (this.#records > 0 && this.#out.length >= bytes)
  }

  /** Bytes that still have room. */
  get left(): number {
    return Math.max(0, this.#limits.bytes - this.#out.length)
  }

  /** The whole answer. */
  finish(): Uint8Array<ArrayBuffer> {
    this.#out.ascii(']')
    return this.#out.finish()
  }

  /**
   * Writes the records of a chunk, as many as there is room for.
   *
   * @param chunk of the log or of a topic
   * @param from the first offset that is wanted
   * @param origin what the messages say of where they come from
   * @returns the offset after the last record that was written; `from` when there is none
   */
  write(chunk: Chunk, from: number, { topic, partition, isLog }: ChunkOrigin): number {
    const begin = bytesOf(`{"topic":${JSON.stringify(topic)},"partition":${partition},"offset":`)
    const out = this.#out
    let { offset } = chunk
    let next = from
    for (const lines of inflateFrames(chunk.data))
      for (let start = 0; start < lines.length; offset++) {
        if (offset < from) {
          // An envelope has two lines, a record one.
          if (isLog) start = lines.indexOf(newline, start) + 1
          start = lines.indexOf(newline, start) + 1
          continue
        }
        if (this.isFull) return next
        const before = out.length
        if (this.#records > 0) out.ascii(',')
        out.copy(begin)
        out.ascii(`${offset},"timestamp":`)
        const end = isLog ? this.#event(lines, start, chunk.at) : this.#record(lines, start, chunk.at)
        if (this.#records > 0 && out.length > this.#limits.bytes) {
          out.cutTo(before)
          this.#isCut = true
          return next
        }
        this.#records++
        next = offset + 1
        start = end + 1
      }
    return next
  }

  /**
   * The record of an envelope: the key is the one that orders events, the value is the event, what the edge knows is in headers.
   *
   * @returns where its second line ends
   */
  #event(lines: Uint8Array, start: number, at: number): number {
    const out = this.#out
    const places = this.#limits.encoding === 'text' ? headerPlaces(lines, start) : undefined
    if (places === undefined) {
      const middle = lines.indexOf(newline, start) + 1
      const end = lines.indexOf(newline, middle)
      const { id, key, source, receivedAt } = JSON.parse(decoder.decode(lines.subarray(start, middle))) as Header
      const headers = Object.entries({ message_id: id, source, received_at: receivedAt })
      const event = decoder.decode(lines.subarray(middle, end))
      out.text(recordMessage([null, key, event, headers], this.#limits.encoding, at))
      return end
    }
    const [id, key, source, receivedAt] = places as [Place, Place, Place, Place]
    out.ascii(`${at},"key":`)
    out.copy(lines, ...key)
    out.copy(valueName)
    const end = out.escapedLine(lines, lines.indexOf(newline, receivedAt[1]) + 1)
    out.copy(eventHeaders[0])
    out.copy(lines, ...id)
    out.copy(eventHeaders[1])
    out.copy(lines, ...source)
    out.copy(eventHeaders[2])
    out.copy(lines, ...receivedAt)
    out.copy(eventEnd)
    return end
  }

  /** @returns where its line ends */
  #record(lines: Uint8Array, start: number, at: number): number {
    const out = this.#out
    const end = lines.indexOf(newline, start)
    const places = this.#limits.encoding === 'text' ? recordPlaces(lines, start, end) : undefined
    if (places === undefined) {
      const record = JSON.parse(decoder.decode(lines.subarray(start, end))) as TopicRecord
      out.text(recordMessage(record, this.#limits.encoding, at))
      return end
    }
    const [time, key, value] = places
    // A time of null is that of the append.
    if (lines[time[0]] === 110) out.ascii(`${at}`)
    else out.copy(lines, ...time)
    out.copy(keyName)
    out.copy(lines, ...key)
    out.copy(recordValueName)
    out.copy(lines, ...value)
    out.copy(recordEnd)
    return end
  }
}

/** A run of bytes: the first one, and the one after the last. */
type Place = readonly [from: number, to: number]

/** Where the values of id, key, source and receivedAt stand, with their quotes; undefined where the header is not as usual. */
function headerPlaces(lines: Uint8Array, start: number): Place[] | undefined {
  const places: Place[] = []
  let at = start
  for (const name of headerNames) {
    if (!bytesEqual(lines, at, name)) return undefined
    const from = at + name.length
    at = stringEnd(lines, from)
    if (at < 0) return undefined
    places.push([from, at])
  }
  return places
}

/** Where time, key and value stand; undefined where one of them is base64, or there are headers. */
function recordPlaces(lines: Uint8Array, start: number, end: number): [Place, Place, Place] | undefined {
  const time: Place = [start + 1, lines.indexOf(comma, start)]
  const key = placeOf(lines, time[1] + 1)
  const value = key === undefined ? undefined : placeOf(lines, key[1] + 1)
  if (key === undefined || value === undefined) return undefined
  return value[1] + noHeaders.length === end && bytesEqual(lines, value[1], noHeaders) ? [time, key, value] : undefined
}

/** A text with its quotes, or null. */
function placeOf(lines: Uint8Array, from: number): Place | undefined {
  if (lines[from] !== quote) return lines[from] === 110 ? [from, from + 4] : undefined
  const to = stringEnd(lines, from)
  return to < 0 ? undefined : [from, to]
}
