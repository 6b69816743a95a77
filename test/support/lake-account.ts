import { AwsClient } from 'aws4fetch'
import { type BucketSettings, bucketUrl } from '../../src/configure/bucket.ts'
import { IcebergRestCatalog } from 'iceberg-js'
import { iceberg } from '../../src/warehouses/iceberg.ts'
import type { TableFormat } from '../../src/warehouses/lake/table-format.ts'
import type { Objects } from './real-lake.ts'

/** The account that `npm run verify-warehouse -- lake` is told of; undefined where there is none. */
export function lakeAccount(env: Readonly<Record<string, string | undefined>>): BucketSettings | undefined {
  const { LAKE_PROVIDER: provider, LAKE_BUCKET: bucket = '', LAKE_KEY_ID: accessKeyId = '' } = env
  if (provider === undefined) return undefined
  const {
    LAKE_SECRET: secretAccessKey = '',
    LAKE_ACCOUNT_ID: accountId,
    LAKE_REGION: region,
    LAKE_ENDPOINT: endpoint,
  } = env
  return {
    provider,
    bucket,
    accessKeyId,
    secretAccessKey,
    ...(accountId === undefined ? {} : { accountId }),
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
  }
}

/**
 * Looks into a bucket of an account, and deletes what a test wrote.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html (checked 2026-11-29)
 */
export function accountObjects(settings: BucketSettings): {
  readonly objects: Objects
  readonly remove: (below: string) => Promise<void>
} {
  const { accessKeyId, secretAccessKey, region = 'auto' } = settings
  const client = new AwsClient({ accessKeyId, secretAccessKey, service: 's3', region })
  const send = async (method: string, path: string): Promise<Response> => {
    // Stores that are strict want the hash of the body, and there is none.
    const headers = { 'x-amz-content-sha256': 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' }
    const response = await client.fetch(`${bucketUrl(settings)}${path}`, { method, headers })
    if (!response.ok) throw new Error(`HTTP ${response.status} to ${method} ${path}: ${await response.text()}`)
    return response
  }
  const pathOf = (key: string) => `/${key.split('/').map(encodeURIComponent).join('/')}`
  const list = async (below: string): Promise<string[]> => {
    const keys: string[] = []
    for (let token = ''; ;) {
      const more = token === '' ? '' : `&continuation-token=${encodeURIComponent(token)}`
      const xml = await (await send('GET', `?list-type=2&prefix=${encodeURIComponent(below)}${more}`)).text()
      keys.push(...Array.from(xml.matchAll(/<Key>([^<]+)<\/Key>/g), ([, key = '']) => key.replaceAll('&amp;', '&')))
      token = /<NextContinuationToken>([^<]+)</.exec(xml)?.[1] ?? ''
      if (token === '') return keys
    }
  }
  return {
    objects: async (below) => {
      const found = (await list(below)).map(async (key) => {
        const response = await send('GET', pathOf(key))
        return [key, new Uint8Array(await response.arrayBuffer())] as const
      })
      return new Map(await Promise.all(found))
    },
    remove: async (below) => {
      for (const key of await list(below)) await (await send('DELETE', pathOf(key))).body?.cancel()
    },
  }
}

/** The catalog that `npm run verify-warehouse -- lake` is told of; undefined where there is none. */
export function lakeCatalog(env: Readonly<Record<string, string | undefined>>):
  | {
      readonly use: TableFormat
      /** Drops a namespace with its tables. */
      readonly remove: (namespace: string) => Promise<void>
    }
  | undefined {
  const { LAKE_CATALOG: catalog, LAKE_WAREHOUSE: warehouse = '', LAKE_CATALOG_TOKEN: token = '' } = env
  if (catalog === undefined) return undefined
  const client = new IcebergRestCatalog({ baseUrl: catalog, warehouse, auth: { type: 'bearer', token } })
  return {
    use: iceberg({ catalog, warehouse, token }),
    remove: async (namespace) => {
      const at = { namespace: [namespace] }
      for (const table of (await client.listTables(at)).identifiers) await client.dropTable(table, { purge: true })
      await client.dropNamespace(at)
    },
  }
}
