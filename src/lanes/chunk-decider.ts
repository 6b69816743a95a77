import type { LaneError } from '../core/bindings.ts'
import { type Envelope, pack } from '../core/envelope.ts'
import { type EventUsers, usersOf } from '../core/erased-user.ts'
import { reasonOf } from '../core/errors.ts'
import type { Chunk, LaneRef } from '../core/inbox.ts'
import type { Port } from '../core/port.ts'
import type { Target } from '../core/resolved-config.ts'
import { frame } from '../storage/frame.ts'
import { ChunkUnpacker } from './chunk-unpacker.ts'
import type { DeadLetters } from './dead-letters.ts'
import { decide, type Undecided } from './decide.ts'
import type { DecidedChunk } from './decided-chunks.ts'
import type { Decision } from './decision.ts'
import type { LaneStore } from './lane-store.ts'
import { letterOf } from './letter-of.ts'

type WarehouseTarget = Extract<Target, { readonly kind: 'warehouse' }>

/** UTF-16 code units of one row: three bytes each at most, so that it stays below 2 MB also when nothing can be compressed. */
const rowUnits = 500_000
/** Transforms that cannot be run are left alone for so long, and twice as long after each failure: a new invocation may run them. */
const leastWaitMs = 15_000
const longestWaitMs = 300_000

interface DeciderOptions {
  readonly ref: LaneRef
  readonly store: LaneStore
  readonly letters: DeadLetters
  readonly port: Port
  readonly userCodeMs: number
  /** Called with what is ready to be staged, in order, once it is stored. */
  readonly decided: (chunk: DecidedChunk) => void
  readonly changed: () => void
}

/**
 * Runs a warehouse's transforms over the chunks of its lane, one frame after the other.
 *
 * What they make of a frame is stored in one go with its dead letters, so that it is what is staged, also after a restart.
 */
export class ChunkDecider {
  readonly #target: WarehouseTarget
  readonly #options: DeciderOptions
  #chunks: Chunk[] = []
  /** Places below it are decided. */
  #next: number
  #failures = 0
  #retryAt = 0
  /** Compressed bytes that wait. */
  bytes = 0
  isBusy = false
  /** When transforms began to be unable to run, milliseconds since the epoch; undefined while they can. */
  since: number | undefined
  lastError: LaneError | undefined

  /** @param next the first place about which nothing is decided */
  constructor(target: WarehouseTarget, next: number, options: DeciderOptions) {
    this.#target = target
    this.#next = next
    this.#options = options
  }

  get oldest(): number | undefined {
    return this.#chunks[0]?.at
  }

  take(chunk: Chunk): void {
    this.#chunks.push(chunk)
    this.bytes += chunk.data.byteLength
  }

