import { isRecord } from '../../core/json.ts'
import type { BigQueryFailures } from './failure.ts'
import type { ApiAnswer, BigQueryHttp } from './http.ts'

/** A table that is there, into which a job loads. */
export interface JobTable {
  readonly dataset: string
  readonly table: string
}

/** What a job does: a load of lines of JSON, or a statement. */
export type JobWork = (JobTable & { readonly lines: string }) | { readonly query: string }

/** A job that has ended well. */
export interface DoneJob {
  /** True where an earlier call made it. */
  readonly isOld: boolean
  /** Rows that its statement inserted; undefined where BigQuery does not say. */
  readonly inserted: number | undefined
  /** Rows that it loaded; undefined of a statement. */
  readonly loaded: number | undefined
}

/** By which the jobs, and what they cost, are found in INFORMATION_SCHEMA.JOBS. */
const labels = { made_by: 'sluiceway' }
const firstPollMs = 300
const longestPollMs = 5_000
/** Milliseconds that a job is waited for. */
const longestJobMs = 240_000

interface JobsOptions {
  readonly project: string
  readonly location: () => Promise<string>
  /** Whether a job that takes longer is ended; else it goes on by itself, and the next run finds it by its id. */
  readonly areEnded?: boolean
}

/**
 * Runs jobs. Their ids are made of what they do: a job that is made again is the one that is there, and its end is this one's.
 * One that is there and has failed is made anew, under another id, for the reason may have passed.
 * https://cloud.google.com/bigquery/docs/running-jobs#generate-jobid (stored copy, read 2026-11-29)
 */
export class BigQueryJobs {
  readonly #http: BigQueryHttp
  readonly #project: string
  readonly #failures: BigQueryFailures
  readonly #options: JobsOptions
  readonly #location: () => Promise<string>

  constructor(http: BigQueryHttp, options: JobsOptions, failures: BigQueryFailures) {
    this.#http = http
    this.#options = options
    this.#project = options.project
    this.#location = options.location
    this.#failures = failures
  }

