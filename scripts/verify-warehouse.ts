// `npm run verify-warehouse -- clickhouse`: runs the contract suite of a warehouse engine against an account of yours, in a
// database, dataset, schema or folder of its own that goes at the end.
import { spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

/** How each engine's test is told where the account is. */
const variables: Readonly<Record<string, readonly { readonly name: string; readonly optional?: true }[]>> = {
  bigquery: [
    { name: 'BIGQUERY_CREDENTIALS' },
    { name: 'BIGQUERY_PROJECT', optional: true },
    { name: 'BIGQUERY_LOCATION', optional: true },
  ],
  clickhouse: [
    { name: 'CLICKHOUSE_URL' },
    { name: 'CLICKHOUSE_USER', optional: true },
    { name: 'CLICKHOUSE_PASSWORD', optional: true },
  ],
  databricks: [
    { name: 'DATABRICKS_URL' },
    { name: 'DATABRICKS_WAREHOUSE_ID' },
    { name: 'DATABRICKS_CATALOG' },
    // A token, or the two others.
    { name: 'DATABRICKS_TOKEN', optional: true },
    { name: 'DATABRICKS_CLIENT_ID', optional: true },
    { name: 'DATABRICKS_CLIENT_SECRET', optional: true },
    // A bucket, for the suite once more through it.
    { name: 'DATABRICKS_STAGING_PROVIDER', optional: true },
    { name: 'DATABRICKS_STAGING_BUCKET', optional: true },
    { name: 'DATABRICKS_STAGING_KEY_ID', optional: true },
    { name: 'DATABRICKS_STAGING_SECRET', optional: true },
    { name: 'DATABRICKS_STAGING_REGION', optional: true },
    { name: 'DATABRICKS_STAGING_ACCOUNT_ID', optional: true },
    { name: 'DATABRICKS_STAGING_PREFIX', optional: true },
  ],
  lake: [
    { name: 'LAKE_PROVIDER' },
    { name: 'LAKE_BUCKET' },
    { name: 'LAKE_KEY_ID' },
    { name: 'LAKE_SECRET' },
    { name: 'LAKE_ACCOUNT_ID', optional: true },
    { name: 'LAKE_REGION', optional: true },
    { name: 'LAKE_ENDPOINT', optional: true },
    // Tables of Iceberg as well: all of the three.
    { name: 'LAKE_CATALOG', optional: true },
    { name: 'LAKE_WAREHOUSE', optional: true },
    { name: 'LAKE_CATALOG_TOKEN', optional: true },
  ],
  redshift: [
    { name: 'REDSHIFT_REGION' },
    // One of the two.
    { name: 'REDSHIFT_CLUSTER', optional: true },
    { name: 'REDSHIFT_WORKGROUP', optional: true },
    { name: 'REDSHIFT_DATABASE' },
    { name: 'REDSHIFT_DB_USER', optional: true },
    { name: 'REDSHIFT_SECRET_ARN', optional: true },
    { name: 'REDSHIFT_KEY_ID' },
    { name: 'REDSHIFT_SECRET' },
    { name: 'REDSHIFT_BUCKET' },
    { name: 'REDSHIFT_BUCKET_REGION', optional: true },
    { name: 'REDSHIFT_IAM_ROLE', optional: true },
  ],
  snowflake: [
    { name: 'SNOWFLAKE_ACCOUNT' },
    { name: 'SNOWFLAKE_USER' },
    { name: 'SNOWFLAKE_DATABASE' },
    { name: 'SNOWFLAKE_WAREHOUSE' },
    // One of the two.
    { name: 'SNOWFLAKE_PRIVATE_KEY', optional: true },
    { name: 'SNOWFLAKE_TOKEN', optional: true },
    { name: 'SNOWFLAKE_ROLE', optional: true },
    // A stage, for the suite once more by it.
    { name: 'SNOWFLAKE_STAGE', optional: true },
    { name: 'SNOWFLAKE_STAGING_PROVIDER', optional: true },
    { name: 'SNOWFLAKE_STAGING_BUCKET', optional: true },
    { name: 'SNOWFLAKE_STAGING_KEY_ID', optional: true },
    { name: 'SNOWFLAKE_STAGING_SECRET', optional: true },
    { name: 'SNOWFLAKE_STAGING_REGION', optional: true },
    { name: 'SNOWFLAKE_STAGING_ACCOUNT_ID', optional: true },
    { name: 'SNOWFLAKE_STAGING_PREFIX', optional: true },
  ],
}

const root = resolve(import.meta.dirname, '..')
const engines = Object.keys(variables).join(', ')
const help = `Usage: npm run verify-warehouse -- <engine>

Runs the contract suite of an engine against an account of yours: ${engines}. It makes a database, dataset, schema or folder of its own and drops it.
Where the account is, the environment says:

${Object.entries(variables)
  .map(([engine, all]) => `  ${engine}: ${all.map(({ name, optional }) => (optional ? `[${name}]` : name)).join(', ')}`)
  .join('\n')}
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { help: { type: 'boolean', short: 'h' } },
})
const [engine] = positionals
if (values.help === true || engine === undefined) {
  process.stdout.write(help)
} else {
  const missing = variables[engine]?.find(({ name, optional }) => optional !== true && !process.env[name])
  if (variables[engine] === undefined) stop(`There is no engine "${engine}" to verify; there are ${engines}`)
  else if (missing !== undefined) stop(`${missing.name} is not set; see npm run verify-warehouse -- --help`)
  else {
    const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
    // An account takes seconds for what a fake does at once: a test of several loads takes minutes.
    const args = ['run', '--project', 'pure', '--testTimeout', '600000', `test/warehouses/${engine}.test.ts`]
    const { status } = spawnSync(process.execPath, [vitest, ...args], { cwd: root, stdio: 'inherit' })
    process.exitCode = status ?? 1
  }
}

function stop(reason: string): void {
  process.stderr.write(`${reason}\n`)
  process.exitCode = 1
}
