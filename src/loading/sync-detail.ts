import type { SyncDetail } from '../core/sync.ts'
import type { SliceReport } from './load-group.ts'
import type { SchemaChange } from './known-schema.ts'

/** Tables, and columns, that the record of a sync names. */
const mostNames = 1_000

/** Gathers what the slices of one run did. */
export class SyncNotes {
  readonly #tables = new Map<string, number>()
  #deadLetters = 0
  #waiting = 0

  note({ tables, deadLetters, waiting }: SliceReport): void {
    for (const [table, { rows }] of tables) this.#tables.set(table, (this.#tables.get(table) ?? 0) + rows)
    this.#deadLetters += deadLetters
    this.#waiting += waiting
  }

  /** Whether anything was done. */
  get isEmpty(): boolean {
    return this.#tables.size + this.#deadLetters + this.#waiting === 0
  }

  /**
   * Gives the record, with no more than 1,000 tables and changes.
   *
   * @param changes of the schema, in their order
   * @param more what else is known
   */
  detail(changes: readonly SchemaChange[], more: Pick<SyncDetail, 'refused' | 'isUnfinished'>): SyncDetail {
    const some = changes.slice(0, mostNames)
    const left = this.#tables.size - mostNames + changes.length - some.length
    return {
      ...more,
      tables: Object.fromEntries([...this.#tables].slice(0, mostNames)),
      created: some.filter(({ kind }) => kind === 'created').map(({ table }) => table),
      added: columnsOf(some, 'added'),
      widened: columnsOf(some, 'widened'),
      deadLetters: this.#deadLetters,
      waiting: this.#waiting,
      ...(this.#tables.size > mostNames || changes.length > mostNames ? { leftOut: Math.max(left, 1) } : {}),
    }
  }
}

function columnsOf(changes: readonly SchemaChange[], kind: SchemaChange['kind']): SyncDetail['added'] {
  const tables: Record<string, Record<string, string>> = {}
  for (const change of changes)
    if (change.kind === kind) tables[change.table] = { ...tables[change.table], ...change.columns }
  return tables
}
