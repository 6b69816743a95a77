import { bucketFields, bucketProblems } from '../configure/bucket.ts'
import { checkSettings, type Checked, type Input, type Settings } from '../configure/settings.ts'
import type { StoreUser } from './lake/failure.ts'
import { S3Store } from './lake/s3-store.ts'
import { stagingPrefix } from './staging-prefix.ts'
import { Staging } from './staging.ts'

/**
 * Declares the settings of a bucket through which rows go to a warehouse.
 *
 * @param prefix begins the names of objects when it is left out
 */
export const stagingFields = (prefix: string) =>
  ({
    provider: {
      type: 'choice',
      choices: ['s3', 'r2', 'gcs'],
      about: 'Whose the bucket is: r2, s3 or gcs (with HMAC keys).',
    },
    ...bucketFields,
    bucket: {
      ...bucketFields.bucket,
      // Databricks and Snowflake name a bucket as the host of an address, of which no certificate has two labels.
      check: (name: string) =>
        /^[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]$/.test(name) ? undefined : 'is no name of a bucket, or has a dot in it',
    },
    endpoint: { type: 'url', about: 'Address of the store, where it is not that of the provider.', optional: true },
    prefix: stagingPrefix(prefix),
  }) as const

type StagingFields = ReturnType<typeof stagingFields>

/** The bucket through which rows go, checked. */
export type StagingSettings = Settings<StagingFields>

/** Checks what `staging` is given; each problem begins with its name. */
export function checkStaging<F extends StagingFields>(
  fields: F,
  input: Input<F>,
): Pick<Checked<F>, 'settings' | 'problems' | 'redacted'> {
  const { settings, problems, redacted } = checkSettings(fields, input)
  const { endpoint: _, ...place } = settings as unknown as StagingSettings
  const missing = problems.length === 0 ? bucketProblems(place) : []
  return { settings, problems: [...problems, ...missing].map((problem) => `"staging": ${problem}`), redacted }
}

/**
 * Opens the bucket.
 *
 * @param settings as they were checked
 * @param place how the warehouse names the bucket, and for which schema it is
 * @param user whom failures name
 */
export function openStaging(
  settings: StagingSettings,
  place: { readonly root: string; readonly schema: string },
  user: StoreUser,
): Staging {
  const { provider, prefix, endpoint, bucket, accessKeyId, secretAccessKey, accountId, region } = settings
  const store = new S3Store(
    {
      bucket,
      accessKeyId,
      secretAccessKey,
      provider: endpoint === undefined ? provider : 'other',
      ...(accountId === undefined ? {} : { accountId }),
      ...(region === undefined ? {} : { region }),
      ...(endpoint === undefined ? {} : { endpoint }),
    },
    user,
  )
  return new Staging(store, { ...place, prefix })
}
