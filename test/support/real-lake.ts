import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { Miniflare } from 'miniflare'
import type { Columns } from '../../src/core/warehouse.ts'
import { lake } from '../../src/warehouses/lake.ts'
import { tableFolder } from '../../src/warehouses/lake/object-names.ts'
import { quoteIdentifier } from '../../src/warehouses/identifier.ts'
import { blocks } from './documents.ts'
import type { RealWarehouse } from './real-warehouses.ts'
import { type S3Server, startS3 } from './s3-server.ts'
import type { Row } from './tables.ts'

/** A look into the files of a lake by DuckDB, with the views that the document gives. */
export interface LakeReader {
  /** Runs SQL; views of the names of `tables` are there. */
  readonly query: (sql: string, ...tables: readonly string[]) => Promise<Row[]>
  /** The rows of a table by `order`, booleans, numbers and datetimes in their logical form; without the folder's column. */
  readonly rows: (table: string, order?: string) => Promise<Row[]>
  readonly tables: () => Promise<string[]>
  /** Where the files of a table of plain letters are. */
  readonly folder: (table: string) => string
  readonly stop: () => void
}

/** All objects below a key, by their keys. */
export type Objects = (below: string) => Promise<ReadonlyMap<string, Uint8Array>>

interface TableFolder {
  /** Of the file system. */
  readonly path: string
  readonly columns: Columns
  readonly merges: ReadonlySet<string>
  readonly hasDt: boolean
}

/** The SQL of docs/warehouse-lake.md, by its file name. */
export const lakeSql = (path: string): string =>
  blocks.find((block) => block.file === 'docs/warehouse-lake.md' && block.path === path)?.text ?? ''

/**
 * Opens a reader of what `objects` gives.
 *
 * @param objects asked before each look
 * @param prefix of the lake
 */
export async function readLake(objects: Objects, prefix = 'lake'): Promise<LakeReader> {
  const root = mkdtempSync(join(tmpdir(), 'sluiceway-lake-'))
  const duck = await DuckDBInstance.create()
  const connection = await duck.connect()
  const query = async (sql: string) => (await connection.runAndReadAll(sql)).getRowObjectsJson() as Row[]
  /** Writes the files of a table, makes the view that the document gives, and says what is in the folder. */
  const open = async (table: string): Promise<TableFolder> => {
    const folder = `${prefix}/${await tableFolder(table)}`
    rmSync(join(root, folder), { recursive: true, force: true })
    for (const [key, bytes] of await objects(`${folder}/`)) {
      mkdirSync(dirname(join(root, key)), { recursive: true })
      writeFileSync(join(root, key), bytes)
    }
    const found = lookInto(join(root, folder))
    await connection.run(found.merges.size > 0 ? viewOf(table, found) : emptyView(table, found))
    return found
  }
  return {
    query: async (sql, ...tables) => {
      for (const table of tables) await open(table)
      return query(sql)
    },
    rows: async (table, order = 'id') => {
      const { columns } = await open(table)
      const rows = await query(`SELECT * FROM ${quoteIdentifier(table)} ORDER BY ${quoteIdentifier(order)}`)
      // A column that no row of a file has is in no file.
      const none = Object.fromEntries(Object.keys(columns).map((name) => [name, null]))
      return rows.map(({ dt: _dt, ...row }) =>
        Object.fromEntries(
          Object.entries({ ...none, ...row }).map(([name, value]) => [name, logicalValue(value, columns[name])]),
        ),
      )
    },
    tables: async () =>
      Array.from(await objects(`${prefix}/`))
        .filter(([key]) => key.endsWith('/_table.json'))
        .map(([, bytes]) => String((JSON.parse(Buffer.from(bytes).toString()) as Row)['table'])),
    folder: (table) => join(root, prefix, table),
    stop: () => {
      connection.closeSync()
      duck.closeSync()
      rmSync(root, { recursive: true, force: true })
    },
  }
}

function lookInto(path: string): TableFolder {
  const json = (file: string) => JSON.parse(readFileSync(join(path, file), 'utf8')) as Row
  const files = readdirSync(path, { recursive: true, encoding: 'utf8' })
  const counting = files
    .filter((file) => file.endsWith('_manifest.json'))
    .flatMap((file) => json(file)['files'] as { readonly merge: string }[])
  return {
    path,
    columns: json('_table.json')['columns'] as Columns,
    merges: new Set(counting.map(({ merge }) => merge)),
    hasDt: files.some((file) => file.startsWith('dt=')),
  }
}

