import { amazonDomainOf } from '../configure/bucket.ts'
import type { Columns, ColumnType, Engine, Gathering, Load, Warehouse } from '../core/warehouse.ts'
import { BucketGathering, type Gathered } from './bucket-gathering.ts'
import { foldMore, idsWithMore } from './mapping/fold-more.ts'
import { quoteIdentifier } from './identifier.ts'
import { S3Store } from './lake/s3-store.ts'
import { namespacesOf } from './namespace.ts'
import { DataApi } from './redshift/data-api.ts'
import { redshiftKeptNames } from './redshift/kept-names.ts'
import { copyStatement, loadStatements } from './redshift/load-sql.ts'
import { manifestOf } from './redshift/manifest.ts'
import { objectOf } from './redshift/rows.ts'
import { addColumns, createLoads, createTable, lengthen, loadsTable, mostStatements } from './redshift/sql.ts'
import { mostTextBytes, tableName, typeOfColumn } from './redshift/sql.ts'
import { checkRedshift, type RedshiftInput, type RedshiftSettings } from './redshift/settings.ts'
import { storedMore, storedTimes } from './redshift/stored-rows.ts'
import { transactionsOf } from './redshift/transactions.ts'
import { Staging } from './staging.ts'
import { StoredColumns } from './stored-columns.ts'

/** Names of tables in one question about columns. */
const tablesAtOnce = 100

/**
 * Makes the warehouse that is Amazon Redshift, a cluster or a serverless workgroup, reached by its Data API.
 *
 * Rows go to S3 as compressed JSON. One transaction copies them into a temporary table, deletes rows of the same ids and inserts
 * the new ones; then the objects are deleted. https://docs.aws.amazon.com/redshift/latest/mgmt/data-api.html (checked 2026-11-29)
 *
 * @param input `secretAccessKey` is a secret and belongs in `env`; without `schema`, each source has a schema of its own
 * @returns the warehouse, for `warehouses` in the config
 * @example warehouses: { tables: { use: redshift({ region: 'eu-central-1', workgroup: 'analytics', database: 'dev',
 *   bucket: 'analytics-staging', accessKeyId: env.AWS_KEY_ID, secretAccessKey: env.AWS_SECRET }) } }
 */
export function redshift(input: RedshiftInput): Warehouse {
  const { settings, problems, redacted } = checkRedshift(input)
  return {
    kind: 'warehouse',
    name: 'redshift',
    problems,
    redacted,
    ...namespacesOf({
      provider: 'rs',
      all: settings.schema,
      each: settings.schemas,
      kept: /^(?:pg_|information_schema$)/,
    }),
    open: (_, schema) => openEngine(settings, schema),
  }
}

function openEngine(settings: RedshiftSettings, schema: string): RedshiftEngine {
  const { region, cluster, workgroup, database, dbUser, bucket, prefix, accessKeyId, secretAccessKey } = settings
  const { dataEndpoint = `https://redshift-data.${region}.${amazonDomainOf(region)}/`, s3Endpoint, iamRole } = settings
  const { bucketRegion = region } = settings
  const server = cluster === undefined ? `workgroup "${workgroup}"` : `cluster "${cluster}"`
  const api = new DataApi(
    { ...settings, endpoint: dataEndpoint },
    { region, server, database, schema, bucket, user: dbUser },
  )
  const store = new S3Store(
    {
      provider: s3Endpoint === undefined ? 's3' : 'other',
      bucket,
      accessKeyId,
      secretAccessKey,
      region: bucketRegion,
      ...(s3Endpoint === undefined ? {} : { endpoint: s3Endpoint }),
    },
    { engine: 'Redshift', page: 'docs/warehouse-redshift.md' },
  )
  return new RedshiftEngine(api, new Staging(store, { root: `s3://${bucket}`, prefix, schema }), {
    schema,
    iamRole,
    region: bucketRegion,
  })
}

interface StoredColumn {
  readonly type: ColumnType
  /** Bytes of the longest text; undefined where it is no text. */
  readonly length: number | undefined
}

