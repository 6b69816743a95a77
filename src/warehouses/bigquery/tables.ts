import { isRecord } from '../../core/json.ts'
import type { Columns } from '../../core/warehouse.ts'
import { fewAtOnce } from '../few-at-once.ts'
import type { BigQueryFailures } from './failure.ts'
import type { ApiAnswer, BigQueryHttp } from './http.ts'
import { fieldOf, fieldsIn, isName, type TableField } from './schema.ts'

/** Where the tables are. */
export interface DatasetPlace {
  readonly project: string
  readonly dataset: string
  /** Of a dataset that is made. */
  readonly location: string
}

/** What the engine must know of a table that is there. */
export interface StoredTable {
  readonly etag: string
  /** When it was made: a table of the same name that is made later is another. */
  readonly createdAt: string
  /** True for a view that the engine made, which gives way to a table of its name. */
  readonly isOwnView: boolean
  /** True for what cannot be loaded into. */
  readonly isView: boolean
  readonly fields: readonly TableField[]
  /** The column by which it is divided, where its type is TIMESTAMP; `_PARTITIONTIME` where that is the time of the load. */
  readonly partition: string | undefined
}

/** How a table is made. */
export interface NewTable {
  readonly fields: readonly TableField[]
  readonly partition?: string | undefined
  readonly clusterBy?: string | undefined
  /** Milliseconds since the epoch. */
  readonly expiresAt?: number
}

/** The pseudocolumn of tables that are divided by the time of the load. */
export const loadTime = '_PARTITIONTIME'
const ownLabel = { made_by: 'sluiceway' }
/** Calls about several tables at once: a Worker has six connections. */
const atOnce = 5
const mostTries = 4

/**
 * Reads and changes tables of one dataset, for one invocation; what it read it remembers.
 * https://cloud.google.com/bigquery/docs/reference/rest/v2/tables (stored copy, read 2026-11-29)
 */
export class BigQueryTables {
  readonly #http: BigQueryHttp
  readonly #place: DatasetPlace
  readonly #failures: BigQueryFailures
  readonly #known = new Map<string, StoredTable | null>()
  #location: Promise<string | null> | undefined

  constructor(http: BigQueryHttp, place: DatasetPlace, failures: BigQueryFailures) {
    this.#http = http
    this.#place = place
    this.#failures = failures
  }

  /** The name of a table in SQL, without quotes. */
  nameOf(table: string): string {
    const { project, dataset } = this.#place
    return `${project}.${dataset}.${table}`
  }