/** The view of the document for a table. */
function viewOf(table: string, { path, columns, merges, hasDt }: TableFolder): string {
  const [file, of] = merges.has('coalesce')
    ? [Object.hasOwn(columns, '_sluiceway_more') ? 'duckdb-users-more.sql' : 'duckdb-users.sql', 'users']
    : merges.has('append')
      ? ['duckdb-discards.sql', 'rudder_discards']
      : ['duckdb-tracks.sql', 'tracks']
  const sql = lakeSql(file)
    .replace(`VIEW ${of} AS`, () => `VIEW ${quoteIdentifier(table)} AS`)
    .replaceAll(`r2://events/lake/web/${of}`, () => path.replaceAll("'", "''"))
    .replace('(id, dt, ', hasDt ? '(id, dt, ' : '(id, ')
  // Rows of the contract suite have no time.
  return columns['received_at'] === undefined ? sql.replace('(received_at, _sluiceway_load)', '_sluiceway_load') : sql
}

/** The view of a table that has no file: a reader of Parquet finds nothing there. */
const emptyView = (table: string, { columns }: TableFolder): string =>
  `CREATE OR REPLACE VIEW ${quoteIdentifier(table)} AS SELECT ${Object.keys(columns)
    .map((name) => `NULL AS ${quoteIdentifier(name)}`)
    .join(', ')} WHERE false`

/** A value as DuckDB gives it, in the logical form of its type. */
export function logicalValue(value: unknown, type: Columns[string] | undefined): unknown {
  if (value === null) return null
  if (type === 'float') return Number(value)
  // A number has 53 bits; integers beyond stay text.
  if (type === 'int') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  return type === 'datetime' ? new Date(`${String(value).replace(' ', 'T')}Z`).toISOString() : value
}

/** Starts a bucket of R2 in the local runtime. */
export async function startR2(): Promise<{
  readonly bucket: R2Bucket
  readonly objects: Objects
  readonly stop: () => Promise<void>
}> {
  const miniflare = new Miniflare({
    workers: [
      {
        config: {
          name: 'lake-test',
          compatibilityDate: '2026-10-01',
          manifest: {
            mainModule: 'worker.mjs',
            modules: { 'worker.mjs': { type: 'esm', contents: 'export default {}' } },
          },
          env: { LAKE: { type: 'r2', name: 'lake-test' } },
        },
      },
    ],
  })
  const bucket = (await miniflare.getR2Bucket('LAKE')) as unknown as R2Bucket
  const known = new Map<string, { readonly etag: string; readonly bytes: Uint8Array }>()
  const bytesOf = async ({ key, etag }: R2Object): Promise<Uint8Array> => {
    const before = known.get(key)
    if (before?.etag === etag) return before.bytes
    const object = await bucket.get(key)
    const bytes = object === null ? new Uint8Array() : new Uint8Array(await object.arrayBuffer())
    known.set(key, { etag, bytes })
    return bytes
  }
  return {
    bucket,
    objects: async (below) => {
      const found = await listed(bucket, below)
      return new Map(await Promise.all(found.map(async (object) => [object.key, await bytesOf(object)] as const)))
    },
    stop: () => miniflare.dispose(),
  }
}

async function listed(bucket: R2Bucket, prefix: string): Promise<R2Object[]> {
  const objects: R2Object[] = []
  for (let cursor: string | undefined; ;) {
    const page = await bucket.list({ prefix, ...(cursor === undefined ? {} : { cursor }) })
    objects.push(...page.objects)
    if (!page.truncated) return objects
    cursor = page.cursor
  }
}

/** The objects that a store holds in its bucket `events`. */
export const objectsIn =
  ({ stored }: S3Server): Objects =>
  async (below) =>
    new Map(
      Array.from(stored, ([path, bytes]) => [decodeURIComponent(path).replace('/events/', ''), bytes] as const).filter(
        ([key]) => key.startsWith(below),
      ),
    )

/** The settings of a lake in a store of this machine. */
export const settingsOf = ({ endpoint }: S3Server) =>
  ({
    provider: 'other',
    endpoint,
    bucket: 'events',
    accessKeyId: 'AKIAADA',
    secretAccessKey: 'secret key of Ada',
    allowPrivate: true,
  }) as const

/** Starts a lake in a store of this machine that speaks S3. */
export async function startLake(): Promise<RealWarehouse> {
  const s3 = await startS3('secret key of Ada')
  const reader = await readLake(objectsIn(s3))
  return {
    use: lake({ ...settingsOf(s3), folder: '.' }),
    namespace: '',
    bindings: {},
    query: reader.query,
    rows: async (table) =>
      (await reader.tables()).includes(table)
        ? (await reader.rows(table, table === 'rudder_discards' ? 'row_id' : 'id')).map((row) => {
            const more = row['_sluiceway_more']
            return typeof more === 'string' ? { ...row, ...(JSON.parse(more) as Row) } : row
          })
        : [],
    ids: async (table) =>
      (await reader.query(`SELECT id FROM ${quoteIdentifier(table)}`, table)).map(({ id }) => String(id)),
    tables: reader.tables,
    clear: async () => s3.stored.clear(),
    stop: async () => {
      reader.stop()
      await s3.stop()
    },
  }
}
