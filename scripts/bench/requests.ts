import type { Event } from '../../src/core/event.ts'
import { blankId, Events } from './events.ts'
import { idLength, Ids } from './ids.ts'

/** Distinct requests in memory, in bytes; they are used in turn, with fresh ids. */
const poolBytes = 24_000_000
/** Visitors among which the events are spread, in turn. */
const visitors = 50_000

/** An HTTP request as bytes, ready to be written to a socket. */
export interface ReadyRequest {
  readonly bytes: Uint8Array
  /** The number of its first event; see `Ids`. The others follow. */
  readonly first: number
  readonly count: number
}

interface Options {
  /** Events in a request; 1 goes to `/v1/track` and its like, more to `/v1/batch`. */
  readonly per: number
  readonly writeKey: string
  readonly seed?: number
  /** Changes each event before it is written; `i` counts them. */
  readonly change?: (event: Event, i: number) => Event
}

interface Prepared {
  readonly bytes: Uint8Array
  /** Where the ids of its events are. */
  readonly messageIds: readonly number[]
  readonly anonymousIds: readonly number[]
}

/** Where the numbers of all events of one benchmark come from, so that no id repeats. */
export class Numbers {
  readonly ids: Ids
  next = 0

  constructor(salt: number) {
    this.ids = new Ids(salt)
  }
}

/**
 * Requests that are built before a run; each use only overwrites the ids in their bytes.
 *
 * A request must have been written before it comes round again: there must be fewer connections than `size`.
 */
export class Requests {
  readonly per: number
  readonly size: number
  /** Mean bytes of an event's JSON. */
  readonly eventBytes: number
  readonly numbers: Numbers
  readonly #pool: readonly Prepared[]
  readonly #visitors = new Ids(0x5eed)
  #turn = 0

  constructor(numbers: Numbers, { per, writeKey, seed = 1, change = (event) => event }: Options) {
    const events = new Events(seed)
    const pool: Prepared[] = []
    let eventBytes = 0
    let made = 0
    for (let bytes = 0; bytes < poolBytes;) {
      const texts = Array.from({ length: per }, () => change(events.next(), made++))
      eventBytes += texts.reduce((sum, event) => sum + JSON.stringify(event).length, 0)
      const prepared = prepare(texts, writeKey)
      bytes += prepared.bytes.byteLength
      pool.push(prepared)
    }
    this.numbers = numbers
    this.per = per
    this.size = pool.length
    this.eventBytes = eventBytes / (pool.length * per)
    this.#pool = pool
  }

  next(): ReadyRequest {
    const { numbers, per } = this
    const { bytes, messageIds, anonymousIds } = this.#pool[this.#turn] as Prepared
    this.#turn = (this.#turn + 1) % this.#pool.length
    const first = numbers.next
    numbers.next += per
    for (let i = 0; i < per; i++) {
      numbers.ids.write(first + i, bytes, messageIds[i] as number)
      this.#visitors.write((first + i) % visitors, bytes, anonymousIds[i] as number)
    }
    return { bytes, first, count: per }
  }
}

function prepare(events: readonly Event[], writeKey: string): Prepared {
  const [only] = events
  const single = events.length === 1 && only !== undefined
  const path = single ? `/v1/${only.type}` : '/v1/batch'
  const sentAt = new Date().toISOString()
  const body = Buffer.from(JSON.stringify(single ? { ...only, sentAt } : { batch: events, sentAt }))
  const head = Buffer.from(
    `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Basic ${Buffer.from(`${writeKey}:`).toString('base64')}\r\n` +
      `content-type: application/json\r\ncontent-length: ${body.byteLength}\r\n\r\n`,
  )
  const bytes = Buffer.concat([head, body])
  return { bytes, messageIds: placesOf('messageId', bytes), anonymousIds: placesOf('anonymousId', bytes) }
}

function placesOf(field: string, bytes: Buffer): number[] {
  const mark = `"${field}":"${blankId}`
  const places: number[] = []
  for (let at = bytes.indexOf(mark); at >= 0; at = bytes.indexOf(mark, at + 1)) places.push(at + mark.length - idLength)
  return places
}
