import type { EventUsers } from './erased-user.ts'
import type { Event } from './event.ts'

/** What the edge saw of the request that brought an event. */
export interface Facts {
  readonly ip?: string
  readonly userAgent?: string
  readonly country?: string
  readonly region?: string
  readonly city?: string
  /** Number of the network. */
  readonly asn?: number
  /** Category of a bot that Cloudflare has verified. */
  readonly bot?: string
}

/** An operation of JSON Patch (RFC 6902) that takes back what was done to a member of an object. */
export type ReverseOperation =
  | { readonly op: 'remove'; readonly path: string }
  | { readonly op: 'add' | 'replace'; readonly path: string; readonly value: unknown }

/** What the stream and the lanes know of an event without looking into it. */
export interface Header {
  /** The messageId: dedup and idempotency key. */
  readonly id: string
  /** Ordering key: the anonymousId, else the userId. */
  readonly key: string
  /** Name of the source in the config. */
  readonly source: string
  /** RFC 3339 with milliseconds, UTC. */
  readonly receivedAt: string
  /** Names of the destinations and warehouses that routing chose. */
  readonly to: readonly string[]
  readonly facts: Facts
  /** Only of an event that is chosen by `trace` of the config: what makes of it again what the transforms of its source got. */
  readonly before?: readonly ReverseOperation[]
  /** Only in a staging file: true where the warehouse's privacy rules and transforms have made the event what it is. */
  readonly transformed?: boolean
  /** Beside `transformed`: whom the event named before, where that is not what it names now. */
  readonly users?: EventUsers
  /** Only in a lane: what an attempt left to be sent, in the words of the destination (`rests` of SendResult). */
  readonly rest?: string
  /** Only in a lane, of a dead letter that is replayed: what the last attempt before it left, in the same words. */
  readonly earlier?: string
}

/**
 * An event with what the edge learned about it, as the lanes see it.
 *
 * `text` is the event's JSON as it crossed the stream; `event` parses it at the first look, so that a lane which only
 * forwards never pays for parsing.
 */
export class Envelope {
  readonly header: Header
  readonly text: string
  #event: Event | undefined

  constructor(header: Header, text: string) {
    this.header = header
    this.text = text
  }

  get id(): string {
    return this.header.id
  }

  get key(): string {
    return this.header.key
  }

  get event(): Event {
    return (this.#event ??= JSON.parse(this.text) as Event)
  }

  /** Lets go of what was parsed, which takes several times as much memory as the text: the next look parses it again. */
  forget(): void {
    this.#event = undefined
  }

  /** The same on a text of its own: one that was cut from a longer text keeps all of that in memory. */
  detach(): Envelope {
    // V8 makes one text of two, and cuts the first character off that.
    return new Envelope(this.header, ` ${this.text}`.slice(1))
  }
}

/** An envelope ready for a stream: `text` is its two lines (header, event), each ended by a newline. */
export interface Packed {
  readonly id: string
  readonly key: string
  readonly source: string
  /** As in the header; a stream may choose a partition by them. */
  readonly facts?: Facts
  readonly text: string
}

/** Writes an envelope as two lines of JSON (JSON text never holds a raw newline). */
export const pack = (header: Header, event: Event | string): Packed => ({
  id: header.id,
  key: header.key,
  source: header.source,
  facts: header.facts,
  text: `${JSON.stringify(header)}\n${typeof event === 'string' ? event : JSON.stringify(event)}\n`,
})

/** Reads what `pack` wrote, for any number of envelopes one after the other. */
export function unpack(text: string): Envelope[] {
  const lines = text.split('\n')
  const envelopes: Envelope[] = []
  for (let i = 0; i + 1 < lines.length; i += 2) {
    envelopes.push(new Envelope(JSON.parse(lines[i] as string) as Header, lines[i + 1] as string))
  }
  return envelopes
}
