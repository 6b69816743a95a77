import { type BigQueryFailures, errorIn } from './failure.ts'
import { isPassing } from './failure-scope.ts'
import type { ApiAnswer, BigQueryHttp } from './http.ts'

/** What an upload works with. */
export interface UploadTools {
  readonly http: BigQueryHttp
  readonly failures: BigQueryFailures
  /** Begins it, and gives its address: asked once, before the first bytes go. */
  readonly begin: () => Promise<string>
}

/** Bytes of which each piece but the last has a multiple. */
export const pieceBytes = 262_144
/** Waits after a piece that was not taken. */
const pausesMs = [1_000, 3_000] as const
const [space, newline] = [0x20, 0x0a]
const encoder = new TextEncoder()

/**
 * Uploads lines of JSON that come one after the other, in pieces, and holds no more than what makes no whole piece.
 *
 * BigQuery says of each piece how much it has; the rest is sent again. Where an answer is lost, BigQuery is asked how far it is.
 * One call at a time.
 * https://cloud.google.com/bigquery/docs/reference/api-uploads#resumable (stored copy, read 2026-11-30)
 */
export class ResumableUpload {
  readonly #tools: UploadTools
  #address: string | undefined
  /** Bytes that BigQuery has. */
  #taken = 0
  #rest: Uint8Array<ArrayBuffer> = new Uint8Array()

  constructor(tools: UploadTools) {
    this.#tools = tools
  }

  /** True once BigQuery may have bytes of it. */
  get isBegun(): boolean {
    return this.#address !== undefined
  }

  /** Bytes that are held. */
  get heldBytes(): number {
    return this.#rest.length
  }

  /** The lines that are held: all of them, where it is not begun. */
  get heldLines(): string {
    return new TextDecoder().decode(this.#rest)
  }

  /** Adds lines, of which the last does not end with a newline. */
  add(lines: string): void {
    const bytes = encoder.encode(this.#taken + this.#rest.length === 0 ? lines : `\n${lines}`)
    this.#rest = joined(this.#rest, bytes)
  }

  /**
   * Sends the pieces that are whole.
   *
   * @throws {SluicewayError} warehouse_failed; the upload is then of no more use
   */
  async sendWhole(): Promise<void> {
    if (this.#rest.length < pieceBytes) return
    this.#address ??= await this.#tools.begin()
    await this.#send(this.#address, false)
  }

  /**
   * Sends all that is held, with spaces behind the last line for what is missing to a whole piece: space around a line of JSON says
   * nothing. https://jsonlines.org (stored copy, read 2026-11-30)
   *
   * @throws {SluicewayError} warehouse_failed; the upload is then of no more use
   */
  async sendAll(): Promise<void> {
    const over = this.#rest.length % pieceBytes
    if (over > 0) this.#rest = joined(this.#rest, new Uint8Array(pieceBytes - over).fill(space))
    await this.sendWhole()
  }

  /**
   * Ends an upload that is begun: sends what is left, by which BigQuery makes the job.
   *
   * @returns what BigQuery tells of the job; empty where the answer was lost, and only the job itself can tell
   * @throws {SluicewayError} warehouse_failed; the upload is then of no more use
   */
  async end(): Promise<ApiAnswer['body']> {
    this.#address ??= await this.#tools.begin()
    // So that the last piece is not empty.
    this.#rest = joined(this.#rest, new Uint8Array([newline]))
    return this.#send(this.#address, true)
  }

  /** Sends the whole pieces, or all that is left, until BigQuery has them. */
  async #send(address: string, isLast: boolean): Promise<ApiAnswer['body']> {
    const { http, failures } = this.#tools
    /** Whether it is unknown how far the upload is, since an answer did not come. */
    let isLost = false
    let failed = 0
    for (;;) {
      const length = isLast ? this.#rest.length : this.#rest.length - (this.#rest.length % pieceBytes)
      if (length === 0 && !isLast) return {}
      const total = isLast ? this.#taken + this.#rest.length : '*'
      const range = `bytes ${this.#taken}-${this.#taken + length - 1}/${total}`
      const asks = isLost || length === 0
      const piece = asks ? { range: `bytes */${total}` } : { range, bytes: this.#rest.subarray(0, length) }
      const answer = await http.sendPiece(address, piece)
      const { status } = answer
      if (isLast && (status === 200 || status === 201)) return answer.body
      // The job is there, of a last piece whose answer was lost.
      if (isLast && (status === 409 || (isLost && isGone(answer)))) return {}
      if (status === 308) {
        const isMoved = this.#note(answer)
        if (isMoved) failed = 0
        const wasLost = isLost
        isLost = false
        if (isMoved || wasLost) continue
      } else if (status === 0 || isPassing(errorIn(answer.body, status))) isLost = true
      else throw isGone(answer) ? failures.ofWarehouse('an upload is gone') : failures.of(errorIn(answer.body, status))
      const pause = pausesMs[failed++]
      if (pause === undefined) throw this.#stopped(answer)
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
  }

  /** Lets go of what BigQuery has; tells whether that is more than before. */
  #note({ headers }: ApiAnswer): boolean {
    const last = /^(?:bytes=)?0-(\d+)$/.exec(headers.get('range') ?? '')?.[1]
    const has = last === undefined ? 0 : Number(last) + 1
    const more = has - this.#taken
    if (more < 0 || more > this.#rest.length)
      throw this.#tools.failures.ofWarehouse(`an upload has ${has} bytes, and had ${this.#taken} before`)
    this.#rest = this.#rest.slice(more)
    this.#taken = has
    return more > 0
  }

  #stopped({ status, body }: ApiAnswer) {
    const { http, failures } = this.#tools
    if (status === 0) return failures.unanswered(new Error('no answer'), http.host)
    return status === 308 ? failures.ofWarehouse('an upload takes no more') : failures.of(errorIn(body, status))
  }
}

/** Of an upload that has expired, which it does after about a day, or that cannot go on. */
const isGone = ({ status }: ApiAnswer): boolean => status === 404 || status === 410

function joined(one: Uint8Array<ArrayBuffer>, other: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (one.length === 0) return other
  const both = new Uint8Array(one.length + other.length)
  both.set(one)
  both.set(other, one.length)
  return both
}
