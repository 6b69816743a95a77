import type { LetterFilter } from '../core/bindings.ts'
import type { DeadLetter } from '../core/dead-letter.ts'
import { reasonOf, SluicewayError } from '../core/errors.ts'
import type { AppContext } from '../core/app-context.ts'
import { laneName, laneOf } from '../core/lanes.ts'
import type { LaneRef } from '../core/inbox.ts'

/** Letters of one lane that are asked for at once. */
const pageSize = 100
/** UTF-16 code units of letters that an answer holds, and that are in memory beside it, in pages of all lanes together. */
const answerLength = 8_000_000

/** Which letters. */
export interface LetterQuery {
  readonly lanes: readonly LaneRef[]
  readonly filter: LetterFilter
  /** As `cursor` of an earlier page gave it. */
  readonly cursor?: string | undefined
}

/** A letter and where it lies. */
export interface FoundLetter {
  readonly ref: LaneRef
  readonly number: number
  readonly letter: DeadLetter
}

/**
 * Dead letters of many lanes as one list, newest first.
 *
 * Each lane is read page by page, as far as it is needed. The cursor says, for each lane that gave something, the number
 * below which to go on: letters that come in between do not shift a later page.
 */
export class LetterPages {
  /** Lanes that did not answer, one sentence each. */
  readonly failures: string[] = []
  readonly #app: AppContext
  readonly #query: LetterQuery
  readonly #before: Map<string, number>
  readonly #pageLength: number

  /** @throws {SluicewayError} bad_request when the cursor is none of ours */
  constructor(app: AppContext, query: LetterQuery) {
    this.#app = app
    this.#query = query
    this.#pageLength = Math.ceil(answerLength / Math.max(1, query.lanes.length))
    this.#before = new Map(query.cursor === undefined ? [] : readCursor(query.cursor))
  }

  /** Where the next page begins. */
  get cursor(): string {
    return btoa(JSON.stringify([...this.#before]))
      .replaceAll('+', '-')
      .replaceAll('/', '_')
      .replaceAll('=', '')
  }

  /** Takes the next letters, at most `limit` and about 8 MB of them, and says whether there are more after them. */
  async take(limit: number): Promise<{ readonly found: readonly FoundLetter[]; readonly more: boolean }> {
    const heads = (
      await Promise.all(
        this.#query.lanes.map(async (ref) => ({ ref, page: await this.#page(ref, Math.min(limit + 1, pageSize)) })),
      )
    ).filter(({ page }) => page.length > 0)
    const found: FoundLetter[] = []
    let length = 0
    while (found.length < limit && length < answerLength && heads.length > 0) {
      const newest = heads.reduce((best, one) => (isNewer(best.page, one.page) ? best : one))
      const next = newest.page.shift() as FoundLetter
      found.push(next)
      length += lengthOf(next.letter)
      this.#before.set(laneName(next.ref), next.number)
      if (newest.page.length === 0) newest.page = await this.#page(newest.ref, pageSize)
      if (newest.page.length === 0) heads.splice(heads.indexOf(newest), 1)
    }
    return { found, more: heads.length > 0 }
  }

  async #page(ref: LaneRef, limit: number): Promise<FoundLetter[]> {
    const before = this.#before.get(laneName(ref))
    try {
      const letters = await laneOf(this.#app.bindings, ref).letters(ref, {
        limit,
        length: this.#pageLength,
        ...(before === undefined ? {} : { before }),
        ...this.#query.filter,
      })
      return letters.map((letter) => ({ ref, number: numberOf(letter.id), letter }))
    } catch (error) {
      this.failures.push(`lane ${laneName(ref)} does not answer: ${reasonOf(error)}`)
      return []
    }
  }
}

/** Of its JSON, about. */
const lengthOf = (letter: DeadLetter): number => JSON.stringify(letter).length

const isNewer = (a: readonly FoundLetter[], b: readonly FoundLetter[]): boolean =>
  (a[0] as FoundLetter).letter.at >= (b[0] as FoundLetter).letter.at

const numberOf = (id: string): number => Number(id.slice(id.lastIndexOf(':') + 1))

function readCursor(cursor: string): [string, number][] {
  try {
    const value: unknown = JSON.parse(atob(cursor.replaceAll('-', '+').replaceAll('_', '/')))
    if (Array.isArray(value) && value.every(isPlace)) return value
  } catch {
    // Told below.
  }
  throw new SluicewayError('bad_request', 'cursor: must be the cursor of an earlier page')
}

const isPlace = (value: unknown): value is [string, number] =>
  Array.isArray(value) && value.length === 2 && typeof value[0] === 'string' && Number.isSafeInteger(value[1])

/**
 * Reads the id of a dead letter, `<target>:<partition>:<number>`.
 *
 * @returns its lane and its number there
 * @throws {SluicewayError} not_found when it can be none
 */
export function placeOf(id: string): { readonly ref: LaneRef; readonly number: number } {
  const [, target = '', partition, number] = /^(@?[a-z][a-z0-9_-]{0,47}):(\d{1,4}):(\d{1,15})$/.exec(id) ?? []
  if (number === undefined) throw new SluicewayError('not_found', `There is no dead letter "${id}".`)
  return { ref: { target, partition: Number(partition) }, number: Number(number) }
}
