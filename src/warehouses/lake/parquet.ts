import { constants, zstdCompressSync } from 'node:zlib'
import { ByteWriter } from 'hyparquet-writer/src/bytewriter.js'
import { ParquetWriter } from 'hyparquet-writer/src/parquet-writer.js'
import { joinBytes } from '../../core/join-bytes.ts'
import type { Column, ColumnType } from '../../core/warehouse.ts'
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

/** What a column of a row group keeps in memory until the file ends, beside its bytes: roughly. */
const chunkBytes = 1_000

/** What a file has in each of its rows. */
interface FileForm {
  readonly columns: readonly Column[]
  /** Number of the load. */
  readonly number: number
  /** Ids of columns by their names, for readers that find columns by them. */
  readonly ids?: ReadonlyMap<string, number> | undefined
}

/** Bytes as pieces: an array that grows would be in memory twice. */
class PieceWriter extends ByteWriter {
  readonly pieces: Uint8Array<ArrayBuffer>[] = []

  /** Called by `ParquetWriter` after each row group. */
  flush(): void {
    this.pieces.push(new Uint8Array(this.getBuffer()))
    this.index = 0
  }
}

/**
 * A Parquet file that is written row group by row group, compressed with zstd: some columns, and `_sluiceway_load`.
 *
 * https://parquet.apache.org/docs/file-format/ (checked 2026-11-29)
 */
export class ParquetFile {
  readonly columns: readonly Column[]
  readonly #number: number
  readonly #bytes = new PieceWriter(8_192)
  readonly #writer: ParquetWriter
  #chunks = 0
  rows = 0

  constructor({ columns, number, ids }: FileForm) {
    this.columns = columns
    this.#number = number
    const idOf = (name: string) => (ids?.has(name) === true ? { field_id: ids.get(name) as number } : {})
    this.#writer = new ParquetWriter({
      writer: this.#bytes,
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
  }

  /** Roughly the bytes that are in memory for it. */
  get heldBytes(): number {
    return this.#bytes.offset + this.#bytes.buffer.byteLength + this.#chunks * chunkBytes
  }

  /**
   * Adds rows.
   *
   * @param columns what the values of a row are: no others than the file has
   * @param rows as many as there are
   * @throws {SluicewayError} warehouse_failed with the scope `rows` when a value is not of its column's type; the file is then of no use
   */
  add(columns: readonly Column[], rows: readonly LoadRow[]): void {
    for (let i = 0; i < rows.length; i += groupRows) {
      const group = rows.slice(i, i + groupRows)
      const columnData = this.columns.map(({ name, type }) => {
        const read = readerOf(columns, name)
        return { name, data: group.map((row) => storedValue(read(row), type, name)) }
      })
      const numbers = { name: loadColumn, data: group.map(() => BigInt(this.#number)) }
      // The writer is of memory: nothing of it waits.
      void this.#writer.write({ columnData: [...columnData, numbers], rowGroupSize: groupRows })
      this.#chunks += this.columns.length + 1
    }
    this.rows += rows.length
  }

  /** Ends the file, and gives its bytes. */
  end(): Uint8Array<ArrayBuffer> {
    void this.#writer.finish()
    this.#bytes.flush()
    return joinBytes(this.#bytes.pieces)
  }
}

/**
 * Writes rows as a Parquet file of their own; see `ParquetFile`.
 *
 * @param form columns of the rows and of the file, and the number of the load
 * @param rows all rows
 * @returns the bytes of the file
 * @throws {SluicewayError} warehouse_failed with the scope `rows` when a value is not of its column's type
 */
export function parquetOf(form: FileForm, rows: readonly LoadRow[]): Uint8Array<ArrayBuffer> {
  const file = new ParquetFile(form)
  file.add(form.columns, rows)
  return file.end()
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
