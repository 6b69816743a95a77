import { checkSettings, type Input } from '../configure/settings.ts'
import { Catalog, type CatalogSettings } from './lake/iceberg/catalog.ts'
import { IcebergTables } from './lake/iceberg/tables.ts'
import type { TableFormat } from './lake/table-format.ts'

const fields = {
  catalog: {
    type: 'url',
    about: 'URI of the catalog, without /v1; for R2, that which `wrangler r2 bucket catalog get` tells.',
    insecureWhen: 'allowPrivate',
  },
  warehouse: { type: 'string', about: 'Name of the warehouse in the catalog; for R2, <account>_<bucket>.' },
  token: { type: 'string', about: 'Bearer token that may write the catalog.', secret: true },
  allowPrivate: {
    type: 'boolean',
    about: 'Allows http and hosts that are not public, for tests on one machine.',
    default: false,
  },
} as const

/**
 * Makes each table of a lake an Iceberg table as well, in a catalog such as R2 Data Catalog, whose bucket is that of the lake.
 *
 * A load is appended as one snapshot, once, also when it is repeated. The table has its own files: a catalog deletes those that
 * it has merged, and those of the lake stay. docs/warehouse-lake.md says what tables look like and how they are read.
 * https://developers.cloudflare.com/r2-data-catalog/manage-catalogs/ (checked 2026-11-29)
 *
 * @param input where the catalog is, and the token
 * @returns what `iceberg` of `lake` takes
 * @example lake({ binding: 'LAKE', iceberg: iceberg({ catalog: env.CATALOG_URI, warehouse: env.CATALOG_WAREHOUSE, token: env.CATALOG_TOKEN }) })
 */
export function iceberg(input: Input<typeof fields>): TableFormat {
  const { settings, problems, redacted } = checkSettings(fields, input)
  return {
    kind: 'table-format',
    name: 'iceberg',
    problems,
    redacted,
    open: ({ store, folder, bucket }) =>
      new IcebergTables({
        store,
        bucket,
        namespace: [folder],
        catalog: new Catalog(settings as CatalogSettings, () => store.count()),
      }),
  }
}
