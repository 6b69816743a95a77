import { bucketFields, bucketProblems, type BucketSettings } from '../configure/bucket.ts'
import { checkSettings, type Input } from '../configure/settings.ts'
import { SluicewayError } from '../core/errors.ts'
import type { Columns, Engine, Gathering, KeptNames, Load, Warehouse } from '../core/warehouse.ts'
import { fewAtOnce } from './few-at-once.ts'
import { LakeGathering } from './lake/gathering.ts'
import { lakeKeptNames } from './lake/kept-names.ts'
import { LakeStore } from './lake/lake-store.ts'
import { hasLoad, widenColumns } from './lake/manifest.ts'
import { type FolderLayout, folderLayouts, tableFolder } from './lake/object-names.ts'
import type { ObjectStore } from './lake/object-store.ts'
import { parquetOf } from './lake/parquet.ts'
import { type LakeBucket, R2Store } from './lake/r2-store.ts'
import { S3Store } from './lake/s3-store.ts'
import { TableFiles } from './lake/table-files.ts'
import type { FormatTables, TableFormat } from './lake/table-format.ts'
import { widerNumber } from './mapping/wider-number.ts'
import { eachNamespace, namespacesOf } from './namespace.ts'

/** In the settings, the folder that is none: tables are right below the prefix. */
const noFolder = '.'
const namespaceOfFolder = (folder: string): string => (folder === noFolder ? '' : folder)
const folderProblem = (name: string): string | undefined =>
  name === noFolder || /^[A-Za-z0-9_-]{1,127}$/.test(name)
    ? undefined
    : 'must have at most 127 letters, digits, "_" and "-", or be "."'

const fields = {
  provider: {
    type: 'choice',
    choices: ['binding', 'r2', 's3', 'gcs', 'other'],
    about: 'Whose bucket it is; with binding, the Worker is bound to one of R2.',
    default: 'binding',
  },
  binding: { type: 'string', about: 'For binding: name of the R2 binding in wrangler.toml.', default: 'BUCKET' },
  ...bucketFields,
  bucket: { ...bucketFields.bucket, optional: true },
  accessKeyId: { ...bucketFields.accessKeyId, optional: true },
  secretAccessKey: { ...bucketFields.secretAccessKey, optional: true },
  prefix: {
    type: 'string',
    about: 'Begins the name of every object; the folders of the tables are below it.',
    default: 'lake',
    check: (prefix: string) =>
      /^[\w.-]{1,100}(\/[\w.-]{1,100}){0,4}$/.test(prefix) && !/(^|\/)\.\.?(\/|$)/.test(prefix)
        ? undefined
        : 'must be names of letters, digits, "_", "-" and ".", with "/" between them',
  },
  folder: {
    type: 'string',
    about:
      'Folder for the tables of all sources, below the prefix; left out, each source has one of its own. "." is the prefix.',
    optional: true,
    check: folderProblem,
  },
  sourceFolders: {
    type: 'texts',
    about: 'Folders of single sources, by the name of the source.',
    optional: true,
    check: eachNamespace(folderProblem),
  },
  folders: {
    type: 'choice',
    choices: folderLayouts,
    about: 'How the folders of a table are named, by the UTC time at which events were received.',
    default: 'dt=YYYY-MM-DD',
  },
  allowPrivate: {
    type: 'boolean',
    about: 'Allows http and hosts that are not public, for tests on one machine.',
    default: false,
  },
} as const

/** What a lake takes: its settings, and a second form of its tables. */
type LakeInput = Input<typeof fields> & {
  /** `iceberg({…})` of `sluiceway/warehouses/iceberg`. */
  readonly iceberg?: TableFormat | undefined
}

/** Tables that are written at once. */
const atOnce = 4

/**
 * Makes the warehouse that is a folder of Parquet files: in R2, S3, Google Cloud Storage, or anything that speaks S3.
 *
 * A load of a table writes one file for each folder of it, and then the manifest of the folder, which says which files count.
 * A repeat of a load writes the same names again. Rows are never changed: where several have the same id, the newest load
 * counts; docs/warehouse-lake.md has the views for that.
 * https://www.rudderstack.com/docs/destinations/warehouse-destinations/s3-datalake/ (checked 2026-11-29)
 *
 * @param input nothing for the bucket that staging files are in; else `provider`, and what it needs; `iceberg` for Iceberg tables
 * @returns the warehouse, for `warehouses` in the config
 * @example warehouses: { lake: { use: lake({ binding: 'LAKE' }), everyMinutes: 60 } }
 */
