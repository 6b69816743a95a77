import type { Columns, Load } from '../../core/warehouse.ts'
import type { LakeStore } from './lake-store.ts'

/** A second form of the tables of a lake, beside its folders of files. */
export interface TableFormat {
  readonly kind: 'table-format'
  readonly name: string
  readonly problems: readonly string[]
  readonly redacted: Readonly<Record<string, unknown>>
  /** Opens the tables of one namespace for one invocation. Nothing is asked before the first call. */
  readonly open: (lake: FormatTools) => FormatTables
}

/** What a lake lends to the tables of a format. */
export interface FormatTools {
  readonly store: LakeStore
  /** The folder of the lake in which the tables are. */
  readonly folder: string
  /** Name of the bucket; undefined where it is bound to the Worker. */
  readonly bucket: string | undefined
}

/** Tables of one namespace. Each call may be repeated after a crash. */
export interface FormatTables {
  /**
   * Adds the rows of a load that is in the lake, unless they are there.
   *
   * @param columns of the table in the lake: those of the load among them, with the same type or a wider one
   */
  readonly append: (load: Load, columns: Columns) => Promise<void>
  /** Begins to gather loads, none of which appends, that are added together. */
  readonly gather: () => FormatGathering
  /** Proves that tables can be made. */
  readonly probe: () => Promise<void>
}

/** Loads that are added together. */
export interface FormatGathering {
  /** Roughly the bytes of staged rows that are in memory. */
  readonly heldBytes: number
  /** Takes the rows of a load, with the columns of its table in the lake. Until the merge no table has them. */
  readonly stage: (load: Load, columns: Columns) => Promise<void>
  /** Adds all rows, unless they are there, once the lake has them. */
  readonly merge: () => Promise<void>
}
