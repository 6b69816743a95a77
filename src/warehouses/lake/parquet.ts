import { constants, zstdCompressSync } from 'node:zlib'
import { ByteWriter } from 'hyparquet-writer/src/bytewriter.js'
import { ParquetWriter } from 'hyparquet-writer/src/parquet-writer.js'
import type { ColumnType, Load } from '../../core/warehouse.ts'
import { readerOf, rowProblem, type LoadRow } from './rows.ts'

/** Rows of one row group: only its values are in memory beside the rows and the file. */
const groupRows = 5_000
/** Column of the number of the load, by which readers tell the newest of several rows of one id. */
export const loadColumn = '_sluiceway_load'

const params = { [constants.ZSTD_c_compressionLevel]: 3 }
const compressors = { ZSTD: (bytes: Uint8Array): Uint8Array => zstdCompressSync(bytes, { params }) }

type Element = ConstructorParameters<typeof ParquetWriter>[0]['schema'][number]

/** As RudderStack's lakes have them: times are microseconds since 1970 in UTC, everything else that is text is UTF-8. */
const elements: Readonly<Record<ColumnType, Omit<Element, 'name'>>> = {
  int: { type: 'INT64' },
  float: { type: 'DOUBLE' },
  boolean: { type: 'BOOLEAN' },
  datetime: { type: 'INT64', converted_type: 'TIMESTAMP_MICROS' },
  string: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  text: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  json: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
}

/**
 * Writes rows of a load as a Parquet file, compressed with zstd: the columns of the load, and `_sluiceway_load`.
 *
 * https://parquet.apache.org/docs/file-format/ (checked 2026-11-29)
 *
 * @param load whose columns
 * @param rows some of its rows
 * @param number of the load
 * @param ids ids of columns by their names, for readers that find columns by them
 * @returns the bytes of the file
 * @throws {SluicewayError} warehouse_failed with the scope `rows` when a value is not of its column's type
 */
export function parquetOf(
  { columns }: Pick<Load, 'columns'>,
  rows: readonly LoadRow[],
  number: number,
  ids?: ReadonlyMap<string, number>,
): Uint8Array<ArrayBuffer> {
  const idOf = (name: string) => (ids?.has(name) === true ? { field_id: ids.get(name) as number } : {})
  const bytes = new ByteWriter(65_536)
  const writer = new ParquetWriter({
    writer: bytes,
    codec: 'ZSTD',
    compressors,
    createdBy: 'Sluiceway',
    schema: [
      { name: 'root', num_children: columns.length + 1 },
      ...columns.map(({ name, type }): Element => ({
        name,
        repetition_type: 'OPTIONAL',
        ...elements[type],
        ...idOf(name),
      })),
      { name: loadColumn, repetition_type: 'REQUIRED', type: 'INT64', ...idOf(loadColumn) },
    ],
  })
  for (let i = 0; i < rows.length; i += groupRows) {
    const group = rows.slice(i, i + groupRows)
    const columnData = columns.map(({ name, type }) => {
      const read = readerOf(columns, name)
      return { name, data: group.map((row) => storedValue(read(row), type, name)) }
    })
    const numbers = { name: loadColumn, data: group.map(() => BigInt(number)) }
    // The writer is of memory: nothing of it waits.
    void writer.write({ columnData: [...columnData, numbers], rowGroupSize: groupRows })
  }
  void writer.finish()
  return bytes.getBytes() as Uint8Array<ArrayBuffer>
}

function storedValue(value: unknown, type: ColumnType, name: string): unknown {
  if (value === null) return null
  switch (type) {
    case 'boolean':
      if (typeof value === 'boolean') return value
      break
    case 'float':
      if (Number.isFinite(Number(value))) return Number(value)
      break
    case 'int':
      if (Number.isInteger(value) || (typeof value === 'string' && /^-?\d{1,19}$/.test(value)))
        return inRange(BigInt(value as string | number), name)
      break
    case 'datetime': {
      const time = Date.parse(String(value))
      if (!Number.isNaN(time)) return BigInt(time) * 1_000n
      break
    }
    default:
      return typeof value === 'string' ? value : typeof value === 'object' ? JSON.stringify(value) : String(value)
  }
  throw rowProblem(`a value of the column "${name}" is no ${type}`)
}

function inRange(value: bigint, name: string): bigint {
  if (BigInt.asIntN(64, value) !== value) throw rowProblem(`a number of the column "${name}" does not fit into 64 bits`)
  return value
}
