import { type Answer, errorOf, type SeenRequest } from './answer.ts'
import type { Duck, Ended, Field } from './duck.ts'
import { quoted } from './google-sql.ts'

/** A table or view, as the API tells it. */
export type Resource = Readonly<Record<string, unknown>> & {
  readonly schema?: { readonly fields: readonly Field[] }
  readonly view?: { readonly query: string }
  readonly timePartitioning?: { readonly field?: string }
}

interface Job extends Ended {
  readonly resource: object
  readonly creationTime: string
  polls: number
  /** When it is done, milliseconds since the epoch. */
  readonly doneAt: number
}

interface JobRequest {
  readonly jobReference: { readonly jobId: string; readonly location: string }
  readonly configuration: {
    readonly labels: Readonly<Record<string, string>>
    readonly query?: { readonly query: string }
    readonly load?: {
      readonly destinationTable: { readonly datasetId: string; readonly tableId: string }
      readonly sourceFormat: string
      readonly writeDisposition: string
      readonly createDisposition: string
    }
  }
}

/** Prefixes of columns that BigQuery refuses. https://cloud.google.com/bigquery/docs/schemas#column_names */
const refusedColumns =
  /^(?:_table_|_file_|_partition|_row_timestamp|__root__|_colidentifier|_change_sequence_number|_change_type|_change_timestamp)/i