export function lake({ iceberg, ...input }: LakeInput = {}): Warehouse {
  const { settings, problems, redacted } = checkSettings(fields, input)
  const { provider, binding, prefix, folders } = settings
  return {
    kind: 'warehouse',
    name: 'lake',
    problems: [...problems, ...bucketProblems(settings), ...formatProblems(iceberg)],
    redacted: { ...redacted, ...(iceberg === undefined ? {} : { iceberg: iceberg.redacted }) },
    ...namespacesOf({
      provider: providerOf(provider),
      all: settings.folder === undefined ? undefined : namespaceOfFolder(settings.folder),
      each: Object.fromEntries(
        Object.entries(settings.sourceFolders ?? {}).map(([source, folder]) => [source, namespaceOfFolder(folder)]),
      ),
    }),
    open: (bindings, folder) => {
      const store =
        provider === 'binding' ? boundStore(bindings[binding], binding) : new S3Store(settings as BucketSettings)
      const path = folder === '' ? prefix : `${prefix}/${folder}`
      const files = new LakeStore(store, path, bindings)
      const { bucket } = provider === 'binding' ? {} : settings
      // A namespace of a catalog has a name: that of the last folder.
      const tables = iceberg?.open({ store: files, folder: path.slice(path.lastIndexOf('/') + 1), bucket })
      return new LakeEngine(files, { folders, provider: providerOf(provider), tables })
    },
  }
}

const formatProblems = (iceberg: Partial<TableFormat> | undefined): readonly string[] =>
  iceberg === undefined
    ? []
    : iceberg.kind === 'table-format'
      ? (iceberg.problems ?? []).map((problem) => `iceberg: ${problem}`)
      : ['"iceberg" must be iceberg({…}) of sluiceway/warehouses/iceberg']

const providerOf = (provider: string) => (provider === 'gcs' ? 'gcs_datalake' : 's3_datalake')

function boundStore(bucket: unknown, binding: string): ObjectStore {
  if (isBucket(bucket)) return new R2Store(bucket)
  throw new SluicewayError(
    'warehouse_failed',
    `There is no R2 binding "${binding}"; add it to wrangler.toml under [[r2_buckets]]`,
    { details: { scope: 'warehouse', lasting: true } },
  )
}

const isBucket = (value: unknown): value is LakeBucket =>
  typeof value === 'object' && value !== null && 'put' in value && 'get' in value

class LakeEngine implements Engine {
  readonly provider: string
  readonly kept: KeptNames
  readonly widerType = widerNumber
  readonly keepsTimes = true
  readonly rowColumns = 1_500
  readonly #store: LakeStore
  readonly #files: TableFiles
  readonly #tables: FormatTables | undefined

  constructor(
    store: LakeStore,
    lake: {
      readonly folders: FolderLayout
      readonly provider: 's3_datalake' | 'gcs_datalake'
      readonly tables: FormatTables | undefined
    },
  ) {
    this.provider = lake.provider
    this.kept = lakeKeptNames(lake.folders)
    this.#store = store
    this.#files = new TableFiles(store, lake.folders)
    this.#tables = lake.tables
  }

  async columns(table: string): Promise<Columns | null> {
    return (await this.#store.schema(await tableFolder(table)))?.columns ?? null
  }

  async widen(table: string, added: Columns): Promise<void> {
    const folder = await tableFolder(table)
    const before = await this.#store.schema(folder)
    const columns = widenColumns(before?.columns ?? {}, added)
    if (before !== null && JSON.stringify(before.columns) === JSON.stringify(columns)) return
    await this.#store.writeSchema(folder, { table, columns })
  }

  retype(table: string, changed: Columns): Promise<void> {
    return this.widen(table, changed)
  }

  loadTogether(loads: readonly Load[]): Promise<void> {
    return fewAtOnce(loads, { most: atOnce, work: (load) => this.load(load) })
  }

  async load(load: Load): Promise<void> {
    if (load.rows.length === 0) return
    const { table, columns, merge } = load
    const parts = await this.#files.divide(load)
    // For each folder the manifest is read, and the file and the manifest are written.
    this.#store.reserve(3 * parts.length)
    const written = []
    for (const { folder, name, rows } of parts) {
      const manifest = await this.#store.manifest(folder, table)
      if (merge === 'append' && hasLoad(manifest, name)) continue
      const before = manifest.files.find((one) => one.name === name)
      const number = before?.load ?? this.#files.nextNumber(manifest)
      const entry = { name, load: number, merge, rows: rows.length }
      written.push(await this.#files.put({ folder, table, columns }, parquetOf({ columns, number }, rows), entry))
    }
    await this.#files.list(written)
    await this.#tables?.append(load, await this.#files.columns(table))
  }

  gather(): Gathering {
    return new LakeGathering(this.#store, this.#files, this.#tables?.gather())
  }

  async appendTogether(loads: readonly Load[]): Promise<void> {
    const gathering = new LakeGathering(this.#store, this.#files)
    await gathering.stage(loads)
    await gathering.merge()
    for (const load of loads) await this.#tables?.append(load, await this.#files.columns(load.table))
  }

  async probe(): Promise<void> {
    await this.#store.putData('_sluiceway_probe', 'Sluiceway can write here.\n')
    await this.#tables?.probe()
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}