  /** The parts of a table's name that a job needs. */
  place(table: string): { readonly dataset: string; readonly table: string } {
    return { dataset: this.#place.dataset, table }
  }

  /** Where the jobs of the dataset run: where it is, or will be made. */
  async location(): Promise<string> {
    return (await this.#found()) ?? this.#place.location
  }

  /** Makes the dataset when it is not there. */
  async createDataset(): Promise<void> {
    if ((await this.#found()) !== null) return
    const { project, dataset, location } = this.#place
    const body = { datasetReference: { projectId: project, datasetId: dataset }, location }
    await this.#http.call({ method: 'POST', path: '/datasets', body, expected: [409] })
    this.#location = undefined
  }

  /** A table; null when it is not there. */
  async get(table: string): Promise<StoredTable | null> {
    if (!isName(table)) return null
    const known = this.#known.get(table)
    if (known !== undefined) return known
    const path = `${this.#path(table)}?view=BASIC`
    const { status, body } = await this.#http.call({ method: 'GET', path, expected: [404] })
    const found = status === 404 ? null : storedTable(body)
    this.#known.set(table, found)
    return found
  }

  /** Reads several tables, some at once. */
  read(tables: readonly string[]): Promise<void> {
    return fewAtOnce(tables, { most: atOnce, work: (table) => this.get(table) })
  }

  /** Forgets what is known of a table. */
  forget(table: string): void {
    this.#known.delete(table)
  }

  /** Makes a table; tells when, in milliseconds since the epoch, or undefined when there is one of that name. */
  async create(table: string, { fields, partition, clusterBy, expiresAt }: NewTable): Promise<number | undefined> {
    const timePartitioning = { type: 'DAY', ...(partition === loadTime ? {} : { field: partition }) }
    return this.#insert(table, {
      schema: { fields },
      ...(partition === undefined ? {} : { timePartitioning }),
      ...(clusterBy === undefined ? {} : { clustering: { fields: [clusterBy] } }),
      ...(expiresAt === undefined ? {} : { expirationTime: String(expiresAt) }),
    })
  }

  /** Makes a view; one that is there stays. */
  async createView(table: string, query: string): Promise<void> {
    await this.#insert(table, { view: { query, useLegacySql: false }, labels: ownLabel })
  }

  /** Adds the columns that are not there. */
  async addColumns(table: string, added: Columns): Promise<void> {
    for (let tries = 1; ; tries++) {
      const found = await this.get(table)
      if (found === null) throw this.#failures.ofTable(`the table "${table}" is not there`)
      const names = new Set(found.fields.map(({ name }) => name.toLowerCase()))
      const missing = Object.entries(added).filter(([name]) => !names.has(name.toLowerCase()))
      if (missing.length === 0) return
      const fields = [...found.fields, ...missing.map(([name, type]) => fieldOf(name, type))]
      const { status } = await this.#http.call({
        method: 'PATCH',
        path: this.#path(table),
        body: { schema: { fields } },
        ifMatch: found.etag,
        expected: [412],
      })
      this.forget(table)
      if (status !== 412) return
      if (tries === mostTries) throw this.#failures.ofWarehouse(`others change the table "${table}" all the time`)
    }
  }

  /** Deletes a table or view. */
  async delete(table: string): Promise<void> {
    await this.#http.call({ method: 'DELETE', path: this.#path(table), expected: [404] })
    this.forget(table)
  }

  async #insert(table: string, more: Readonly<Record<string, unknown>>): Promise<number | undefined> {
    const { project, dataset } = this.#place
    const tableReference = { projectId: project, datasetId: dataset, tableId: table }
    const path = `/datasets/${encodeURIComponent(dataset)}/tables`
    const body = { tableReference, ...more }
    const made = await this.#http.call({ method: 'POST', path, body, expected: [409] })
    this.forget(table)
    return made.status === 409 ? undefined : Number(made.body['creationTime'] ?? 0)
  }

  /** The location of the dataset; null when it is not there. */
  #found(): Promise<string | null> {
    const path = `/datasets/${encodeURIComponent(this.#place.dataset)}`
    this.#location ??= this.#http
      .call({ method: 'GET', path, expected: [404] })
      .then(({ status, body }) => (status === 404 ? null : String(body['location'] ?? this.#place.location)))
      .catch((thrown: unknown) => {
        this.#location = undefined
        throw thrown
      })
    return this.#location
  }

  #path(table: string): string {
    return `/datasets/${encodeURIComponent(this.#place.dataset)}/tables/${encodeURIComponent(table)}`
  }
}

function storedTable(body: ApiAnswer['body']): StoredTable {
  const labels = isRecord(body['labels']) ? body['labels'] : {}
  const isView = body['type'] !== undefined && body['type'] !== 'TABLE'
  const fields = fieldsIn(body)
  return {
    etag: String(body['etag']),
    createdAt: String(body['creationTime']),
    isView,
    isOwnView: body['type'] === 'VIEW' && labels['made_by'] === ownLabel.made_by,
    fields,
    partition: partitionIn(body, fields),
  }
}

function partitionIn(body: ApiAnswer['body'], fields: readonly TableField[]): string | undefined {
  const { timePartitioning } = body
  if (!isRecord(timePartitioning)) return undefined
  const { field } = timePartitioning
  if (typeof field !== 'string') return loadTime
  return fields.find(({ name }) => name === field)?.type === 'TIMESTAMP' ? field : undefined
}
