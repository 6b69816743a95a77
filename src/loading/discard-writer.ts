import type { Engine } from '../core/warehouse.ts'
import { type Discard, discardKey, discardTableOf, discardValues } from './discards.ts'
import type { KnownTables } from './known-schema.ts'
import { isNarrow } from './load-failure.ts'
import type { Loading } from './load-group.ts'
import type { SlicePart } from './slice.ts'

/** UTF-16 units of one load of discards, which an engine does in one piece. */
const discardUnits = 400_000

/** Writes what was discarded of a slice in one namespace; a discard that cannot be kept makes a dead letter of its event. */
export class DiscardWriter {
  readonly #part: SlicePart
  readonly #tools: Pick<Loading, 'engines' | 'discarded' | 'port'>
  readonly #schema: KnownTables
  readonly #discards: readonly Discard[]
  #engine!: Engine
  /** Those that are not in the warehouse yet: a lane that dies may stage events twice, in files that overlap. */
  readonly fresh: readonly Discard[]
  /** How many are written so far. */
  written = 0

  constructor(part: SlicePart, discards: readonly Discard[], tools: Loading) {
    const { discarded, port } = tools
    const now = port.now()
    this.#part = part
    this.#tools = tools
    this.#schema = tools.schema.of(part.namespace)
    this.#discards = discards
    this.fresh = discards.filter((discard) => !discarded.has(this.#keyOf(discard), now))
  }

  /**
   * Appends the discards. A repeat with the same ones writes none of them twice.
   *
   * @throws {SluicewayError} warehouse_failed when the warehouse, not one of them, is the reason
   */
  async write(): Promise<void> {
    if (this.fresh.length === 0) return
    // It may have been closed for the engine of another namespace.
    this.#engine = await this.#tools.engines.of(this.#part.namespace)
    for (const { some, part } of partsOf(this.fresh))
      await this.#append(part === 0 ? this.#part.id : `${this.#part.id}/${part}`, some)
  }

  /** Notes the discards; once all those of the slice are written, since a repeat must have the same ones. */
  note(): void {
    const { discarded, port } = this.#tools
    for (const discard of this.#discards) discarded.note(this.#keyOf(discard), port.now())
  }

  #keyOf(discard: Discard): string {
    return `${this.#part.namespace} ${discardKey(discard)}`
  }

  async #append(id: string, some: readonly Discard[], isLast = false): Promise<void> {
    const { table, wanted, columns } = discardTableOf(this.#engine.provider)
    try {
      await this.#schema.evolve(table, { wanted, engine: this.#engine })
      const rows = some.map(discardValues)
      await this.#engine.load({ id, table, columns, rows, merge: 'append' })
      this.written += rows.length
    } catch (thrown) {
      if (!isNarrow(thrown)) throw thrown
      this.#schema.forget(table)
      const middle = some.length >> 1
      if (middle > 0) {
        await this.#append(`${id}.0`, some.slice(0, middle))
        await this.#append(`${id}.1`, some.slice(middle))
      } else if (isLast) for (const { pending } of some) this.#part.bury(pending, thrown)
      else {
        await this.#engine.probe()
        await this.#append(id, some, true)
      }
    }
  }
}

function* partsOf(
  discards: readonly Discard[],
): Generator<{ readonly some: readonly Discard[]; readonly part: number }> {
  let some: Discard[] = []
  let units = 0
  let part = 0
  for (const discard of discards) {
    const length = (discard.row['column_value'] as string).length + 300
    if (some.length > 0 && units + length > discardUnits) {
      yield { some, part: part++ }
      some = []
      units = 0
    }
    some.push(discard)
    units += length
  }
  yield { some, part }
}
