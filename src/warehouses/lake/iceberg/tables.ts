import type { CommitTableRequest, CreateTableRequest } from 'iceberg-js'
import type { Columns, Load } from '../../../core/warehouse.ts'
import { failure } from '../failure.ts'
import type { LakeStore } from '../lake-store.ts'
import { parquetOf } from '../parquet.ts'
import type { FormatGathering, FormatTables } from '../table-format.ts'
import { appendFiles, type DataFile } from './append.ts'
import type { Catalog } from './catalog.ts'
import { IcebergGathering } from './gathering.ts'
import { columnIds, dayFolder, keyOf, type Part, rowsByDay, typedColumns } from './parts.ts'
import { newSchema, widerSchema } from './table-schema.ts'
import { properties, type TableState, tableStateOf } from './table-state.ts'

/** Times that a commit is tried while others change the table. */
const tries = 5
/** Keys of files that a table remembers, at least: a load is repeated before so many others have come. */
const rememberedKeys = 200
/** Operations of a load beside one for each of its files. */
const operationsOfLoad = 60

/** Where tables are. */
interface Place {
  readonly catalog: Catalog
  readonly namespace: readonly string[]
  readonly store: LakeStore
  readonly bucket: string | undefined
}

/** What is to be added to a table. */
interface Addition {
  /** Names it in the summary of the snapshot. */
  readonly id: string
  readonly partsOf: (table: TableState) => Promise<readonly Part[]>
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

  append(load: Load, columns: Columns): Promise<void> {
    return this.add(load.table, columns, { id: load.id, partsOf: (table) => partsOf(load, columns, table) })
  }

  gather(): FormatGathering {
    return new IcebergGathering(this)
  }

  /**
   * Adds files as one snapshot.
   *
   * That a file is in the table is written into the table's properties, in the commit that adds it: a repeat of its loads finds it
   * there, whatever has become of the snapshot and of the file since.
   *
   * @param name of the table, which is made or widened where it has to be
   * @param columns of the table
   * @param addition what is added
   */
  async add(name: string, columns: Columns, addition: Addition): Promise<void> {
    const written = new Map<string, number>()
    let unknown: Error | undefined
    for (let i = 1; i <= tries; i++) {
      const table = await this.state(name, columns)
      const parts = await addition.partsOf(table)
      const known = new Set(table.fileKeys)
      const left = parts.filter((part) => !known.has(keyOf(part)))
      if (left.length === 0) return
      if (unknown !== undefined) throw unknown
      this.#store.reserve(left.length + operationsOfLoad)
      const outcome = await this.#commit(name, await this.#request(table, { id: addition.id, left, written }))
      if (outcome === 'committed') return
      if (outcome === 'conflict') await new Promise((resolve) => setTimeout(resolve, i * (100 + Math.random() * 200)))
      else unknown = outcome
    }
    throw unknown ?? failure(`others changed the Iceberg table "${name}" ${tries} times meanwhile`)
  }

  #commit(table: string, request: CommitTableRequest) {
    return this.#catalog.commit(this.#namespace, table, request)
  }

  /** Writes files, and makes the commit that adds them. */
  async #request(
    table: TableState,
    {
      id,
      left,
      written,
    }: { readonly id: string; readonly left: readonly Part[]; readonly written: Map<string, number> },
  ): Promise<CommitTableRequest> {
    const number = table.lastLoad + 1
    const files: DataFile[] = []
    for (const { name, day, rows, times, bytesOf } of left) {
      // A file that a commit has named is never written again: its number is not used again.
      const path = `${table.location}/data/${dayFolder(table, day)}${name}-${number}.parquet`
      if (!written.has(path)) {
        const bytes = bytesOf(table, number)
        await this.#write(path, bytes)
        written.set(path, bytes.byteLength)
      }
      files.push({ path, day, rows, bytes: written.get(path) ?? 0, times })
    }
    const snapshot = await appendFiles(table, files, {
      files: {
        read: (location, most) => this.#read(location, most),
        write: (location, bytes) => this.#write(location, bytes),
      },
      summary: { 'sluiceway-load': id },
    })
    const keys = [...table.fileKeys, ...left.map(keyOf)].slice(-Math.max(rememberedKeys, left.length))
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
  async state(name: string, columns: Columns): Promise<TableState> {
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

/** The files of a load: each is made when it is known for which number. */
async function partsOf(load: Load, columns: Columns, state: TableState): Promise<readonly Part[]> {
  const typed = typedColumns(load, columns)
  return (await rowsByDay(load, state)).map(({ day, rows, name, times }) => ({
    day,
    name,
    times,
    rows: rows.length,
    bytesOf: (table, number) => parquetOf({ columns: typed, number, ids: columnIds(table) }, rows),
  }))
}