  pump(): void {
    const due = this.due()
    if (due !== undefined && due <= this.#options.port.now()) void this.#decide()
  }

  due(): number | undefined {
    return this.#chunks.length === 0 || this.isBusy ? undefined : this.#retryAt
  }

  resume(): void {
    this.#retryAt = 0
  }

  async #decide(): Promise<void> {
    const { port, ref, changed } = this.#options
    const chunk = this.#chunks[0] as Chunk
    this.isBusy = true
    try {
      // Read afresh each time: a frame that could not be decided is left where it is.
      for (const { offset, envelopes } of new ChunkUnpacker().framesOf(chunk)) {
        if (offset + envelopes.length <= this.#next) continue
        await this.#decideFrame(chunk.at, offset, envelopes)
      }
      this.#chunks.shift()
      this.bytes -= chunk.data.byteLength
      this.#failures = 0
      this.#retryAt = 0
      this.since = undefined
      this.lastError = undefined
    } catch (error) {
      const at = port.now()
      const reason = reasonOf(error)
      this.since ??= at
      this.lastError = { at, reason }
      this.#retryAt = at + Math.min(longestWaitMs, leastWaitMs * 2 ** this.#failures++)
      port.log('warn', 'transforms of a warehouse cannot be run; its events wait', { ...ref, reason })
    }
    this.isBusy = false
    changed()
  }

  async #decideFrame(at: number, first: number, envelopes: readonly Envelope[]): Promise<void> {
    const { store, port, userCodeMs, decided } = this.#options
    const { name } = this.#target
    const mine = envelopes.flatMap((envelope, i) =>
      first + i >= this.#next && envelope.header.to.includes(name) ? [{ envelope, place: first + i }] : [],
    )
    const made = await decide(
      mine.map(({ envelope }) => envelope),
      this.#target,
      { port, userCodeMs, count: (steps) => store.countSteps(steps) },
    )
    const waiting = made.find((one): one is Undecided => 'undecided' in one)
    if (waiting !== undefined) throw new Error(reasonOfOutcome(waiting))
    // From here to the end nothing is waited for: all of it is stored, or nothing.
    const rows = new RowCutter(Math.max(first, this.#next), at)
    made.forEach((one, i) => {
      const { envelope, place } = mine[i] as { envelope: Envelope; place: number }
      const decision = one as Decision
      this.#settle(decision, envelope, place)
      rows.add(
        place,
        decision.parts.map((part) => packDecided(part, name, envelope.text)).join(''),
        decision.parts.length,
      )
    })
    this.#next = first + envelopes.length
    for (const chunk of rows.end(this.#next)) {
      store.decidedChunks.put(chunk)
      decided(chunk)
    }
  }

  /** Writes down what will not be staged. */
  #settle({ parts, settled }: Decision, envelope: Envelope, place: number): void {
    const { store, letters, port, ref } = this.#options
    if (settled === undefined) return
    const { verdict, code } = settled
    if (verdict.kind === 'dead') {
      letters.add(letterOf(envelope, settled, { reason: verdict.reason }), port.now(), place)
      store.count('dead')
      const { source, id: messageId } = envelope.header
      port.log('error', 'an event is a dead letter', { ...ref, code, reason: verdict.reason, source, messageId })
    } else if (verdict.kind === 'skip' && parts.length === 0) {
      store.count(`skip: ${verdict.reason}`)
      store.recordSkip(place, port.now(), verdict.reason)
    }
  }
}

const reasonOfOutcome = ({ undecided: { verdict } }: Undecided): string => ('reason' in verdict ? verdict.reason : '')

/** Cuts what was made of a run of places into chunks that fit a row. */
class RowCutter {
  readonly #at: number
  readonly #chunks: DecidedChunk[] = []
  #from: number
  #text = ''
  #events = 0

  constructor(from: number, at: number) {
    this.#from = from
    this.#at = at
  }

  add(place: number, text: string, events: number): void {
    if (this.#events > 0 && this.#text.length + text.length > rowUnits) this.#cut(place)
    this.#text += text
    this.#events += events
  }

  /** All chunks: the last one ends before `next`. */
  end(next: number): readonly DecidedChunk[] {
    this.#cut(next)
    return this.#chunks
  }

  #cut(next: number): void {
    this.#chunks.push({
      offset: this.#from,
      count: next - this.#from,
      at: this.#at,
      events: this.#events,
      data: this.#events === 0 ? new Uint8Array() : frame(this.#text),
    })
    this.#from = next
    this.#text = ''
    this.#events = 0
  }
}

/**
 * Writes what transforms of a warehouse made, as it rests in a staging file.
 *
 * @param part its envelope
 * @param target the warehouse, which alone gets it
 * @param before the event's JSON as it was before; left out where the header says whom that named
 * @returns two lines, as `pack` writes them
 */
export function packDecided({ header, text }: Envelope, target: string, before?: string): string {
  const users = before === undefined ? header.users : usersBefore(before, text)
  return pack({ ...header, to: [target], transformed: true, ...(users === undefined ? {} : { users }) }, text).text
}

/** Whom an event named before its transforms; undefined where it names the same still. */
function usersBefore(before: string, after: string): EventUsers | undefined {
  if (before === after) return undefined
  const [named, names] = [before, after].map((text) => usersOf(JSON.parse(text) as EventUsers)) as [
    EventUsers,
    EventUsers,
  ]
  return JSON.stringify(named) === JSON.stringify(names) ? undefined : named
}
