import { gzip } from '../archive/gzip.ts'
import { type ArchivedEvent, lineOf } from '../archive/line.ts'
import { type ArchiveObject, endOfHour, hourOf } from '../archive/object-name.ts'
import { frame, inflateFrames } from '../storage/frame.ts'

/** UTF-16 code units of lines that are compressed together while they wait. */
const frameUnits = 250_000
/** A lot is an object when it holds so many compressed bytes, or so many code units of text. */
const fullBytes = 4_000_000
const fullUnits = 64_000_000
/** After the end of its hour, a lot waits so long for the last events of it. */
const graceMs = 60_000
/** A lot that is due when it begins waits so long for what comes behind: a backlog is read piece by piece. */
const backlogMs = 10_000

/** Events of one source and one hour that will be one object of the archive. */
export class ArchiveLot {
  readonly object: ArchiveObject
  /** Milliseconds since the epoch at which its first event was stored. */
  readonly since: number
  readonly #begunAt: number
  #frames: Uint8Array<ArrayBuffer>[] = []
  #text = ''
  #units = 0
  /** Compressed. */
  #bytes = 0
  events = 0
  /** The place after its last event. */
  next: number

  /** @param now milliseconds since the epoch */
  constructor(first: ArchivedEvent, partition: number, now: number) {
    const { at, place, envelope } = first
    this.object = { hour: hourOf(at), source: envelope.header.source, partition, place }
    this.since = at
    this.#begunAt = now
    this.next = place
  }

  /** Bytes that it holds, about. */
  get bytes(): number {
    return this.#bytes + this.#text.length
  }

  get isFull(): boolean {
    return this.#bytes >= fullBytes || this.#units >= fullUnits
  }

  /** Says when it becomes an object, in milliseconds since the epoch, whatever it holds. */
  dueAt(waitMs: number): number {
    const natural = Math.min(endOfHour(this.object.hour) + graceMs, this.since + waitMs)
    return Math.max(natural, this.#begunAt + backlogMs)
  }

  add(archived: ArchivedEvent): void {
    const line = `${lineOf(archived, this.object.partition)}\n`
    this.#text += line
    this.#units += line.length
    this.events++
    this.next = archived.place + 1
    if (this.#text.length >= frameUnits) this.#pack()
  }

  /** Gives the object's bytes. */
  async compress(): Promise<Uint8Array<ArrayBuffer>> {
    this.#pack()
    return gzip(inflated(this.#frames))
  }

  #pack(): void {
    if (this.#text === '') return
    const packed = frame(this.#text)
    this.#frames.push(packed)
    this.#bytes += packed.byteLength
    this.#text = ''
  }
}

function* inflated(frames: readonly Uint8Array[]): Generator<Uint8Array<ArrayBuffer>> {
  for (const one of frames) for (const bytes of inflateFrames(one)) yield bytes as Uint8Array<ArrayBuffer>
}