  /** For jobs whose ids no other run has: those that are given up are ended. */
  get ofOneRun(): BigQueryJobs {
    return new BigQueryJobs(this.#http, { ...this.#options, areEnded: true }, this.#failures)
  }

  /**
   * Runs a job to its end.
   *
   * @param id at most 1,024 letters, digits, "-" and "_"
   * @param work what it does
   * @param since an old job counts when it was made after that, in milliseconds since the epoch by BigQuery's clock
   * @throws {SluicewayError} warehouse_failed as the job's error says
   */
  async run(id: string, work: JobWork, since = 0): Promise<DoneJob> {
    const location = await this.#location()
    const kind = 'query' in work ? 'query' : 'load'
    const made = await this.#insert(id, work, location)
    if (made.status !== 409) return this.#end(await this.#wait(made.body, id, location), kind, false)
    const old = await this.#wait({}, id, location)
    const madeAt = Number(isRecord(old['statistics']) ? old['statistics']['creationTime'] : 0)
    if (madeAt >= since && errorOf(old) === undefined) return this.#end(old, kind, true)
    const other = `${id}_${crypto.randomUUID().replaceAll('-', '')}`
    const anew = await this.#insert(other, work, location)
    return this.#end(await this.#wait(anew.status === 409 ? {} : anew.body, other, location), kind, false)
  }

  /**
   * Begins an upload whose end makes a job that loads it.
   *
   * @param id as that of `run`, of no other job
   * @param into where the rows go
   * @returns the address of the upload
   * @throws {SluicewayError} warehouse_failed
   */
  async beginUpload(id: string, into: JobTable): Promise<string> {
    const body = this.#loadBody(id, into, await this.#location())
    return this.#http.beginUpload('/jobs?uploadType=resumable', body)
  }

  /**
   * Waits for the end of the job that an upload made.
   *
   * @param id that the upload was begun with
   * @param known what BigQuery told of it; empty where its answer was lost
   * @throws {SluicewayError} warehouse_failed as the job's error says
   */
  async uploaded(id: string, known: ApiAnswer['body']): Promise<DoneJob> {
    return this.#end(await this.#wait(known, id, await this.#location()), 'load', false)
  }

  /**
   * Runs a statement that may be repeated, and reads the first rows of its result as texts.
   *
   * @throws {SluicewayError} warehouse_failed as its error says
   */
  async rows(query: string): Promise<readonly (readonly (string | null)[])[]> {
    const location = await this.#location()
    const asked = { query, useLegacySql: false, location, labels, timeoutMs: 20_000, requestId: crypto.randomUUID() }
    let { body } = await this.#http.call({ method: 'POST', path: '/queries', body: asked })
    for (let waits = 0; body['jobComplete'] !== true; waits++) {
      const { jobReference } = body
      const id = isRecord(jobReference) ? jobReference['jobId'] : undefined
      if (typeof id !== 'string' || waits * 20_000 >= longestJobMs)
        throw this.#failures.ofWarehouse(
          `the statement of the job ${String(id)} still runs; the next run makes it anew`,
        )
      const path = `/queries/${encodeURIComponent(id)}?location=${encodeURIComponent(location)}&timeoutMs=20000`
      body = (await this.#http.call({ method: 'GET', path })).body
    }
    const rows = Array.isArray(body['rows']) ? (body['rows'] as readonly { readonly f: readonly Cell[] }[]) : []
    return rows.map(({ f }) => f.map(({ v }) => v))
  }

  #insert(jobId: string, work: JobWork, location: string): Promise<ApiAnswer> {
    if ('query' in work) {
      const configuration = { labels, query: { query: work.query, useLegacySql: false } }
      const body = { jobReference: this.#reference(jobId, location), configuration }
      return this.#http.call({ method: 'POST', path: '/jobs', body, expected: [409] })
    }
    const path = '/jobs?uploadType=multipart'
    const body = this.#loadBody(jobId, work, location)
    return this.#http.call({ method: 'POST', path, body, lines: work.lines, expected: [409] })
  }

  #loadBody(jobId: string, { dataset, table }: JobTable, location: string): ApiAnswer['body'] {
    const load = {
      destinationTable: { projectId: this.#project, datasetId: dataset, tableId: table },
      sourceFormat: 'NEWLINE_DELIMITED_JSON',
      createDisposition: 'CREATE_NEVER',
      // The rows are there once, however many jobs bring them.
      writeDisposition: 'WRITE_EMPTY',
    }
    return { jobReference: this.#reference(jobId, location), configuration: { labels, load } }
  }

  #reference(jobId: string, location: string) {
    return { projectId: this.#project, jobId, location }
  }

  /** Polls a job until it is done; `known` is what is known of it, if anything is. */
  async #wait(known: ApiAnswer['body'], id: string, location: string): Promise<ApiAnswer['body']> {
    const path = `/jobs/${encodeURIComponent(id)}?location=${encodeURIComponent(location)}`
    let job = known
    let waited = 0
    for (let pause = 0; !isDone(job); pause = pause === 0 ? firstPollMs : Math.min(longestPollMs, pause * 1.6)) {
      if (waited >= longestJobMs) throw await this.#givenUp(id, location)
      // Of a job that was just made, nothing new is to be had at once.
      const wait = pause === 0 && Object.keys(known).length > 0 ? firstPollMs : pause
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
      waited += wait
      job = (await this.#http.call({ method: 'GET', path })).body
    }
    return job
  }

  #end(job: ApiAnswer['body'], kind: 'load' | 'query', isOld: boolean): DoneJob {
    const error = errorOf(job)
    // The table holds the rows of this very load, since its name is made of them: an earlier job brought them.
    if (error !== undefined && !(kind === 'load' && error.reason === 'duplicate'))
      throw this.#failures.of({ ...error, job: kind })
    const query = statOf(job, 'query')
    const dml = isRecord(query?.['dmlStats']) ? query['dmlStats'] : {}
    return { isOld, inserted: countIn(dml, 'insertedRowCount'), loaded: countIn(statOf(job, 'load'), 'outputRows') }
  }

  /** What is said of a job that takes too long. */
  async #givenUp(id: string, location: string) {
    if (this.#options.areEnded !== true)
      return this.#failures.ofWarehouse(`the job ${id} still runs; the next run waits for it`)
    // Who made a job may end it. https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/cancel (stored copy, read 2026-12-01)
    const path = `/jobs/${encodeURIComponent(id)}/cancel?location=${encodeURIComponent(location)}`
    await this.#http.call({ method: 'POST', path }).catch(() => {})
    return this.#failures.ofWarehouse(
      `the job ${id} took longer than ${longestJobMs / 1_000} s and was asked to end; less is merged together the next time`,
    )
  }
}

interface Cell {
  readonly v: string | null
}

const statusOf = (job: ApiAnswer['body']): Readonly<Record<string, unknown>> =>
  isRecord(job['status']) ? job['status'] : {}

const isDone = (job: ApiAnswer['body']): boolean => statusOf(job)['state'] === 'DONE'

/** The error of a job, with the words of the rows that a load job names. */
function errorOf(job: ApiAnswer['body']): { readonly reason: string; readonly message: string } | undefined {
  const { errorResult, errors } = statusOf(job)
  if (!isRecord(errorResult)) return undefined
  const all = [errorResult, ...(Array.isArray(errors) ? errors.filter(isRecord) : [])]
  const messages = new Set(all.map(({ message }) => String(message)))
  return { reason: String(errorResult['reason']), message: [...messages].slice(0, 3).join(' ') }
}

function statOf(job: ApiAnswer['body'], name: string): Readonly<Record<string, unknown>> | undefined {
  const { statistics } = job
  const found = isRecord(statistics) ? statistics[name] : undefined
  return isRecord(found) ? found : undefined
}

function countIn(stats: Readonly<Record<string, unknown>> | undefined, name: string): number | undefined {
  const count = stats?.[name]
  return count === undefined ? undefined : Number(count)
}
