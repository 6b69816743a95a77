/** Where a bucket is, and the key to it: of R2, S3, Google Cloud Storage, or another store that speaks S3. */
export interface BucketSettings {
  readonly provider: string
  readonly bucket: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly accountId?: string
  readonly region?: string
  readonly endpoint?: string
}

/** The fields of settings that say which bucket it is; without `optional`, a field is a must. */
export const bucketFields = {
  bucket: {
    type: 'string',
    about: 'Name of the bucket.',
    check: (name: string) => (/^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/.test(name) ? undefined : 'is no name of a bucket'),
  },
  accessKeyId: { type: 'string', about: 'Id of the key.' },
  secretAccessKey: { type: 'string', about: 'The key.', secret: true },
  accountId: {
    type: 'string',
    about: 'For r2: id of the Cloudflare account.',
    optional: true,
    check: (id: string) => (/^[0-9a-f]{32}(\.(eu|fedramp))?$/i.test(id) ? undefined : 'must be 32 hex digits'),
  },
  region: {
    type: 'string',
    about: 'For s3: the region of the bucket; for others, where they want one.',
    optional: true,
    check: (region: string) => (/^[a-z0-9-]{2,40}$/.test(region) ? undefined : 'must be as eu-central-1'),
  },
  endpoint: {
    type: 'url',
    about: 'For other: where the store is; the bucket is the first part of the path.',
    insecureWhen: 'allowPrivate',
    optional: true,
  },
} as const

/** What each provider needs beside the name of the bucket and the key. */
const needs: Readonly<Record<string, readonly (keyof BucketSettings)[]>> = {
  r2: ['accountId'],
  s3: ['region'],
  other: ['endpoint'],
}

/**
 * Tells what is wrong with the settings of a bucket as a whole.
 *
 * @param settings what the config gives; a bucket that is bound has nothing of the key
 * @returns a sentence for each mistake
 */
export function bucketProblems(
  settings: Pick<BucketSettings, 'provider'> & Partial<BucketSettings>,
): readonly string[] {
  const { provider, endpoint } = settings
  const key = ['bucket', 'accessKeyId', 'secretAccessKey'] as const
  const needed = [...(provider === 'binding' ? [] : key), ...(needs[provider] ?? [])]
  return [
    ...needed
      .filter((name) => settings[name] === undefined)
      .map((name) => `"${name}" is missing, which ${provider} needs`),
    ...(provider !== 'other' && endpoint !== undefined ? ['"endpoint" has a meaning for other only'] : []),
  ]
}

/** Where a bucket is, without a slash at the end. */
export function bucketUrl({
  provider,
  bucket,
  accountId = '',
  region = 'auto',
  endpoint = '',
}: BucketSettings): string {
  switch (provider) {
    case 'r2':
      return `https://${accountId.toLowerCase()}.r2.cloudflarestorage.com/${bucket}`
    case 's3':
      // A certificate covers one label: a bucket with dots is named by its path.
      return bucket.includes('.')
        ? `https://s3.${region}.${amazonDomainOf(region)}/${bucket}`
        : `https://${bucket}.s3.${region}.${amazonDomainOf(region)}`
    case 'gcs':
      return `https://storage.googleapis.com/${bucket}`
    default:
      return `${endpoint.replace(/\/+$/, '')}/${bucket}`
  }
}

/**
 * Tells at which domain Amazon's services of a region are.
 * https://docs.amazonaws.cn/en_us/general/latest/gr/endpoints-Beijing.html (stored copy, read 2026-12-01)
 */
export const amazonDomainOf = (region: string): string =>
  region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com'
