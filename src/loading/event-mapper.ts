import type { MapOptions } from '../warehouses/mapping/map-event.ts'
import { moreColumn } from '../warehouses/mapping/more-column.ts'
import { ownName } from '../warehouses/mapping/providers.ts'
import { qualifiedName } from './known-schema.ts'
import type { Loading } from './load-group.ts'
import { rowsOf } from './rows-of.ts'
import type { StagedEvent } from './staged-events.ts'

type MappedEvent = ReturnType<typeof rowsOf>

/** Tells whether rows that are on their way have a column. */
type HasColumn = (namespace: string, table: string, column: string) => boolean

/** Makes the rows of events for one warehouse. */
export class EventMapper {
  readonly #loading: Loading
  readonly #now: string
  readonly #hasColumn: HasColumn
  /** The same in all namespaces; undefined until an engine is open. */
  #options: MapOptions | undefined
  /** By the name of the source. */
  readonly #optionsOf = new Map<string, MapOptions>()

  /** `now` is the time of the load. */
  constructor(loading: Loading, now: string, hasColumn: HasColumn) {
    this.#loading = loading
    this.#now = now
    this.#hasColumn = hasColumn
  }

  get isReady(): boolean {
    return this.#options !== undefined
  }

  /** Asks an engine, that of some source, how it wants its rows. */
  async prepare(source: string): Promise<void> {
    const { target, engines, port } = this.#loading
    const { provider, kept, rowColumns } = engines.traits ?? (await engines.of(engines.namespaceOf(source)))
    const { mapping } = target.route
    this.#options = {
      ...mapping,
      provider: provider as MapOptions['provider'],
      kept,
      maxColumns: mapping?.maxColumns ?? rowColumns,
      overflow: ownName(moreColumn, provider),
      sourceType: 'sluiceway',
      destinationId: target.name,
      destinationType: target.route.use.name.toUpperCase(),
      now: () => this.#now,
      uuid: port.uuid,
    }
  }

  /** Maps an event; it is ready. */
  map({ envelope, key }: StagedEvent): { readonly namespace: string; readonly rows: MappedEvent } {
    const { engines, target } = this.#loading
    const { source } = envelope.header
    const namespace = engines.namespaceOf(source)
    const mapping = this.#optionsOf.get(source) ?? this.#optionsFor(source, namespace)
    const rows = rowsOf(envelope, { mapping, file: key, privacy: target.route.privacy })
    return { namespace, rows: this.#wanted(namespace, rows) }
  }

  #optionsFor(source: string, namespace: string): MapOptions {
    const known = this.#loading.schema.of(namespace)
    const hasColumn = (table: string, column: string): boolean =>
      this.#hasColumn(namespace, table, column) || known.has(table, column)
    const mapping = { ...(this.#options as MapOptions), sourceId: source, hasColumn }
    this.#optionsOf.set(source, mapping)
    return mapping
  }

  /** Of held rows those for their table. What is mapped otherwise now goes where that says. */
  #wanted(namespace: string, rows: MappedEvent): MappedEvent {
    const { from } = this.#loading
    if (from === undefined || 'stage' in rows) return rows
    const mine = rows.filter(({ row }) => qualifiedName(namespace, row.table) === from.table)
    return mine.length > 0 ? mine : rows
  }
}
