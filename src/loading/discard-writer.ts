import { cut } from '../core/cut.ts'
import type { Engine, Load } from '../core/warehouse.ts'
import { type Discard, discardKey, discardTableOf, discardValues, isWholeRow } from './discards.ts'
import type { KnownTables } from './known-schema.ts'
import { isNarrow, isPassing, scopeOf } from './load-failure.ts'
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
  /** Why the table takes none of them, once that is known. */
  #refusal: unknown
  #isTaken = false
  /** Whether some are not in the warehouse yet. */
  readonly hasFresh: boolean

  constructor(part: SlicePart, discards: readonly Discard[], tools: Loading) {
    this.#part = part
    this.#tools = tools
    this.#schema = tools.schema.of(part.namespace)
    this.#discards = discards
    this.hasFresh = discards.some((discard) => this.#isFresh(discard))
  }

  /**
   * Appends the discards, and notes those that the warehouse has. A repeat with the same ones writes none of them twice: the id of
   * a load stands for the same discards each time, however many of them are noted.
   *
   * @throws {SluicewayError} warehouse_failed when the warehouse, not one of them, is the reason
   */
  async write(): Promise<void> {
    if (!this.hasFresh) return
    // It may have been closed for the engine of another namespace.
    this.#engine = await this.#tools.engines.of(this.#part.namespace)
    for (const { id, some } of this.#pieces) await this.#append(id, some)
  }

  get namespace(): string {
    return this.#part.namespace
  }

  /** The loads by which `write` appends what is not in the warehouse yet. */
  loads(provider: string): Load[] {
    const { table, columns } = discardTableOf(provider)
    return this.#pieces.flatMap(({ id, some }) => {
      const rows = some.filter((discard) => this.#isFresh(discard)).map(discardValues)
      return rows.length === 0 ? [] : [{ id, table, columns, rows, merge: 'append' as const }]
    })
  }

  /** Notes that the warehouse has all of them. */
  noteAll(): void {
    const { discarded, port } = this.#tools
    for (const discard of this.#discards) discarded.note(this.#keyOf(discard), port.now())
  }

  get #pieces(): readonly { readonly id: string; readonly some: readonly Discard[] }[] {
    const { id } = this.#part
    const { values = [], rows = [] } = Object.groupBy(this.#discards, (one) => (isWholeRow(one) ? 'rows' : 'values'))
    // Whether a row is refused is up to the warehouse, which may say otherwise when the slice is repeated.
    return [...piecesOf(values, id), ...piecesOf(rows, `${id}!`)]
  }

  /** Whether it is not in the warehouse yet: a lane that dies may stage events twice, in files that overlap. */
  #isFresh(discard: Discard): boolean {
    const { discarded, port } = this.#tools
    return !discarded.has(this.#keyOf(discard), port.now())
  }

  #keyOf(discard: Discard): string {
    return `${this.#part.namespace} ${discardKey(discard)}`
  }

  async #append(id: string, all: readonly Discard[], isLast = false): Promise<void> {
    const { discarded, port } = this.#tools
    const some = all.filter((discard) => this.#isFresh(discard))
    if (some.length === 0) return
    if (this.#refusal !== undefined) return this.#bury(some, this.#refusal)
    const { table, wanted, columns } = discardTableOf(this.#engine.provider)
    try {
      await this.#schema.evolve(table, { wanted, engine: this.#engine })
      await this.#engine.load({ id, table, columns, rows: some.map(discardValues), merge: 'append' })
      for (const discard of some) discarded.note(this.#keyOf(discard), port.now())
      this.#isTaken = true
    } catch (thrown) {
      // A table that is locked takes all of them later.
      if (!isNarrow(thrown) || isPassing(thrown)) throw thrown
      this.#schema.forget(table)
      const middle = all.length >> 1
      if (middle > 0) {
        await this.#append(`${id}.0`, all.slice(0, middle))
        await this.#append(`${id}.1`, all.slice(middle))
      } else if (isLast) {
        if (scopeOf(thrown) === 'table' && !this.#isTaken) this.#refusal = thrown
        this.#bury(some, thrown)
      } else {
        await this.#engine.probe().catch((down: unknown) => {
          if (!isNarrow(down)) throw down
        })
        await this.#append(id, all, true)
      }
    }
  }

  #bury(discards: readonly Discard[], thrown: unknown): void {
    for (const { pending } of discards) this.#part.bury(pending, thrown)
  }
}

const unitsOf = ({ row }: Discard): number => (row['column_value'] as string).length + 300

const piecesOf = (discards: readonly Discard[], id: string) =>
  Array.from(cut(discards, unitsOf, { size: discardUnits }), (some, n) => ({ id: n === 0 ? id : `${id}/${n}`, some }))

/**
 * Appends what was discarded of several slices by few statements, where the engine can. What is in the way of that is left to
 * `write` of each.
 *
 * @param writers of slices whose ends are fixed
 * @param tools of the load
 * @throws {SluicewayError} warehouse_failed when the warehouse, not a discard, is the reason
 */
export async function appendTogether(writers: readonly DiscardWriter[], tools: Loading): Promise<void> {
  const { engines, schema } = tools
  const fresh = writers.filter(({ hasFresh }) => hasFresh)
  for (const [namespace, some] of Map.groupBy(fresh, (writer) => writer.namespace)) {
    const engine = await engines.of(namespace)
    if (some.length < 2 || engine.appendTogether === undefined) continue
    const { table, wanted } = discardTableOf(engine.provider)
    const known = schema.of(namespace)
    try {
      await known.evolve(table, { wanted, engine })
      await engine.appendTogether(some.flatMap((writer) => writer.loads(engine.provider)))
      for (const writer of some) writer.noteAll()
    } catch (thrown) {
      if (!isNarrow(thrown) || isPassing(thrown)) throw thrown
      known.forget(table)
    }
  }
}
