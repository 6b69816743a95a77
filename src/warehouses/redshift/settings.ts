import { checkSettings, type Input, type Settings } from '../../configure/settings.ts'
import { schemaFields } from '../namespace.ts'
import { stagingPrefix } from '../staging-prefix.ts'

const schemaProblem = (name: string): string | undefined =>
  /^(?!pg_|information_schema$|catalog_history$)[a-z_][a-z0-9_]{0,126}$/.test(name)
    ? undefined
    : 'must have at most 127 of a-z, 0-9 and "_", and be no schema of the system'

const fields = {
  region: {
    type: 'string',
    about: 'Region of the cluster or workgroup, as eu-central-1.',
    check: (region: string) => (/^[a-z]{2}(-[a-z]+)+-\d$/.test(region) ? undefined : 'must be as eu-central-1'),
  },
  cluster: {
    type: 'string',
    about: 'Identifier of the cluster; or `workgroup`.',
    optional: true,
    check: (name: string) =>
      /^[a-z](?:[a-z0-9]|-[a-z0-9]){0,62}$/.test(name) ? undefined : 'is no identifier of a cluster',
  },
  workgroup: {
    type: 'string',
    about: 'Name of the workgroup of Redshift Serverless; or `cluster`.',
    optional: true,
    check: (name: string) => (/^[a-z0-9-]{3,64}$/.test(name) ? undefined : 'is no name of a workgroup'),
  },
  database: { type: 'string', about: 'Name of the database.' },
  dbUser: { type: 'string', about: 'For a cluster: user of the database; left out, the one of IAM.', optional: true },
  secretArn: {
    type: 'string',
    about: 'ARN of the secret that holds user and password of the database, in place of IAM.',
    optional: true,
    check: (arn: string) => (/^arn:aws[a-z-]*:secretsmanager:\S+$/.test(arn) ? undefined : 'is no ARN of a secret'),
  },
  accessKeyId: { type: 'string', about: 'Id of the key, which may use the Data API and the bucket.' },
  secretAccessKey: { type: 'string', about: 'The key.', secret: true },
  bucket: {
    type: 'string',
    about: 'Bucket of S3 for rows on their way.',
    check: (name: string) => (/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) ? undefined : 'is no name of a bucket'),
  },
  bucketRegion: {
    type: 'string',
    about: 'Region of the bucket; left out, `region`.',
    optional: true,
    check: (region: string) => (/^[a-z]{2}(-[a-z]+)+-\d$/.test(region) ? undefined : 'must be as eu-central-1'),
  },
  prefix: stagingPrefix('sluiceway-redshift'),
  iamRole: {
    type: 'string',
    about: 'ARN of the role by which Redshift reads the bucket; `default` is the one that is set as default.',
    default: 'default',
    check: (role: string) =>
      role === 'default' || /^arn:aws[a-z-]*:iam::[\w+=,.@:/-]+$/.test(role)
        ? undefined
        : 'must be "default" or an ARN of a role',
  },
  ...schemaFields(schemaProblem),
  dataEndpoint: {
    type: 'url',
    about: 'Address of the Data API, where it is not that of the region.',
    insecureWhen: 'allowPrivate',
    optional: true,
  },
  s3Endpoint: {
    type: 'url',
    about: 'Address of S3, where it is not that of the region; the bucket is the first part of the path.',
    insecureWhen: 'allowPrivate',
    optional: true,
  },
  allowPrivate: {
    type: 'boolean',
    about: 'Allows http and hosts that are not public, for tests on one machine.',
    default: false,
  },
} as const

/** What `redshift()` is given. */
export type RedshiftInput = Input<typeof fields>

/** The settings of `redshift()`, checked. */
export type RedshiftSettings = Settings<typeof fields>

/** Checks what `redshift()` is given: each setting by itself, and that they go together. */
export function checkRedshift(
  input: RedshiftInput,
): Pick<ReturnType<typeof checkSettings<typeof fields>>, 'settings' | 'problems' | 'redacted'> {
  const { settings, problems, redacted } = checkSettings(fields, input)
  return { settings, problems: [...problems, ...contradictionsIn(settings)], redacted }
}

function contradictionsIn({ cluster, workgroup, dbUser, secretArn }: RedshiftSettings): readonly string[] {
  return [
    ...(cluster === undefined && workgroup === undefined ? ['"cluster" or "workgroup" is missing'] : []),
    ...(cluster !== undefined && workgroup !== undefined ? ['"cluster" and "workgroup" exclude each other'] : []),
    ...(dbUser !== undefined && workgroup !== undefined
      ? ['"dbUser" has a meaning for a cluster only; a workgroup takes the user of IAM, or `secretArn`']
      : []),
    ...(dbUser !== undefined && secretArn !== undefined ? ['"dbUser" and "secretArn" exclude each other'] : []),
  ]
}
