import {
  BIGQUERY_WORDS,
  DELTA_LAKE_WORDS,
  NO_WORDS,
  POSTGRES_WORDS,
  REDSHIFT_WORDS,
  S3_DATALAKE_WORDS,
  SNOWFLAKE_WORDS,
  SQL_SERVER_WORDS,
} from './reserved-words.ts'

/** The warehouses that events can be mapped for, by the names that RudderStack gives them. */
export type ProviderName =
  | 'rs'
  | 'bq'
  | 'postgres'
  | 'clickhouse'
  | 'snowflake'
  | 'snowpipe_streaming'
  | 'mssql'
  | 'azure_synapse'
  | 'deltalake'
  | 's3_datalake'
  | 'gcs_datalake'
  | 'azure_datalake'

/** What differs from one warehouse to the next when an event becomes rows. */
export interface Provider {
  readonly name: ProviderName
  /** The key of this warehouse in `event.integrations`. */
  readonly integration: string
  readonly upperCase: boolean
  /** UTF-16 units that a name is cut to before reserved words are escaped. */
  readonly cutBefore: number
  /** UTF-16 units that a name is cut to after reserved words are escaped. */
  readonly cutAfter: number
  readonly reservedWords: ReadonlySet<string>
  /** What a value is that is neither a number, a boolean nor a timestamp. */
  readonly textual: 'string' | 'string-or-text' | 'string-or-json' | 'string-or-array'
  /** The type of the column `rudder_event`. */
  readonly fullEvent: 'string' | 'text' | 'json'
  /** Columns that the loader fills: named by the row, without data. */
  readonly stampColumns: readonly string[]
  /** A lake of files: no users time columns, no limit of columns, no last cut of names. */
  readonly lake: boolean
  readonly usersTable: boolean
  readonly mergeRules: boolean
  /** Whether the JSON paths of the destination's settings are read. */
  readonly settingsJsonPaths: boolean
  /** Whether the JSON paths of `integrations.DATA_WAREHOUSE` are read. */
  readonly sharedJsonPaths: boolean
}

const PLAIN: Omit<Provider, 'name' | 'integration'> = {
  upperCase: false,
  cutBefore: Number.POSITIVE_INFINITY,
  cutAfter: 127,
  reservedWords: NO_WORDS,
  textual: 'string',
  fullEvent: 'string',
  stampColumns: ['uuid_ts'],
  lake: false,
  usersTable: true,
  mergeRules: false,
  settingsJsonPaths: false,
  sharedJsonPaths: false,
}

const LAKE = { lake: true, cutAfter: Number.POSITIVE_INFINITY }

const SNOWFLAKE = {
  upperCase: true,
  reservedWords: SNOWFLAKE_WORDS,
  textual: 'string-or-json',
  fullEvent: 'json',
  settingsJsonPaths: true,
} as const

const provider = (name: ProviderName, traits: Partial<Provider>): Provider => ({
  ...PLAIN,
  name,
  integration: name.toUpperCase(),
  ...traits,
})

/** What every provider does in its own way. */
export const PROVIDERS: Readonly<Record<ProviderName, Provider>> = {
  rs: provider('rs', {
    reservedWords: REDSHIFT_WORDS,
    textual: 'string-or-text',
    fullEvent: 'text',
    settingsJsonPaths: true,
    sharedJsonPaths: true,
  }),
  bq: provider('bq', {
    reservedWords: BIGQUERY_WORDS,
    stampColumns: ['uuid_ts', 'loaded_at'],
    mergeRules: true,
    settingsJsonPaths: true,
    sharedJsonPaths: true,
  }),
  postgres: provider('postgres', {
    cutBefore: 63,
    reservedWords: POSTGRES_WORDS,
    textual: 'string-or-json',
    fullEvent: 'json',
    settingsJsonPaths: true,
    sharedJsonPaths: true,
  }),
  clickhouse: provider('clickhouse', { textual: 'string-or-array' }),
  snowflake: provider('snowflake', { ...SNOWFLAKE, mergeRules: true, sharedJsonPaths: true }),
  snowpipe_streaming: provider('snowpipe_streaming', { ...SNOWFLAKE, usersTable: false }),
  mssql: provider('mssql', { reservedWords: SQL_SERVER_WORDS, fullEvent: 'json' }),
  azure_synapse: provider('azure_synapse', { reservedWords: SQL_SERVER_WORDS, fullEvent: 'json' }),
  deltalake: provider('deltalake', { reservedWords: DELTA_LAKE_WORDS }),
  s3_datalake: provider('s3_datalake', { ...LAKE, reservedWords: S3_DATALAKE_WORDS }),
  gcs_datalake: provider('gcs_datalake', { ...LAKE, reservedWords: BIGQUERY_WORDS }),
  azure_datalake: provider('azure_datalake', { ...LAKE, reservedWords: SQL_SERVER_WORDS }),
}

/**
 * Writes the name of a table or column of ours as a provider has names: in upper case, or as it is.
 *
 * @param name in lower case
 * @param provider as an engine names it
 * @example ownName('rudder_discards', 'snowflake') // 'RUDDER_DISCARDS'
 */
export const ownName = (name: string, provider: string): string =>
  Object.hasOwn(PROVIDERS, provider) && PROVIDERS[provider as ProviderName].upperCase ? name.toUpperCase() : name
