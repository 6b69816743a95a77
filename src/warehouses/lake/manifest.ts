import type { Columns, ColumnType, Load } from '../../core/warehouse.ts'

/** A file that counts. */
export interface ManifestFile {
  readonly name: string
  /** Grows from load to load: milliseconds since the epoch, or one more than that of the load before. */
  readonly load: number
  readonly merge: Load['merge']
  readonly rows: number
  readonly bytes: number
  /** Of a file that has several loads that append: what each would be named as a file of its own. */
  readonly loads?: readonly string[]
}

/** Which files of a folder count, `_manifest.json`. A file that is not in it is of a load that has not ended. */
export interface Manifest {
  readonly version: 1
  readonly table: string
  /** Columns of the files, with the widest type that any of them has. */
  readonly columns: Columns
  readonly files: readonly ManifestFile[]
}

/** What is known of a table, `_table.json`. */
export interface TableSchema {
  readonly version: 1
  readonly table: string
  readonly columns: Columns
}

/** The manifest of a folder without files. */
export const emptyManifest = (table: string): Manifest => ({ version: 1, table, columns: {}, files: [] })

/** The manifest with a file in it, in the place of one of the same name; files stay in the order of their loads. */
export function withFile(manifest: Manifest, file: ManifestFile, columns: Columns): Manifest {
  const { files } = manifest
  const isThere = files.some(({ name }) => name === file.name)
  return {
    ...manifest,
    columns: widenColumns(manifest.columns, columns),
    files: isThere ? files.map((one) => (one.name === file.name ? file : one)) : [...files, file],
  }
}

/** Whether the rows of a load that appends count, by the name that they have as a file of their own. */
export const hasLoad = ({ files }: Manifest, load: string): boolean =>
  files.some(({ name, loads }) => name === load || loads?.includes(load) === true)

/** Writes what a person can read as well: one file a line. */
export function manifestText({ files, ...rest }: Manifest): string {
  const lines = files.map((file) => `\n  ${JSON.stringify(file)}`)
  return `${JSON.stringify(rest).slice(0, -1)},"files":[${lines.join(',')}\n]}\n`
}

/** From narrow to wide: what is in a column of one type can be read as any that comes after it. */
const widths: readonly ColumnType[] = ['int', 'float', 'string']

/**
 * Adds columns to columns. A column that both have gets the wider of its types, which readers find by `union_by_name`: int,
 * float, string; types of which none holds the other are string.
 *
 * @param before columns that are there
 * @param added columns that shall be there
 * @returns the columns of both, those that were there first
 */
export function widenColumns(before: Columns, added: Columns): Columns {
  const widened = new Map(Object.entries(before))
  for (const [name, type] of Object.entries(added)) {
    const known = widened.get(name)
    widened.set(name, known === undefined ? type : widerType(known, type))
  }
  return Object.fromEntries(widened)
}

function widerType(one: ColumnType, other: ColumnType): ColumnType {
  if (one === other) return one
  const [a, b] = [widths.indexOf(one), widths.indexOf(other)]
  return a < 0 || b < 0 ? 'string' : (widths[Math.max(a, b)] ?? 'string')
}
