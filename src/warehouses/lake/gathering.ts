import type { Column, Gathering, Load } from '../../core/warehouse.ts'
import { fewAtOnce } from '../few-at-once.ts'
import type { LakeStore } from './lake-store.ts'
import { hasLoad, type Manifest } from './manifest.ts'
import { gatheredName } from './object-names.ts'
import { ParquetFile } from './parquet.ts'
import type { FolderRows, TableFiles } from './table-files.ts'
import type { FormatGathering } from './table-format.ts'

/** Tables that are written at once. */
const atOnce = 4

/** A file that is being written, in memory. */
interface OpenFile {
  readonly folder: string
  readonly table: string
  readonly merge: Load['merge']
  readonly number: number
  readonly file: ParquetFile
  /** What its loads would be named as files of their own. */
  readonly names: string[]
}

/**
 * Gathers loads as row groups of the files of their folders, so that few large files are written and not many small ones. They
 * are in memory, compressed, until the merge.
 */
export class LakeGathering implements Gathering {
  readonly #store: LakeStore
  readonly #tables: TableFiles
  /** Gathers for the tables of a second form. */
  readonly #format: FormatGathering | undefined
  readonly #files: OpenFile[] = []
  /** Of each folder, the file that takes rows. */
  readonly #open = new Map<string, OpenFile>()

  constructor(store: LakeStore, tables: TableFiles, format?: FormatGathering) {
    this.#store = store
    this.#tables = tables
    this.#format = format
  }

  get heldBytes(): number {
    return this.#files.reduce((sum, { file }) => sum + file.heldBytes, this.#format?.heldBytes ?? 0)
  }

  /** Takes loads that append as well, also of one table. */
  async stage(loads: readonly Load[]): Promise<void> {
    for (const load of loads) if (load.rows.length > 0) await this.#stage(load)
  }

  async merge(): Promise<void> {
    const tables = Map.groupBy(this.#files, ({ table }) => table)
    await fewAtOnce([...tables.values()], { most: atOnce, work: (files) => this.#write(files) })
    await this.#format?.merge()
  }

  drop(): Promise<void> {
    this.#files.length = 0
    this.#open.clear()
    return Promise.resolve()
  }

  async #stage(load: Load): Promise<void> {
    const parts = await this.#tables.divide(load)
    // For each folder the manifest is read, and the file and the manifest are written.
    this.#store.reserve(3 * (this.#files.length + parts.length))
    for (const part of parts) {
      const manifest = await this.#store.manifest(part.folder, load.table)
      if (load.merge === 'append' && this.#has(part, manifest)) continue
      const { file, names } = this.#fileFor(part, load, manifest)
      file.add(load.columns, part.rows)
      names.push(part.name)
    }
    await this.#format?.stage(load, await this.#tables.columns(load.table))
  }

  /** Whether rows that are appended are there, or on their way. */
  #has({ folder, name }: FolderRows, manifest: Manifest): boolean {
    return hasLoad(manifest, name) || this.#files.some((open) => open.folder === folder && open.names.includes(name))
  }

  /**
   * The file of a folder that has the columns of a load. A new one has those that files of the folder have as well, so that rows of
   * the next loads find theirs.
   */
  #fileFor({ folder }: FolderRows, { table, merge, columns }: Load, manifest: Manifest): OpenFile {
    const open = this.#open.get(folder)
    const types = new Map(open?.file.columns.map(({ name, type }) => [name, type]))
    if (open !== undefined && columns.every(({ name, type }) => types.get(name) === type)) return open
    const all = new Map([...Object.entries(manifest.columns), ...types, ...columns.map(pairOf)])
    const number = this.#tables.nextNumber(manifest)
    const file = new ParquetFile({ columns: Array.from(all, ([name, type]) => ({ name, type })), number })
    const made: OpenFile = { folder, table, merge, number, file, names: [] }
    this.#files.push(made)
    this.#open.set(folder, made)
    return made
  }

  async #write(files: readonly OpenFile[]): Promise<void> {
    const written = []
    for (const { file, folder, table, merge, number, names } of files) {
      const loads = merge === 'append' && names.length > 1 ? { loads: names } : {}
      const entry = { name: await gatheredName(names), load: number, merge, rows: file.rows, ...loads }
      written.push(await this.#tables.put({ folder, table, columns: file.columns }, file.end(), entry))
    }
    await this.#tables.list(written)
  }
}

const pairOf = ({ name, type }: Column) => [name, type] as const
