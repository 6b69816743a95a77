import { SluicewayError } from '../../core/errors.ts'
import type { Column, Columns, Load } from '../../core/warehouse.ts'
import type { LakeStore } from './lake-store.ts'
import { type Manifest, type ManifestFile, type TableSchema, withFile } from './manifest.ts'
import { dataName, type FolderLayout, rowsByFolder, tableFolder } from './object-names.ts'
import { type LoadRow, readerOf, rowProblem } from './rows.ts'

/** Rows of a load that belong into one folder. */
export interface FolderRows {
  /** Of the table and the time: `tracks/dt=2026-11-29`. */
  readonly folder: string
  readonly rows: readonly LoadRow[]
  /** Names the file that has them and nothing else; a repeat of the load gives the same. */
  readonly name: string
}

/** A file that is in the bucket and does not count yet. */
interface WrittenFile {
  readonly folder: string
  readonly table: string
  readonly columns: readonly Column[]
  readonly entry: ManifestFile
}

/** The files of the tables of one namespace: where rows belong, and what makes a file count. */
export class TableFiles {
  readonly #store: LakeStore
  readonly #layout: FolderLayout
  #number = 0

  constructor(store: LakeStore, layout: FolderLayout) {
    this.#store = store
    this.#layout = layout
  }

  /** Columns of a table; none where there is no table. */
  async columns(table: string): Promise<Columns> {
    return (await this.#store.schema(await tableFolder(table)))?.columns ?? {}
  }

  /**
   * Divides the rows of a load by the folders in which they belong.
   *
   * @throws {SluicewayError} warehouse_failed with the scope `table` when the table does not have its columns, with the scope
   *   `rows` when a row has no id
   */
  async divide(load: Load): Promise<readonly FolderRows[]> {
    const table = await tableFolder(load.table)
    if (unknownColumn(load, await this.#store.schema(table)) !== undefined)
      checkColumns(load, await this.#store.schema(table, true))
    checkIds(load)
    const parts: FolderRows[] = []
    for (const [name, rows] of rowsByFolder(load, this.#layout)) {
      const folder = `${table}/${name}`
      parts.push({ folder, rows, name: await dataName(load, folder, rows) })
    }
    return parts
  }

  /** The number of the next load: the time, unless an earlier one had a later. Whichever machine loads, numbers grow. */
  nextNumber({ files }: Manifest): number {
    this.#number = Math.max(Date.now(), this.#number + 1, (files.at(-1)?.load ?? 0) + 1)
    return this.#number
  }

  /** Writes a file, which does not count before `list`. */
  async put(
    file: Omit<WrittenFile, 'entry'>,
    bytes: Uint8Array<ArrayBuffer>,
    entry: Omit<ManifestFile, 'bytes'>,
  ): Promise<WrittenFile> {
    await this.#store.putData(`${file.folder}/${entry.name}`, bytes)
    return { ...file, entry: { ...entry, bytes: bytes.byteLength } }
  }

  /** Makes files of one table count. It comes last, when all files of the table are there. */
  async list(written: readonly WrittenFile[]): Promise<void> {
    for (const [folder, files] of Map.groupBy(written, (one) => one.folder)) {
      const [{ table }] = files as [WrittenFile]
      let manifest = await this.#store.manifest(folder, table)
      for (const { entry, columns } of files) manifest = withFile(manifest, entry, columnsOf(columns))
      await this.#store.writeManifest(folder, manifest)
    }
  }
}

const columnsOf = (columns: readonly Column[]): Columns =>
  Object.fromEntries(columns.map(({ name, type }) => [name, type]))

const unknownColumn = ({ columns }: Load, schema: TableSchema | null): string | undefined =>
  columns.find(({ name }) => !Object.hasOwn(schema?.columns ?? {}, name))?.name

function checkColumns(load: Load, schema: TableSchema | null): void {
  const unknown = unknownColumn(load, schema)
  if (unknown !== undefined)
    throw new SluicewayError('warehouse_failed', `Lake: the table "${load.table}" has no column "${unknown}"`, {
      details: { scope: 'table' },
    })
}

/** Without an id a row could not be told from others. */
function checkIds(load: Load): void {
  const { columns } = load
  if (load.merge === 'append' || columns.every(({ name }) => name !== 'id')) return
  const id = readerOf(columns, 'id')
  if (load.rows.some((row) => id(row) === null)) throw rowProblem(`a row of "${load.table}" has no id`)
}
