import { reasonOf, SluicewayError } from '../../core/errors.ts'
import type { FrontCapabilities, KafkaRecord, ProduceOutcome } from '../../core/kafka.ts'
import { cutRecords, type PlacedRecord } from './cut-records.ts'
import { statusOf, waitOf } from './front-answer.ts'
import { isMisplaced, isNeverTaken, type Judged, notReported, unlessRefused } from './record-verdicts.ts'

/** How pieces are produced. */
export interface PieceOptions {
  readonly capabilities: FrontCapabilities
  readonly signal: AbortSignal
  /** Names what is tried in errors, e.g. `produce to orders`. */
  readonly what: string
  /** Produces one piece; rejects when nothing is known of single records. */
  readonly send: (piece: readonly KafkaRecord[]) => Promise<readonly Judged[]>
  /** What keeps a record from being sent at all, beside what the capabilities say. */
  readonly obstacleOf?: (record: KafkaRecord) => Judged | undefined
}

/** Calls that may be refused as a whole before it is believed that the front refuses everything: a thousand halve in ten. */
const mostRefusals = 12

/**
 * Produces piece by piece, one call at a time.
 *
 * A record of a partition of which an earlier one failed is not sent: order within a partition would be lost. What the front
 * cannot carry is refused here, never sent as something else. A call that is refused as a whole because of what is in it is
 * halved, until the record that is to blame stands alone.
 *
 * @param records all of them
 * @param options of the front
 * @returns outcomes in the order of the records; rejects with what a call rejects with while nothing is known of any record
 */
export async function produceInPieces(
  records: readonly KafkaRecord[],
  options: PieceOptions,
): Promise<readonly ProduceOutcome[]> {
  const run = new PieceRun(options)
  const sendable = records
    .map((record, place): PlacedRecord => ({ record, place }))
    .filter((one) => run.isSendable(one))
  await run.produce(cutRecords(sendable, options.capabilities))
  return run.outcomesOf(records)
}

class PieceRun {
  readonly #options: PieceOptions
  readonly #outcomes = new Map<number, Judged>()
  /** Partitions of which a record was not written that may be later. */
  readonly #failed = new Set<number>()
  /** Records that were refused alone: their own fault if others were taken. */
  readonly #suspects: { readonly place: number; readonly error: unknown }[] = []
  #refusals = 0

  constructor(options: PieceOptions) {
    this.#options = options
  }

  isSendable({ record, place }: PlacedRecord): boolean {
    const { capabilities, obstacleOf } = this.#options
    const reason = carryProblem(record, capabilities)
    const obstacle = reason === undefined ? obstacleOf?.(record) : ({ written: false, retry: 'no', reason } as const)
    if (obstacle !== undefined) this.#outcomes.set(place, obstacle)
    return obstacle === undefined
  }

  async produce(pieces: (readonly PlacedRecord[])[]): Promise<void> {
    for (let piece = pieces.shift(); piece !== undefined; piece = pieces.shift()) {
      const now = piece.filter(({ record }) => !this.#failed.has(record.partition))
      if (now.length > 0) pieces.unshift(...(await this.#attempt(now)))
    }
    const [first] = this.#suspects
    if (first !== undefined && !this.#hasWritten) throw first.error
    for (const { place, error } of this.#suspects) {
      const reason = reasonOf(error)
      this.#outcomes.set(place, { written: false, retry: isMisplaced(reason) ? 'yes' : 'no', reason })
    }
  }

  outcomesOf(records: readonly KafkaRecord[]): readonly ProduceOutcome[] {
    const judged = records.map(
      (_record, place): Judged =>
        this.#outcomes.get(place) ?? {
          written: false,
          retry: 'yes',
          reason: 'an earlier record of its partition was not written',
        },
    )
    return unlessRefused(judged, this.#options.what).map(({ isOurs: _, isShared: __, ...outcome }) => outcome)
  }

  /** Sends a piece; returns what of it must be sent again in smaller pieces. */
  async #attempt(piece: readonly PlacedRecord[]): Promise<(readonly PlacedRecord[])[]> {
    const { signal, send } = this.#options
    if (signal.aborted && this.#outcomes.size > 0) {
      this.#fail(piece, { written: false, retry: 'yes', reason: 'there was no time left to send it' })
      return []
    }
    try {
      const judged = await send(piece.map(({ record }) => record))
      return this.#note(piece, judged)
    } catch (error) {
      return this.#refuse(piece, error)
    }
  }

  #note(piece: readonly PlacedRecord[], judged: readonly Judged[]): (readonly PlacedRecord[])[] {
    const again: PlacedRecord[] = []
    piece.forEach((one, i) => {
      const outcome = judged[i] ?? notReported
      if (!outcome.written && outcome.isShared === true) return again.push(one)
      this.#outcomes.set(one.place, outcome)
      if (!outcome.written && outcome.retry !== 'no') this.#failed.add(one.record.partition)
    })
    return again.map((one) => [one])
  }

  /** A whole call was refused, or nothing is known of it. */
  #refuse(piece: readonly PlacedRecord[], error: unknown): (readonly PlacedRecord[])[] {
    const status = statusOf(error)
    const [first] = piece
    const isAboutSize = status === 413 || (status !== undefined && status < 500 && isNeverTaken(reasonOf(error)))
    if (first !== undefined && piece.length === 1 && isAboutSize) {
      this.#outcomes.set(first.place, { written: false, retry: 'no', reason: reasonOf(error) })
      return []
    }
    if (isAboutSize || status === 400 || status === 422) {
      this.#refusals++
      if (this.#refusals > mostRefusals && !this.#hasWritten && !isAboutSize) throw error
      if (piece.length === 1 && (this.#refusals > 1 || this.#hasWritten)) {
        this.#suspects.push(...piece.map(({ place }) => ({ place, error })))
        return []
      }
      const half = piece.length >> 1
      if (half > 0) return [piece.slice(0, half), piece.slice(half)]
    }
    if (this.#outcomes.size === 0) throw error
    const isKnown = (error instanceof SluicewayError && error.code === 'kafka_refused') || status === 429
    const retry = isKnown ? 'yes' : 'unknown'
    this.#fail(piece, { written: false, retry, reason: reasonOf(error), ...waitOf(error) })
    return []
  }

  #fail(piece: readonly PlacedRecord[], outcome: Judged): void {
    for (const { record, place } of piece) {
      this.#outcomes.set(place, outcome)
      this.#failed.add(record.partition)
    }
  }

  get #hasWritten(): boolean {
    return [...this.#outcomes.values()].some(({ written }) => written)
  }
}

function carryProblem({ value, headers }: KafkaRecord, capabilities: FrontCapabilities): string | undefined {
  if (value === null && !capabilities.tombstones) return 'this front cannot write a null value (tombstone)'
  return headers.length > 0 && !capabilities.headers ? 'this front carries no headers' : undefined
}
