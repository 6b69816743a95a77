import type { Header } from '../core/envelope.ts'
import type { Chunk } from '../core/inbox.ts'
import type { TopicRecord } from '../core/topic.ts'
import { inflateFrames } from '../storage/frame.ts'
import { bytesEqual, copyEscaped, stringEnd } from './json-bytes.ts'
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

/** Bytes that a message has beside its line, at most, and how often a byte of the line may grow. */
const overhead = 1_000
const growth = 6

/**
 * Writes an answer of messages: a list as JSON, in UTF-8.
 *
 * It works on bytes: what a chunk holds is JSON already, and is copied. Reading the text and writing it again takes three times
 * as long.
 */
export class MessageWriter {
  readonly #limits: AnswerLimits
  #out = new Uint8Array(65_536)
  #length = 1
  #records = 0

  constructor(limits: AnswerLimits) {
    this.#limits = limits
    this.#out[0] = '['.charCodeAt(0)
  }

  get records(): number {
    return this.#records
  }

  get isFull(): boolean {
    return this.#records >= this.#limits.records || this.#length >= this.#limits.bytes
  }

  /** Bytes that still have room. */
  get left(): number {
    return Math.max(0, this.#limits.bytes - this.#length)
  }

  /** The whole answer. */
  finish(): Uint8Array<ArrayBuffer> {
    this.#ensure(1)
    this.#out[this.#length] = ']'.charCodeAt(0)
    return this.#out.subarray(0, this.#length + 1)
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
    const begin = `{"topic":${JSON.stringify(topic)},"partition":${partition},"offset":`
    let { offset } = chunk
    let next = from
    for (const lines of inflateFrames(chunk.data))
      for (let start = 0; start < lines.length; offset++) {
        // An envelope has two lines, a record one.
        const middle = isLog ? lines.indexOf(newline, start) + 1 : start
        const end = lines.indexOf(newline, middle)
        if (offset >= from) {
          if (this.isFull) return next
          const before = this.#length
          this.#ensure((end - start) * growth + overhead + begin.length)
          if (this.#records > 0) this.#out[this.#length++] = comma
          this.#text(`${begin}${offset},"timestamp":`)
          if (isLog) this.#event(lines, { start, middle, end }, chunk.at)
          else this.#record(lines, start, end, chunk.at)
          if (this.#records > 0 && this.#length > this.#limits.bytes) {
            this.#length = before
            return next
          }
          this.#records++
          next = offset + 1
        }
        start = end + 1
      }
    return next
  }

  /** The record of an envelope: the key is the one that orders events, the value is the event, what the edge knows is in headers. */
  #event(
    lines: Uint8Array,
    { start, middle, end }: { readonly start: number; readonly middle: number; readonly end: number },
    at: number,
  ): void {
    const places = this.#limits.encoding === 'text' ? headerPlaces(lines, start) : undefined
    if (places === undefined) {
      const { id, key, source, receivedAt } = JSON.parse(decoder.decode(lines.subarray(start, middle))) as Header
      const headers = Object.entries({ message_id: id, source, received_at: receivedAt })
      const event = decoder.decode(lines.subarray(middle, end))
      this.#text(recordMessage([null, key, event, headers], this.#limits.encoding, at))
      return
    }
    const [id, key, source, receivedAt] = places as [Place, Place, Place, Place]
    this.#text(`${at},"key":`)
    this.#copy(lines, key)
    this.#bytes(valueName)
    this.#length = copyEscaped(lines.subarray(middle, end), this.#out, this.#length)
    this.#bytes(eventHeaders[0])
    this.#copy(lines, id)
    this.#bytes(eventHeaders[1])
    this.#copy(lines, source)
    this.#bytes(eventHeaders[2])
    this.#copy(lines, receivedAt)
    this.#bytes(eventEnd)
  }

  #record(lines: Uint8Array, start: number, end: number, at: number): void {
    const places = this.#limits.encoding === 'text' ? recordPlaces(lines, start, end) : undefined
    if (places === undefined) {
      const record = JSON.parse(decoder.decode(lines.subarray(start, end))) as TopicRecord
      this.#text(recordMessage(record, this.#limits.encoding, at))
      return
    }
    const [time, key, value] = places
    // A time of null is that of the append.
    if (lines[time[0]] === 110) this.#text(`${at}`)
    else this.#copy(lines, time)
    this.#text(',"key":')
    this.#copy(lines, key)
    this.#bytes(recordValueName)
    this.#copy(lines, value)
    this.#bytes(recordEnd)
  }

  #copy(lines: Uint8Array, [from, to]: Place): void {
    this.#bytes(lines.subarray(from, to))
  }

  #bytes(bytes: Uint8Array): void {
    this.#out.set(bytes, this.#length)
    this.#length += bytes.length
  }

  #text(text: string): void {
    this.#ensure(text.length * 3)
    this.#length += encoder.encodeInto(text, this.#out.subarray(this.#length)).written
  }

  #ensure(more: number): void {
    const needed = this.#length + more
    if (needed <= this.#out.length) return
    const out = new Uint8Array(Math.max(needed, this.#out.length * 2))
    out.set(this.#out.subarray(0, this.#length))
    this.#out = out
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
