import type { Column, Columns, Load } from '../../../core/warehouse.ts'
import { fewAtOnce } from '../../few-at-once.ts'
import { hexHash } from '../../hex-hash.ts'
import { failure } from '../failure.ts'
import { ParquetFile } from '../parquet.ts'
import type { FormatGathering } from '../table-format.ts'
import { columnIds, type DayRows, type Part, rowsByDay, typedColumns } from './parts.ts'
import { widerSchema } from './table-schema.ts'
import type { TableState } from './table-state.ts'
import type { IcebergTables } from './tables.ts'

/** Tables that are committed at once. */
const atOnce = 4
/** Columns of a table up to which a file has all of them, so that rows of later loads find theirs. */
const mostSpareColumns = 200

/** A file that is being written, in memory. */
interface OpenFile {
  readonly day: number | null
  readonly number: number
  readonly ids: ReadonlyMap<string, number>
  readonly file: ParquetFile
  readonly names: string[]
  times: DayRows['times']
}

/** What was staged of one table. */
interface GatheredTable {
  readonly state: TableState
  readonly columns: Columns
  /** Id of the first load. */
  readonly id: string
  readonly files: OpenFile[]
  /** Of each day, the file that takes rows. */
  readonly open: Map<number | null, OpenFile>
}

/** Gathers loads of Iceberg tables as row groups of the files of their days. They are in memory until the merge commits them. */
export class IcebergGathering implements FormatGathering {
  readonly #tables: IcebergTables
  readonly #gathered = new Map<string, GatheredTable>()

  constructor(tables: IcebergTables) {
    this.#tables = tables
  }

  get heldBytes(): number {
    const files = [...this.#gathered.values()].flatMap((table) => table.files)
    return files.reduce((sum, { file }) => sum + file.heldBytes, 0)
  }

  async stage(load: Load, columns: Columns): Promise<void> {
    const table = await this.#tableOf(load, columns)
    const typed = typedColumns(load, columns)
    for (const { day, rows, name, times } of await rowsByDay(load, table.state)) {
      const open = fileFor(day, typed, table)
      open.file.add(load.columns, rows)
      open.names.push(name)
      open.times = widest(open.times, times)
    }
  }

  async merge(): Promise<void> {
    await fewAtOnce([...this.#gathered], {
      most: atOnce,
      work: async ([name, { id, columns, files }]) => {
        const parts = await Promise.all(files.map((file) => partOf(file, name)))
        await this.#tables.add(name, columns, { id, partsOf: () => Promise.resolve(parts) })
      },
    })
  }

  /** What is gathered of a table, which has all columns of the load. */
  async #tableOf({ id, table }: Load, columns: Columns): Promise<GatheredTable> {
    const before = this.#gathered.get(table)
    if (before !== undefined && widerSchema(before.state.schema, columns, before.state.lastColumnId) === undefined)
      return before
    const state = await this.#tables.state(table, columns)
    const made = { id, files: [], open: new Map<number | null, OpenFile>(), ...before, state, columns }
    this.#gathered.set(table, made)
    return made
  }
}

function fileFor(day: number | null, typed: readonly Column[], table: GatheredTable): OpenFile {
  const { state, columns, files, open } = table
  const before = open.get(day)
  const types = new Map(before?.file.columns.map(({ name, type }) => [name, type]))
  if (before !== undefined && typed.every(({ name, type }) => types.get(name) === type)) return before
  const all = Object.entries(columns)
  const spare = all.length <= mostSpareColumns ? all : types
  const form = new Map([...spare, ...typed.map(({ name, type }) => [name, type] as const)])
  const ids = columnIds(state)
  const number = state.lastLoad + 1
  const file = new ParquetFile({ columns: Array.from(form, ([name, type]) => ({ name, type })), number, ids })
  const made: OpenFile = { day, number, ids, file, names: [], times: undefined }
  files.push(made)
  open.set(day, made)
  return made
}

async function partOf({ day, number, ids, file, names, times }: OpenFile, table: string): Promise<Part> {
  const [only = ''] = names
  return {
    day,
    times,
    rows: file.rows,
    name: names.length === 1 ? only : await hexHash(JSON.stringify(names), 16),
    bytesOf: (state, next) => {
      const now = columnIds(state)
      if (next !== number || file.columns.some(({ name }) => now.get(name) !== ids.get(name)))
        throw failure(`another load has changed the Iceberg table "${table}" meanwhile`)
      return file.end()
    },
  }
}

function widest(one: DayRows['times'], other: DayRows['times']): DayRows['times'] {
  if (one === undefined || other === undefined) return one ?? other
  return [one[0] < other[0] ? one[0] : other[0], one[1] > other[1] ? one[1] : other[1]]
}
