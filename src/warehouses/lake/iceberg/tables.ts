import type { CommitTableRequest, CreateTableRequest } from 'iceberg-js'
import type { Column, Columns, Load } from '../../../core/warehouse.ts'
import { hexHash } from '../../hex-hash.ts'
import { rowIdentities } from '../../row-identities.ts'
import { failure } from '../failure.ts'
import type { LakeStore } from '../lake-store.ts'
import { parquetOf } from '../parquet.ts'
import { type LoadRow, readerOf } from '../rows.ts'
import type { FormatTables } from '../table-format.ts'
import { appendFiles, type DataFile } from './append.ts'
import type { Catalog } from './catalog.ts'
import { newSchema, widerSchema } from './table-schema.ts'
import { properties, type TableState, tableStateOf } from './table-state.ts'

/** Times that a commit is tried while others change the table. */
const tries = 5
/** Keys of files that a table remembers, at least: a load is repeated before so many others have come. */
const rememberedKeys = 200
/** Operations of a load beside one for each of its files. */
const operationsOfLoad = 60
const dayMs = 86_400_000

/** Where tables are. */
interface Place {
  readonly catalog: Catalog
  readonly namespace: readonly string[]
  readonly store: LakeStore
  readonly bucket: string | undefined
}

/** Rows of a load that become one file. */
interface Part {
  /** Tells the part of a repeat of the load. */
  readonly key: string
  readonly name: string
  readonly day: number | null
  readonly rows: readonly LoadRow[]
}

/** The tables of a namespace of a lake, as Iceberg tables of format version 2. */
export class IcebergTables implements FormatTables {
  readonly #catalog: Catalog
  readonly #namespace: readonly string[]
  readonly #store: LakeStore
  readonly #bucket: string | undefined

  constructor({ catalog, namespace, store, bucket }: Place) {
    this.#catalog = catalog
    this.#namespace = namespace
    this.#store = store
    this.#bucket = bucket
  }

  probe(): Promise<void> {
    return this.#catalog.prepare(this.#namespace)
  }

  /**
   * Adds the rows of a load as one snapshot.
   *
   * That a file is in the table is written into the table's properties, in the commit that adds it: a repeat of the load finds it
   * there, whatever has become of the snapshot and of the file since.
   */
  async append(load: Load, columns: Columns): Promise<void> {
    const written = new Map<string, number>()
    let unknown: Error | undefined
    for (let i = 1; i <= tries; i++) {
      const table = await this.#table(load.table, columns)
      const parts = await partsOf(load, table)
      const known = new Set(table.fileKeys)
      const left = parts.filter(({ key }) => !known.has(key))
      if (left.length === 0) return
      if (unknown !== undefined) throw unknown
      this.#store.reserve(left.length + operationsOfLoad)
      const outcome = await this.#commit(load.table, await this.#request(table, { load, columns, left, written }))
      if (outcome === 'committed') return
      if (outcome === 'conflict') await new Promise((resolve) => setTimeout(resolve, i * (100 + Math.random() * 200)))
      else unknown = outcome
    }
    throw unknown ?? failure(`others changed the Iceberg table "${load.table}" ${tries} times meanwhile`)
  }

  #commit(table: string, request: CommitTableRequest) {
    return this.#catalog.commit(this.#namespace, table, request)
  }

  /** Writes the files of a load, and makes the commit that adds them. */
  async #request(
    table: TableState,
    {
      load,
      columns,
      left,
      written,
    }: {
      readonly load: Load
      readonly columns: Columns
      readonly left: readonly Part[]
      readonly written: Map<string, number>
    },
  ): Promise<CommitTableRequest> {
    const number = table.lastLoad + 1
    const ids = new Map(table.schema.fields.map(({ name, id }) => [name, id]))
    const typed = load.columns.map(({ name, type }): Column => ({ name, type: columns[name] ?? type }))
    const files: DataFile[] = []
    for (const part of left) {
      // A file that a commit has named is never written again: its number is not used again.
      const path = `${table.location}/data/${folderOf(table, part)}${part.name}-${number}.parquet`
      if (!written.has(path)) {
        const bytes = parquetOf({ columns: typed, number, ids }, part.rows)
        await this.#write(path, bytes)
        written.set(path, bytes.byteLength)
      }
      files.push({
        path,
        day: part.day,
        rows: part.rows.length,
        bytes: written.get(path) ?? 0,
        ...timesOf(part, load, table),
      })
    }
    const snapshot = await appendFiles(table, files, {
      files: {
        read: (location, most) => this.#read(location, most),
        write: (location, bytes) => this.#write(location, bytes),
      },
      summary: { 'sluiceway-load': load.id },
    })
    const keys = [...table.fileKeys, ...left.map(({ key }) => key)].slice(-Math.max(rememberedKeys, left.length))
    return {
      requirements: [
        { type: 'assert-table-uuid', uuid: table.uuid },
        { type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': table.snapshot?.id ?? null },
      ],
      updates: [
        { action: 'add-snapshot', snapshot },
        { action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': snapshot['snapshot-id'] },
        {
          action: 'set-properties',
          updates: { [properties.load]: String(number), [properties.files]: keys.join(' ') },
        },
      ],
      // Ids of snapshots are text until they are sent.
    } as unknown as CommitTableRequest
  }

  /** The table with all columns that it needs; it is made where it is missing. */
  async #table(name: string, columns: Columns): Promise<TableState> {
    for (let i = 1; i <= tries; i++) {
      const found = await this.#catalog.table(this.#namespace, name)
      if (found === null) {
        await this.#catalog.create(this.#namespace, createRequest(name, columns))
        continue
      }
      const table = tableStateOf(found, name)
      await this.#checkBucket(table)
      const wider = widerSchema(table.schema, columns, table.lastColumnId)
      if (wider === undefined) return table
      const outcome = await this.#commit(name, {
        requirements: [
          { type: 'assert-table-uuid', uuid: table.uuid },
          { type: 'assert-current-schema-id', 'current-schema-id': table.schema['schema-id'] },
          { type: 'assert-last-assigned-field-id', 'last-assigned-field-id': table.lastColumnId },
        ],
        updates: [
          {
            action: 'add-schema',
            schema: { ...table.schema, 'schema-id': table.schema['schema-id'] + 1, fields: wider.fields },
            'last-column-id': wider.lastId,
          },
          { action: 'set-current-schema', 'schema-id': -1 },
        ],
      } as CommitTableRequest)
      if (outcome instanceof Error) throw outcome
    }
    throw failure(`others changed the Iceberg table "${name}" ${tries} times meanwhile`)
  }

  /** Files beside the bucket of the catalog could not be read: such a table is refused before anything is written. */
  async #checkBucket({ location, snapshot, metadataLocation }: TableState): Promise<void> {
    const { bucket } = placeOf(location)
    if (this.#bucket !== undefined && this.#bucket !== bucket) throw otherBucket(bucket, this.#bucket)
    // Later, the manifests of the snapshot before are read.
    if (this.#bucket !== undefined || snapshot !== undefined || metadataLocation === undefined) return
    if ((await this.#store.readObject(placeOf(metadataLocation).key, 32 * 1024 * 1024)) === null)
      throw otherBucket(bucket, 'that of the binding')
  }

  async #read(location: string, most: number): Promise<Uint8Array> {
    const { bucket, key } = placeOf(location)
    const bytes = await this.#store.readObject(key, most)
    if (bytes === null)
      throw failure(
        `${location}, which the Iceberg table needs, is not in the bucket: it was deleted, or the bucket of the lake is not "${bucket}"`,
        { lasting: true },
      )
    return bytes
  }

  async #write(location: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#store.putObject(placeOf(location).key, bytes)
  }
}