const retyping = /^ALTER TABLE `[^.]+\.([^.]+)\.([^`]+)` ALTER COLUMN `([^`]+)` SET DATA TYPE FLOAT64$/

/** What tests do to tables and views besides the engine. */
const making = /^(CREATE|DROP) (TABLE|VIEW) `?[\w-]+\.(\w+)\.(\w+)/

/** The datasets, tables and jobs of a project. */
export class Project {
  readonly datasets = new Map<string, { readonly location: string; readonly tables: Map<string, Resource> }>()
  readonly jobs = new Map<string, Job>()
  readonly #duck: Duck
  #ticks = 0
  /** Milliseconds that a job takes, whatever it does. */
  jobMs = 0

  constructor(duck: Duck) {
    this.#duck = duck
  }

  /** Does what a request asks; `polls` is how often a job that it makes says that it runs. */
  async answer(
    { method, path, body, lines }: SeenRequest,
    { ifMatch, polls }: { readonly ifMatch: string | undefined; readonly polls: number },
  ): Promise<Answer> {
    const [where = '', query] = path.split('?')
    const [, ...names] = where.split('/').map(decodeURIComponent)
    const [kind, dataset = '', , table = ''] = names
    const asked = (body ?? {}) as never
    switch (`${method} ${kind}${names.length > 2 ? `/${names[2]}` : ''} ${names.length % 2 === 0 ? 'one' : 'all'}`) {
      case 'GET datasets one':
        return this.#dataset(dataset)
      case 'POST datasets all':
        return this.#createDataset(asked)
      case 'DELETE datasets one':
        return this.#deleteDataset(dataset)
      case 'GET datasets/tables all':
        return this.#listTables(dataset)
      case 'POST datasets/tables all':
        return this.#createTable(dataset, asked)
      case 'GET datasets/tables one':
        return this.#table(dataset, table)
      case 'PATCH datasets/tables one':
        return this.#patchTable({ dataset, table }, asked, ifMatch)
      case 'DELETE datasets/tables one':
        return this.#deleteTable(dataset, table)
      case 'POST jobs all':
        return this.#createJob(asked, lines ?? [], polls)
      case 'GET jobs one':
        return this.#job(dataset, query)
      case 'POST jobs/cancel all':
        return this.#cancelJob(dataset, query)
      case 'POST queries all':
        return this.#query(asked)
      default:
        return errorOf(404, 'notFound', `Not Found: ${method} ${path}`)
    }
  }

  #dataset(dataset: string): Answer {
    const found = this.datasets.get(dataset)
    return found === undefined
      ? errorOf(404, 'notFound', `Not found: Dataset acme-analytics:${dataset}`)
      : { status: 200, body: { kind: 'bigquery#dataset', location: found.location } }
  }

  async #createDataset({
    datasetReference: { datasetId },
    location,
  }: {
    readonly datasetReference: { readonly datasetId: string }
    readonly location: string
  }): Promise<Answer> {
    if (this.datasets.has(datasetId)) return errorOf(409, 'duplicate', `Already Exists: Dataset ${datasetId}`)
    await this.#duck.createSchema(datasetId)
    this.datasets.set(datasetId, { location, tables: new Map() })
    return this.#dataset(datasetId)
  }

  async #deleteDataset(dataset: string): Promise<Answer> {
    if (!this.datasets.delete(dataset)) return this.#dataset(dataset)
    await this.#duck.dropSchema(dataset)
    return { status: 204, body: {} }
  }

  #listTables(dataset: string): Answer {
    const tables = [...(this.datasets.get(dataset)?.tables ?? [])]
    const body = { tables: tables.map(([tableId, { type }]) => ({ tableReference: { tableId }, type })) }
    return { status: 200, body }
  }

  async #createTable(
    dataset: string,
    body: Resource & { readonly tableReference: { readonly tableId: string } },
  ): Promise<Answer> {
    const tables = this.datasets.get(dataset)?.tables
    if (tables === undefined) return this.#dataset(dataset)
    const { tableId } = body.tableReference
    if (tables.has(tableId)) return errorOf(409, 'duplicate', `Already Exists: Table ${dataset}.${tableId}`)
    const { view, schema, timePartitioning } = body
    const name = sqlName(dataset, tableId)
    const fields = schema?.fields ?? []
    const wrong = wrongField(fields)
    if (wrong !== undefined) return errorOf(400, 'invalid', `Invalid field name "${wrong}".`)
    const hasLoadTime = timePartitioning !== undefined && timePartitioning.field === undefined
    if (view === undefined) await this.#duck.createTable(name, fields, hasLoadTime)
    const error = view === undefined ? undefined : await this.#duck.createView(name, view.query)
    if (error !== undefined) return errorOf(400, error.reason, error.message)
    const type = view === undefined ? 'TABLE' : 'VIEW'
    tables.set(tableId, { ...body, type, etag: this.#etag(), creationTime: this.#tick() })
    return this.#table(dataset, tableId)
  }

  #find(dataset: string, table: string): Resource | undefined {
    return this.datasets.get(dataset)?.tables.get(table)
  }

  #table(dataset: string, table: string): Answer {
    const body = this.#find(dataset, table)
    if (body !== undefined) return { status: 200, body }
    if (!this.datasets.has(dataset)) return this.#dataset(dataset)
    return errorOf(404, 'notFound', `Not found: Table acme-analytics:${dataset}.${table}`)
  }

  async #patchTable(
    { dataset, table }: { readonly dataset: string; readonly table: string },
    body: Resource,
    ifMatch: string | undefined,
  ): Promise<Answer> {
    const found = this.#find(dataset, table)
    if (found === undefined) return this.#table(dataset, table)
    if (ifMatch !== undefined && ifMatch !== found['etag'])
      return errorOf(412, 'conditionNotMet', 'Precondition check failed.')
    const before = found.schema?.fields ?? []
    const after = body.schema?.fields ?? []
    const isKept = before.every((field, i) => JSON.stringify(field) === JSON.stringify(after[i]))
    if (!isKept) return errorOf(400, 'invalid', 'Provided Schema does not match')
    const wrong = wrongField(after)
    if (wrong !== undefined) return errorOf(400, 'invalid', `Invalid field name "${wrong}".`)
    await this.#duck.addColumns(sqlName(dataset, table), after.slice(before.length))
    return this.#setFields(dataset, table, after)
  }

  #setFields(dataset: string, table: string, fields: readonly Field[]): Answer {
    const resource = { ...this.#find(dataset, table), schema: { fields }, etag: this.#etag() }
    this.datasets.get(dataset)?.tables.set(table, resource)
    return this.#table(dataset, table)
  }

  async #deleteTable(dataset: string, table: string): Promise<Answer> {
    const found = this.#find(dataset, table)
    if (found === undefined) return this.#table(dataset, table)
    await this.#duck.drop(String(found['type']), sqlName(dataset, table))
    this.datasets.get(dataset)?.tables.delete(table)
    return { status: 204, body: {} }
  }

  async #createJob(request: JobRequest, lines: readonly string[], polls: number): Promise<Answer> {
    const { jobReference, configuration } = request
    const { jobId } = jobReference
    if (!/^[\w-]{1,1024}$/.test(jobId)) return errorOf(400, 'invalid', `Invalid job ID "${jobId}"`)
    if (this.jobs.has(jobId)) return errorOf(409, 'duplicate', `Already Exists: Job acme-analytics:${jobId}`)
    const resource = { jobReference, configuration }
    const { query, load } = configuration
    const ended = query === undefined ? await this.#load(load, lines) : await this.#run(query.query)
    this.jobs.set(jobId, { resource, polls, doneAt: Date.now() + this.jobMs, creationTime: this.#tick(), ...ended })
    return { status: 200, body: this.#jobBody(jobId) }
  }

  #job(jobId: string, query: string | undefined): Answer {
    const job = this.jobs.get(jobId)
    if (job === undefined || !query?.startsWith('location=')) return errorOf(404, 'notFound', `Not found: Job ${jobId}`)
    job.polls--
    return { status: 200, body: this.#jobBody(jobId) }
  }

  /** A job that is done stays as it is. What another one was to do may be done all the same, as it may be there. */
  #cancelJob(jobId: string, query: string | undefined): Answer {
    const job = this.jobs.get(jobId)
    if (job === undefined || !query?.startsWith('location=')) return errorOf(404, 'notFound', `Not found: Job ${jobId}`)
    if (job.polls > 0 || Date.now() < job.doneAt)
      Object.assign(job, { polls: 0, doneAt: 0, error: { reason: 'stopped', message: 'Job execution was cancelled' } })
    return { status: 200, body: { kind: 'bigquery#jobCancelResponse', job: this.#jobBody(jobId) } }
  }

  #jobBody(jobId: string): object {
    const { resource, polls, doneAt, creationTime, error, inserted, loaded } = this.jobs.get(jobId) as Job
    if (polls > 0 || Date.now() < doneAt)
      return { ...resource, status: { state: 'RUNNING' }, statistics: { creationTime } }
    const query = inserted === undefined ? {} : { dmlStats: { insertedRowCount: String(inserted) } }
    return {
      ...resource,
      status: { state: 'DONE', ...(error === undefined ? {} : { errorResult: error, errors: [error] }) },
      statistics: { creationTime, query, ...(loaded === undefined ? {} : { load: { outputRows: String(loaded) } }) },
    }
  }

  async #query({ query }: { readonly query: string }): Promise<Answer> {
    const { error, rows } = await this.#run(query)
    if (error !== undefined) return errorOf(error.reason === 'notFound' ? 404 : 400, error.reason, error.message)
    return { status: 200, body: { jobComplete: true, ...rows } }
  }

  async #load(load: JobRequest['configuration']['load'], lines: readonly string[]): Promise<Ended> {
    const { destinationTable: at, ...how } = load ?? { destinationTable: { datasetId: '', tableId: '' } }
    const failed = (reason: string, message: string): Ended => ({ error: { reason, message } })
    const known = 'NEWLINE_DELIMITED_JSON CREATE_NEVER WRITE_EMPTY'
    if (Object.values(how).join(' ') !== known) return failed('invalid', 'the fake knows no other load')
    const table = this.#find(at.datasetId, at.tableId)
    const name = sqlName(at.datasetId, at.tableId)
    if (table === undefined) return failed('notFound', `Not found: Table ${name}`)
    if ((await this.#duck.count(name)) > 0) return failed('duplicate', `Already Exists: Table ${name}`)
    return this.#duck.load(name, table.schema?.fields ?? [], lines)
  }

  /** Runs a statement, and keeps what the API tells of schemas in step. */
  async #run(google: string): Promise<Ended> {
    const ended = await this.#duck.run(google)
    if (ended.error !== undefined) return ended
    this.#noteRelation(google)
    const [, dataset = '', table = '', column] = retyping.exec(google) ?? []
    const fields = this.#find(dataset, table)?.schema?.fields ?? []
    const retyped = fields.map((field) => (field.name === column ? { ...field, type: 'FLOAT' } : field))
    if (column !== undefined) this.#setFields(dataset, table, retyped)
    return ended
  }

  #noteRelation(google: string): void {
    const [, verb, kind, dataset = '', name = ''] = making.exec(google) ?? []
    const tables = this.datasets.get(dataset)?.tables
    if (verb === 'DROP') tables?.delete(name)
    else tables?.set(name, { type: kind, etag: this.#etag(), creationTime: this.#tick() })
  }

  /** A clock of its own, so that what is made of it is the same in each run. */
  #tick(): string {
    return String(1_795_860_000_000 + ++this.#ticks)
  }

  #etag(): string {
    return `etag-${++this.#ticks}`
  }
}

const sqlName = (dataset: string, table: string): string => `${quoted(dataset)}.${quoted(table)}`

const wrongField = (fields: readonly Field[]): string | undefined =>
  fields.find(({ name }) => !/^[a-z_]\w{0,299}$/i.test(name) || refusedColumns.test(name))?.name
