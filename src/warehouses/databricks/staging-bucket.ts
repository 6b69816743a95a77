import { bucketFields, bucketProblems } from '../../configure/bucket.ts'
import { checkSettings, type Input, type Settings } from '../../configure/settings.ts'
import { S3Store } from '../lake/s3-store.ts'
import { stagingPrefix } from '../staging-prefix.ts'
import { Staging } from '../staging.ts'

const fields = {
  provider: {
    type: 'choice',
    choices: ['s3', 'r2', 'gcs'],
    about: 'Whose the bucket is: r2, s3 or gcs (with HMAC keys).',
  },
  ...bucketFields,
  bucket: {
    ...bucketFields.bucket,
    // Databricks writes to no bucket with a dot in its name, and the host of R2 stands behind the name.
    check: (name: string) =>
      /^[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]$/.test(name) ? undefined : 'is no name of a bucket, or has a dot in it',
  },
  endpoint: { type: 'url', about: 'Address of the store, where it is not that of the provider.', optional: true },
  prefix: stagingPrefix('sluiceway-databricks'),
} as const

/** What `staging` of `databricks()` is given. */
export type StagingInput = Input<typeof fields>

/** The bucket through which rows go, checked. */
export type StagingSettings = Settings<typeof fields>

/** Checks what `staging` is given; each problem begins with its name. */
export function checkStaging(
  input: StagingInput,
): Pick<ReturnType<typeof checkSettings<typeof fields>>, 'settings' | 'problems' | 'redacted'> {
  const { settings, problems, redacted } = checkSettings(fields, input)
  const { endpoint: _, ...place } = settings
  const missing = problems.length === 0 ? bucketProblems(place) : []
  return { settings, problems: [...problems, ...missing].map((problem) => `"staging": ${problem}`), redacted }
}

/**
 * Names the bucket as Unity Catalog does in its external locations.
 * https://docs.databricks.com/aws/en/connect/unity-catalog/cloud-storage/external-locations-r2 (checked 2026-11-29)
 */
function rootOf({ provider, bucket, accountId = '' }: StagingSettings): string {
  switch (provider) {
    case 's3':
      return `s3://${bucket}`
    case 'r2':
      return `r2://${bucket}@${accountId.toLowerCase()}.r2.cloudflarestorage.com`
    case 'gcs':
      return `gs://${bucket}`
  }
}

/** Names all that is staged, as an external location must cover it. */
export const locationOf = (settings: StagingSettings): string => `${rootOf(settings)}/${settings.prefix}`

/** Opens the bucket for the rows of a schema. */
export function openStaging(settings: StagingSettings, schema: string): Staging {
  const { provider, prefix, endpoint, ...bucket } = settings
  const store = new S3Store(
    {
      ...bucket,
      provider: endpoint === undefined ? provider : 'other',
      ...(endpoint === undefined ? {} : { endpoint }),
    },
    { engine: 'Databricks', page: 'docs/warehouse-databricks.md' },
  )
  return new Staging(store, { root: rootOf(settings), prefix, schema })
}
