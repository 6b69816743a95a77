import type { StagingSettings } from '../staging-bucket.ts'

/**
 * Names a bucket as Unity Catalog does in its external locations.
 * https://docs.databricks.com/aws/en/connect/unity-catalog/cloud-storage/external-locations-r2 (checked 2026-11-29)
 */
export function rootOf({ provider, bucket, accountId = '' }: StagingSettings): string {
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
