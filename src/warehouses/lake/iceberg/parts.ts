import type { Column, Load } from '../../../core/warehouse.ts'
import { hexHash } from '../../hex-hash.ts'
import { rowIdentities } from '../../row-identities.ts'
import { type LoadRow, readerOf } from '../rows.ts'
import type { DataFile } from './append.ts'
import type { TableState } from './table-state.ts'

const dayMs = 86_400_000

/** Rows of a load that belong to one partition of a table. */
export interface DayRows {
  /** UTC day since 1970 that partitions the table; null where rows have no time, or the table no days. */
  readonly day: number | null
  readonly rows: readonly LoadRow[]
  /** 32 hex digits: a repeat of the load gives the same. */
  readonly name: string
  readonly times: DataFile['times']
}

/** What becomes one file of a table. */
export interface Part extends Pick<DataFile, 'day' | 'rows' | 'times'> {
  readonly name: string
  /**
   * Gives the bytes of the file.
   *
   * @param table as it is when the file is added
   * @param number of the load that adds it
   * @throws {SluicewayError} warehouse_failed where the file was made for another state of the table
   */
  readonly bytesOf: (table: TableState, number: number) => Uint8Array<ArrayBuffer>
}

/** The key by which a table remembers a part. */
export const keyOf = ({ name }: Pick<Part, 'name'>): string => name.slice(0, 16)

/** Ids of the columns of a table by their names. */
export const columnIds = ({ schema }: TableState): ReadonlyMap<string, number> =>
  new Map(schema.fields.map(({ name, id }) => [name, id]))

/** The columns of a load, with the types that the table has. */
export const typedColumns = ({ columns }: Load, types: Readonly<Record<string, Column['type']>>): readonly Column[] =>
  columns.map(({ name, type }) => ({ name, type: types[name] ?? type }))

/** The column by whose days the table is partitioned, where the load has it. */
const timeColumn = ({ partitioning, schema }: TableState): string | undefined =>
  schema.fields.find((one) => one.id === partitioning.field?.sourceId)?.name

const millisecondsOf = (value: unknown): number | null => (typeof value === 'string' ? Date.parse(value) : null)

/**
 * Divides the rows of a load by the UTC day that partitions the table, and names the parts by what is in them: a repeat gives
 * the same, `uuid_ts` aside, which a repeat has anew.
 */
export async function rowsByDay(load: Load, table: TableState): Promise<readonly DayRows[]> {
  const column = timeColumn(table)
  const read = column === undefined ? () => null : readerOf(load.columns, column)
  const days = Map.groupBy(load.rows, (row) => {
    const time = millisecondsOf(read(row))
    return time === null ? null : Math.floor(time / dayMs)
  })
  const merge = load.merge === 'append' ? 'append' : 'coalesce'
  return Promise.all(
    Array.from(days, async ([day, rows]): Promise<DayRows> => {
      const content = merge === 'append' ? [] : [load.columns, rowIdentities({ ...load, merge }, rows)]
      const name = await hexHash(JSON.stringify([load.id, load.table, day, ...content]), 16)
      return {
        day,
        rows,
        name,
        times: day === null ? undefined : timesOf(rows.map((row) => millisecondsOf(read(row)))),
      }
    }),
  )
}

function timesOf(times: readonly (number | null)[]): DataFile['times'] {
  const bound = (pick: (a: number, b: number) => number) =>
    BigInt(times.reduce<number>((a, b) => pick(a, b ?? 0), times[0] ?? 0)) * 1_000n
  return [bound(Math.min), bound(Math.max)]
}

/** The folder of the files of a day, below `data/`: empty for a table without days. */
export const dayFolder = ({ partitioning }: TableState, day: number | null): string =>
  partitioning.field === undefined
    ? ''
    : `${partitioning.field.name}=${day === null ? 'null' : new Date(day * dayMs).toISOString().slice(0, -14)}/`
