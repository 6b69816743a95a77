import { hostProblem } from '../configure/public-host.ts'
import { checkSettings, type Input } from '../configure/settings.ts'
import type { Columns, Engine, Gathering, Load, Warehouse } from '../core/warehouse.ts'
import { AccessToken, type KnownToken } from './bigquery/access-token.ts'
import { BigQueryFailures } from './bigquery/failure.ts'
import { BigQueryGathering } from './bigquery/gathering.ts'
import { BigQueryHttp } from './bigquery/http.ts'
import { BigQueryJobs } from './bigquery/jobs.ts'
import { bigqueryKeptNames } from './bigquery/kept-names.ts'
import { isViewWords, loadRows, notName } from './bigquery/load.ts'
import type { LoadTools } from './bigquery/merge-stage.ts'
import { quoteName, receivedTimes, retypeColumn } from './bigquery/merge-sql.ts'
import { columnsOf, fieldOf, isName } from './bigquery/schema.ts'
import { readServiceAccount, type ServiceAccount } from './bigquery/service-account.ts'
import { BigQueryTables, loadTime } from './bigquery/tables.ts'
import { viewQuery } from './bigquery/view-sql.ts'
import { fewAtOnce } from './few-at-once.ts'
import { hexHash } from './hex-hash.ts'
import { widerNumber } from './mapping/wider-number.ts'
import { eachNamespace, namespacesOf } from './namespace.ts'

const datasetProblem = (name: string): string | undefined =>
  /^[A-Za-z0-9_]{1,1024}$/.test(name) ? undefined : 'must have at most 1,024 letters, digits and "_"'