/** What of a transaction belongs to one load. */
interface LoadPart {
  readonly statements: readonly string[]
  readonly load: Load
  readonly object: string
}

/** Where tables are, and how Redshift reads the bucket. */
interface RedshiftPlace {
  readonly schema: string
  readonly iamRole: string
  /** Of the bucket. */
  readonly region: string
}

class RedshiftEngine implements Engine {
  readonly provider = 'rs'
  readonly kept = redshiftKeptNames
  // RudderStack's limit of a table is 1,600: https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_usage.html
  readonly rowColumns = 1_500
  readonly #api: DataApi
  readonly #staging: Staging
  readonly #place: RedshiftPlace
  readonly #columns: StoredColumns<StoredColumn>

  constructor(api: DataApi, staging: Staging, place: RedshiftPlace) {
    this.#api = api
    this.#staging = staging
    this.#place = place
    this.#columns = new StoredColumns({
      tablesAtOnce,
      ask: (tables) => this.#askColumns(tables),
      columnOf: (type, length) => ({
        type: typeOfColumn(type),
        length: length === null ? undefined : Number(length),
      }),
    })
  }

  async columns(table: string): Promise<Columns | null> {
    const found = await this.#columns.of(table)
    return found === null ? null : Object.fromEntries(Array.from(found, ([name, { type }]) => [name, type]))
  }

  foresee(tables: readonly string[]): Promise<void> {
    return this.#columns.read(tables)
  }

  async widen(table: string, added: Columns): Promise<void> {
    const found = await this.#columns.of(table)
    const missing = Object.fromEntries(Object.entries(added).filter(([name]) => found?.has(name) !== true))
    // Whatever comes of it, what was read is no longer so.
    this.#columns.forget(table)
    const name = this.#name(table)
    const statements =
      found === null
        ? [...(await this.#createSchema()), createLoads(this.#place.schema), ...createTable(name, missing)]
        : addColumns(name, missing)
    for (let i = 0; i < statements.length; i += mostStatements)
      await this.#api.transaction(statements.slice(i, i + mostStatements))
  }

  /** Text alone gets wider: Redshift changes no other type in place. */
  widerType(from: ColumnType, to: ColumnType): ColumnType | undefined {
    if (from === to) return from
    const isText = (type: ColumnType): boolean => type === 'string' || type === 'text'
    return isText(from) && isText(to) ? 'text' : undefined
  }

  async retype(table: string, changed: Columns): Promise<void> {
    await this.foresee([table])
    const found = await this.#columns.of(table)
    this.#columns.forget(table)
    for (const name of Object.keys(changed))
      if ((found?.get(name)?.length ?? mostTextBytes) < mostTextBytes)
        await this.#api.run(lengthen(this.#name(table), name))
  }

  load(load: Load): Promise<void> {
    return this.loadTogether([load])
  }

  appendTogether(loads: readonly Load[]): Promise<void> {
    return this.loadTogether(loads)
  }

  async loadTogether(loads: readonly Load[]): Promise<void> {
    const parts: LoadPart[] = []
    for (const load of loads) if (load.rows.length > 0) parts.push(await this.#partOf(load, parts.length))
    for (const some of transactionsOf(parts)) await this.#loadParts(some)
  }

  gather(id: string): Gathering {
    return new BucketGathering(id, this.#staging, {
      bytesOf: objectOf,
      merge: (gathered) => this.#mergeGathered(gathered),
    })
  }

  async receivedAt(table: string, ids: readonly string[]): Promise<ReadonlyMap<string, number>> {
    if ((await this.columns(table))?.['received_at'] === undefined) return new Map()
    return storedTimes(ids, { api: this.#api, table: this.#name(table) })
  }

  async probe(): Promise<void> {
    const { schema, iamRole, region } = this.#place
    const stage = '_sluiceway_probe'
    const load: Load = {
      id: stage,
      table: stage,
      columns: [{ name: 'id', type: 'string' }],
      rows: [['probe']],
      merge: 'append',
    }
    const { object } = await this.#staging.nameOf(load)
    const table = this.#name(stage)
    const created = await this.#createSchema()
    await this.#staging.during([{ object, bytes: await objectOf(load) }], () =>
      this.#api.transaction([
        ...created,
        createLoads(schema),
        `CREATE TABLE IF NOT EXISTS ${table} ("id" varchar(64))`,
        `CREATE TEMPORARY TABLE ${quoteIdentifier(stage)} (LIKE ${table})`,
        copyStatement({ stage, object, iamRole, region }),
        `INSERT INTO ${table} SELECT * FROM ${quoteIdentifier(stage)}`,
        `DROP TABLE ${table}`,
      ]),
    )
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  #askColumns(tables: readonly string[]): ReturnType<DataApi['rows']> {
    return this.#api.rows(
      `SELECT table_name, column_name, data_type, character_maximum_length FROM svv_columns
         WHERE table_schema = :schema AND table_name IN (${tables.map((_, n) => `:t${n}`).join(', ')})
         ORDER BY table_name, ordinal_position`,
      { schema: this.#place.schema, ...Object.fromEntries(tables.map((table, n) => [`t${n}`, table])) },
    )
  }

  async #partOf(given: Load, number: number): Promise<LoadPart> {
    const look = { api: this.#api, table: this.#name(given.table) }
    const load = idsWithMore(given).length === 0 ? given : foldMore(given, await storedMore(given, look))
    const { object, key } = await this.#staging.nameOf(load)
    return { statements: loadStatements({ ...this.#place, load, stage: stageName(number), object, key }), load, object }
  }

  async #loadParts(parts: readonly LoadPart[]): Promise<void> {
    const objects = []
    for (const { load, object } of parts) objects.push({ object, bytes: await objectOf(load) })
    await this.#staging.during(objects, () => this.#transact(parts))
  }

  async #mergeGathered({ tables, put, whileRead }: Gathered): Promise<void> {
    const parts = tables.map((one, number) => {
      const manifest = manifestOf(one)
      const load = { ...one, merge: 'replace' } as const
      const plan = {
        ...this.#place,
        load,
        stage: stageName(number),
        object: manifest.object,
        isManifest: true,
        key: '',
      }
      return { statements: loadStatements(plan), manifest, objects: [...one.objects, manifest.object] }
    })
    for (const some of transactionsOf(parts)) {
      await put(some.map(({ manifest }) => manifest))
      await whileRead(
        some.flatMap(({ objects }) => objects),
        () => this.#transact(some),
      )
    }
  }

  async #transact(parts: readonly { readonly statements: readonly string[] }[]): Promise<void> {
    // The lock comes before the snapshot of the transaction: the load of an earlier invocation that is still running is waited
    // for, and seen. https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html (checked 2026-11-29)
    const lock = `LOCK ${loadsTable(this.#place.schema)}`
    const statements = [lock, ...parts.flatMap((part) => part.statements)]
    try {
      await this.#api.transaction(statements)
    } catch (thrown) {
      if (!isMissingLoads(thrown)) throw thrown
      await this.#api.run(createLoads(this.#place.schema))
      await this.#api.transaction(statements)
    }
  }

  async #createSchema(): Promise<readonly string[]> {
    const { schema } = this.#place
    // CREATE SCHEMA IF NOT EXISTS asks for the right to create one even when it is there.
    const there = await this.#api.rows('SELECT 1 FROM pg_namespace WHERE nspname = :schema', { schema })
    return there.length === 0 ? [`CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(schema)}`] : []
  }

  #name(table: string): string {
    return tableName(this.#place.schema, table)
  }
}

/** Tables that RudderStack made may need no widening, so that the table of loads is not there yet. */
const isMissingLoads = (thrown: unknown): boolean =>
  thrown instanceof Error && /_sluiceway_loads.*does not exist/.test(thrown.message)

/** Names the temporary table of a part of a transaction. */
const stageName = (number: number): string => `_sluiceway_stage_${number}`