const otherBucket = (bucket: string, other: string) =>
  failure(`the tables of the Iceberg catalog are in the bucket "${bucket}", the lake is in another (${other})`, {
    lasting: true,
  })

function placeOf(location: string): { readonly bucket: string; readonly key: string } {
  const [, bucket, key] = /^(?:s3|s3a|s3n|r2|gs):\/\/([^/]+)\/(.+)$/.exec(location) ?? []
  if (bucket === undefined || key === undefined)
    throw failure(`the Iceberg catalog keeps tables at ${location}, which is no place in a bucket`, { lasting: true })
  return { bucket, key }
}

function createRequest(name: string, columns: Columns): CreateTableRequest {
  const schema = newSchema(columns)
  const time =
    columns['received_at'] === 'datetime' ? schema.fields.find((one) => one.name === 'received_at') : undefined
  return {
    name,
    schema: schema as unknown as CreateTableRequest['schema'],
    ...(time === undefined
      ? {}
      : {
          'partition-spec': {
            'spec-id': 0,
            fields: [{ 'source-id': time.id, 'field-id': 1000, name: 'received_at_day', transform: 'day' }],
          },
        }),
    properties: {
      'format-version': '2',
      [properties.load]: String(Date.now()),
      'write.metadata.delete-after-commit.enabled': 'true',
      'write.metadata.previous-versions-max': '100',
    },
  }
}

/** The column by whose days the table is partitioned, where the load has it. */
const timeColumn = ({ partitioning, schema }: TableState): string | undefined =>
  schema.fields.find((one) => one.id === partitioning.field?.sourceId)?.name

const millisecondsOf = (value: unknown): number | null => (typeof value === 'string' ? Date.parse(value) : null)

/**
 * Divides the rows of a load by the UTC day that partitions the table, and names the parts by what is in them: a repeat gives
 * the same, `uuid_ts` aside, which a repeat has anew.
 */
async function partsOf(load: Load, table: TableState): Promise<readonly Part[]> {
  const column = timeColumn(table)
  const read = column === undefined ? () => null : readerOf(load.columns, column)
  const days = Map.groupBy(load.rows, (row) => {
    const time = millisecondsOf(read(row))
    return time === null ? null : Math.floor(time / dayMs)
  })
  const merge = load.merge === 'append' ? 'append' : 'coalesce'
  const parts = Array.from(days, async ([day, rows]): Promise<Part> => {
    const content = merge === 'append' ? [] : [load.columns, rowIdentities({ ...load, merge }, rows)]
    const name = await hexHash(JSON.stringify([load.id, load.table, day, ...content]), 16)
    return { key: name.slice(0, 16), name, day, rows }
  })
  return Promise.all(parts)
}

const folderOf = ({ partitioning }: TableState, { day }: Part): string =>
  partitioning.field === undefined
    ? ''
    : `${partitioning.field.name}=${day === null ? 'null' : new Date(day * dayMs).toISOString().slice(0, -14)}/`

function timesOf({ day, rows }: Part, load: Load, table: TableState): Pick<DataFile, 'times'> {
  const column = timeColumn(table)
  if (day === null || column === undefined) return {}
  const read = readerOf(load.columns, column)
  const times = rows.map((row) => millisecondsOf(read(row)) ?? 0)
  const bound = (pick: (a: number, b: number) => number) => BigInt(times.reduce((a, b) => pick(a, b))) * 1_000n
  return { times: [bound(Math.min), bound(Math.max)] }
}
