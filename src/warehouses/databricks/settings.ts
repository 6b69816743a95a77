import { checkSettings, type Input, type Settings } from '../../configure/settings.ts'
import { schemaFields } from '../namespace.ts'
import { replaceWithinDays } from '../replace-within-days.ts'
import { checkStaging, stagingFields, type StagingSettings } from '../staging-bucket.ts'

const schemaProblem = (name: string): string | undefined =>
  /^(?!information_schema$)[a-z_][a-z0-9_]{0,126}$/.test(name)
    ? undefined
    : 'must have at most 127 of a-z, 0-9 and "_", and be no schema of the system'

const fields = {
  url: { type: 'url', about: 'Address of the workspace: https://dbc-a1b2345c-d6e7.cloud.databricks.com.' },
  warehouseId: {
    type: 'string',
    about: 'Id of the SQL warehouse that runs the statements.',
    check: (id: string) => (/^[0-9a-f]{8,40}$/i.test(id) ? undefined : 'must be hex digits, as 1234567890abcdef'),
  },
  token: { type: 'string', about: 'A personal access token; or `clientId`.', secret: true, optional: true },
  clientId: { type: 'string', about: 'Id of a service principal; or `token`.', optional: true },
  clientSecret: { type: 'string', about: 'OAuth secret of the service principal.', secret: true, optional: true },
  catalog: {
    type: 'string',
    about: 'Catalog of Unity Catalog that has the schemas.',
    check: (name: string) => (/^[^\s./`]{1,255}$/.test(name) ? undefined : 'is no name of a catalog'),
  },
  ...schemaFields(schemaProblem),
  partition: {
    type: 'choice',
    choices: ['day', 'none'],
    about: 'Whether new tables are divided by the day on which events were received.',
    default: 'day',
  },
  replaceWithinDays,
} as const

const bucketOfRows = stagingFields('sluiceway-databricks')

/** What `databricks()` is given. */
export type DatabricksInput = Input<typeof fields> & {
  /** The bucket through which rows go; left out, they go in the statement that merges them. */
  readonly staging?: Input<typeof bucketOfRows> | undefined
}

/** The settings of `databricks()`, checked. */
export type DatabricksSettings = Settings<typeof fields> & { readonly staging?: StagingSettings }

/** Checks what `databricks()` is given: each setting by itself, and that they go together. */
export function checkDatabricks({ staging, ...input }: DatabricksInput): {
  readonly settings: DatabricksSettings
  readonly problems: readonly string[]
  readonly redacted: Readonly<Record<string, unknown>>
} {
  const { settings, problems, redacted } = checkSettings(fields, input as Input<typeof fields>)
  const own = [...problems, ...contradictionsIn(settings)]
  if (staging === undefined) return { settings, problems: own, redacted }
  const bucket = checkStaging(bucketOfRows, staging)
  return {
    settings: { ...settings, staging: bucket.settings },
    problems: [...own, ...bucket.problems],
    redacted: { ...redacted, staging: bucket.redacted },
  }
}

function contradictionsIn({ token, clientId, clientSecret }: Settings<typeof fields>): readonly string[] {
  return [
    ...(token === undefined && clientId === undefined ? ['"token", or "clientId" and "clientSecret", is missing'] : []),
    ...(token !== undefined && clientId !== undefined ? ['"token" and "clientId" exclude each other'] : []),
    ...((clientId === undefined) === (clientSecret === undefined)
      ? []
      : [`"${clientId === undefined ? 'clientId' : 'clientSecret'}" is missing, which a service principal needs`]),
  ]
}