const fields = {
  credentials: {
    type: 'string',
    about: 'The key of a service account: the JSON that Google made.',
    secret: true,
    check: (text: string) => {
      const account = readServiceAccount(text)
      return typeof account === 'string' ? account : undefined
    },
  },
  project: {
    type: 'string',
    about: 'Project of the datasets and of the jobs; left out, that of the key.',
    optional: true,
    check: (id: string) =>
      /^(?:[a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$/.test(id) ? undefined : 'is no id of a project',
  },
  dataset: {
    type: 'string',
    about: 'Dataset for the tables of all sources; left out, each source has one of its own, named as the source.',
    optional: true,
    check: datasetProblem,
  },
  datasets: {
    type: 'texts',
    about: 'Datasets of single sources, by the name of the source.',
    optional: true,
    check: eachNamespace(datasetProblem),
  },
  location: {
    type: 'string',
    about: 'Where a dataset is made that is not there: US, EU, or a region as europe-west3.',
    default: 'US',
    check: (place: string) => (/^[A-Za-z0-9-]{2,40}$/.test(place) ? undefined : 'must be as US, EU or europe-west3'),
  },
  partition: {
    type: 'choice',
    choices: ['received_at', 'loaded_at', loadTime],
    about:
      'By the day of which time new tables are divided; _PARTITIONTIME is that of the load, as RudderStack has it.',
    default: 'received_at',
  },
  views: {
    type: 'boolean',
    about: 'Makes a view <table>_view for each new table, as RudderStack does.',
    default: true,
  },
  replaceWithinDays: {
    type: 'number',
    whole: true,
    min: 1,
    max: 3650,
    about: 'How many days around its own time an event that comes again is looked for.',
    default: 60,
  },
  endpoint: {
    type: 'url',
    about: 'Address of the API, where it is reached by another one.',
    insecureWhen: 'allowPrivate',
    default: 'https://bigquery.googleapis.com',
  },
  allowPrivate: {
    type: 'boolean',
    about: 'Allows http and hosts that are not public, for tests on one machine.',
    default: false,
  },
} as const

/** Ids that one query names. */
const idsAtOnce = 5_000
/** Tables that are loaded at once: mostly they wait for their jobs. RudderStack loads twenty. */
const atOnce = 10

/**
 * Makes the warehouse that is BigQuery, reached over its REST API with the key of a service account.
 *
 * Rows go by a load job, which costs nothing, into a table of their own, and by a MERGE from there: tables have each event once.
 * Names and types are RudderStack's, and so are the views `<table>_view`.
 * https://cloud.google.com/bigquery/docs/reference/rest (stored copy, read 2026-11-29)
 *
 * @param input `credentials` is a secret and belongs in `env`; without `dataset`, each source has a dataset of its own
 * @returns the warehouse, for `warehouses` in the config
 * @example warehouses: { tables: { use: bigquery({ credentials: env.BIGQUERY_CREDENTIALS, location: 'EU' }), everyMinutes: 30 } }
 */
export function bigquery(input: Input<typeof fields>): Warehouse {
  const { settings, problems, redacted } = checkSettings(fields, input)
  const { allowPrivate, credentials, dataset, datasets } = settings
  const account = typeof credentials === 'string' ? readServiceAccount(credentials) : ''
  const own = typeof account === 'string' ? [] : accountProblems(account, settings)
  const known: KnownToken = {}
  return {
    kind: 'warehouse',
    name: 'bigquery',
    problems: [...problems, ...(allowPrivate ? own.filter((problem) => !problem.includes('token_uri')) : own)],
    redacted,
    ...namespacesOf({ provider: 'bq', all: dataset, each: datasets }),
    open: (_, namespace) =>
      new BigQueryEngine({ ...settings, account: account as ServiceAccount, dataset: namespace }, known),
  }
}

function accountProblems(
  { tokenUrl, project }: ServiceAccount,
  settings: { readonly project?: string | undefined },
): string[] {
  const url = URL.canParse(tokenUrl) ? new URL(tokenUrl) : undefined
  const isPublic = url?.protocol === 'https:' && hostProblem(url.hostname) === undefined
  return [
    ...(isPublic ? [] : ['"credentials" has a "token_uri" that is no public https address']),
    ...((project ?? settings.project) === undefined ? ['"project" is missing, and "credentials" names none'] : []),
  ]
}

interface EngineSettings {
  readonly account: ServiceAccount
  readonly project?: string | undefined
  readonly dataset: string
  readonly location: string
  readonly partition: string
  readonly views: boolean
  readonly replaceWithinDays: number
  readonly endpoint: string
}

class BigQueryEngine implements Engine {
  readonly provider = 'bq'
  readonly kept = bigqueryKeptNames
  readonly rowColumns = 1_500
  readonly widerType = widerNumber
  readonly #settings: EngineSettings
  readonly #failures: BigQueryFailures
  readonly #http: BigQueryHttp
  readonly #tables: BigQueryTables
  readonly #jobs: BigQueryJobs

  constructor(settings: EngineSettings, known: KnownToken) {
    const { account, dataset, location, endpoint } = settings
    const project = settings.project ?? account.project ?? ''
    this.#settings = settings
    this.#failures = new BigQueryFailures({ project, dataset, email: account.email })
    const token = new AccessToken(account, known, this.#failures)
    this.#http = new BigQueryHttp({ endpoint, project }, token, this.#failures)
    this.#tables = new BigQueryTables(this.#http, { project, dataset, location }, this.#failures)
    this.#jobs = new BigQueryJobs(this.#http, { project, location: () => this.#tables.location() }, this.#failures)
  }

  async columns(table: string): Promise<Columns | null> {
    const found = await this.#tables.get(table)
    return found === null || found.isOwnView ? null : columnsOf(found.fields)
  }

  foresee(tables: readonly string[]): Promise<void> {
    return this.#tables.read(tables)
  }

  async widen(table: string, added: Columns): Promise<void> {
    const odd = [table, ...Object.keys(added)].find((name) => !isName(name))
    if (odd !== undefined) throw this.#failures.ofTable(notName(odd))
    const found = await this.#tables.get(table)
    if (found?.isOwnView === true) await this.#tables.delete(table)
    else if (found?.isView === true) throw this.#failures.ofTable(isViewWords(table))
    if (found === null || found.isOwnView) {
      await this.#tables.createDataset()
      if (await this.#create(table, added)) return
    }
    await this.#tables.addColumns(table, added)
  }

  async retype(table: string, changed: Columns): Promise<void> {
    const found = columnsOf((await this.#tables.get(table))?.fields ?? [])
    for (const [name, type] of Object.entries(changed))
      if (found[name] !== type) await this.#jobs.rows(retypeColumn(this.#tables.nameOf(table), { name, type }))
    this.#tables.forget(table)
  }

  load(load: Load): Promise<void> {
    return this.#load([load])
  }

  appendTogether(loads: readonly Load[]): Promise<void> {
    return this.#load(loads)
  }

  /** Does one load, or several of one table that append. */
  async #load(loads: readonly Load[]): Promise<void> {
    const [first, ...more] = loads.filter(({ rows }) => rows.length > 0)
    if (first === undefined) return
    try {
      await loadRows(first, this.#tools(), more)
    } catch (thrown) {
      // What is known of the table may be why.
      this.#tables.forget(first.table)
      throw thrown
    }
  }

  async receivedAt(table: string, ids: readonly string[]): Promise<ReadonlyMap<string, number>> {
    if ((await this.columns(table))?.['received_at'] === undefined) return new Map()
    const found = new Map<string, number>()
    for (let i = 0; i < ids.length; i += idsAtOnce) {
      const hashes = await Promise.all(ids.slice(i, i + idsAtOnce).map((id) => hexHash(id)))
      const rows = await this.#jobs.rows(receivedTimes(this.#tables.nameOf(table), hashes))
      for (const [id, at] of rows) if (at !== null) found.set(String(id), Number(at))
    }
    return found
  }

  loadTogether(loads: readonly Load[]): Promise<void> {
    return fewAtOnce(loads, { most: atOnce, work: (load) => this.load(load) })
  }

  gather(id: string): Gathering {
    return new BigQueryGathering(id, { ...this.#tools(), http: this.#http, atOnce })
  }

  async probe(): Promise<void> {
    const table = '_sluiceway_probe'
    await this.#tables.createDataset()
    await this.#tables.create(table, { fields: [fieldOf('id', 'string')], expiresAt: Date.now() + 3_600_000 })
    const name = quoteName(this.#tables.nameOf(table))
    await this.#jobs.rows(`INSERT INTO ${name} (${quoteName('id')}) VALUES ('probe')`)
    await this.#tables.delete(table)
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  #tools(): LoadTools {
    const { replaceWithinDays: withinDays } = this.#settings
    return { tables: this.#tables, jobs: this.#jobs, failures: this.#failures, withinDays }
  }

  /** Makes a table and its view; false when there is one meanwhile. */
  async #create(table: string, columns: Columns): Promise<boolean> {
    // Where RudderStack has the one, it has the other.
    const all: Columns = Object.hasOwn(columns, 'uuid_ts') ? { ...columns, loaded_at: 'datetime' } : columns
    const isUsers = table === 'users' && Object.hasOwn(all, 'id')
    const { partition: wanted, views } = this.#settings
    const isDivided = !isUsers && (wanted === loadTime || Object.hasOwn(all, wanted))
    const partition = isDivided ? wanted : undefined
    const fields = Object.entries(all).map(([name, type]) => fieldOf(name, type))
    const options = { fields, partition, clusterBy: isUsers ? 'id' : undefined }
    const isNew = (await this.#tables.create(table, options)) !== undefined
    const query = viewQuery(this.#tables.nameOf(table), { name: table, columns: all, partition })
    if (views && isNew && query !== undefined && isName(`${table}_view`))
      await this.#tables.createView(`${table}_view`, query)
    return isNew
  }
}
