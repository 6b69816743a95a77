import type { LoadTableResult } from 'iceberg-js'
import { failure } from '../failure.ts'
import type { Partitioning } from './manifests.ts'
import type { TableField, TableSchema } from './table-schema.ts'

/** Properties of a table that are ours. They change with the snapshot, in one commit. */
export const properties = {
  /** Number of the newest load. */
  load: 'sluiceway.load',
  /** Keys of the files that were added last, the newest last: a repeat of their load adds none of them again. */
  files: 'sluiceway.files',
} as const

/** What is known of an Iceberg table that is ours. */
export interface TableState {
  readonly uuid: string
  /** `s3://bucket/key`, without a slash at the end. */
  readonly location: string
  readonly metadataLocation: string | undefined
  readonly schema: TableSchema
  /** The highest id that a column has had. */
  readonly lastColumnId: number
  readonly partitioning: Partitioning
  /** The newest of the branch `main`; undefined for a table without one. */
  readonly snapshot: CurrentSnapshot | undefined
  readonly lastSequence: number
  /** Milliseconds since the epoch. */
  readonly updatedAt: number
  readonly lastLoad: number
  readonly fileKeys: readonly string[]
}

interface CurrentSnapshot {
  /** Digits of a long. */
  readonly id: string
  readonly manifestList: string
  readonly summary: Readonly<Record<string, unknown>>
}

/**
 * Reads what a catalog says about a table.
 *
 * @param name of the table, for errors
 * @throws {SluicewayError} warehouse_failed with the scope `table` for a table that Sluiceway did not make, or that was changed so
 *   that it cannot be added to
 */
export function tableStateOf(result: LoadTableResult, name: string): TableState {
  const { metadata } = result
  const problem = (what: string) => failure(`the Iceberg table "${name}" ${what}`, { scope: 'table' })
  const load = metadata.properties?.[properties.load]
  if (load === undefined)
    throw problem(`was not made by Sluiceway: rename it or drop it, or set \`folder\` or \`sourceFolders\` of the lake`)
  if (metadata['format-version'] !== 2) throw problem(`has the format version ${metadata['format-version']}, and not 2`)
  const schema = metadata.schemas.find((one) => one['schema-id'] === metadata['current-schema-id'])
  if (schema === undefined || metadata.location === undefined) throw problem('has no schema or no location')
  // Zero ids of snapshots are text; iceberg-js takes all for numbers.
  const id = String(metadata.refs?.['main']?.['snapshot-id'] ?? metadata['current-snapshot-id'] ?? -1)
  const found = (metadata.snapshots ?? []).find((one) => String(one['snapshot-id']) === id)
  if (id !== '-1' && found === undefined) throw problem(`has a snapshot ${id} that the catalog does not tell`)
  return {
    uuid: metadata['table-uuid'],
    location: metadata.location.replace(/\/+$/, ''),
    metadataLocation: result['metadata-location'],
    schema: {
      type: 'struct',
      'schema-id': schema['schema-id'] ?? 0,
      fields: schema.fields as readonly TableField[],
    },
    lastColumnId: Math.max(metadata['last-column-id'] ?? 0, ...schema.fields.map((one) => one.id)),
    partitioning: partitioningOf(metadata) ?? raise(problem('has a partitioning that Sluiceway did not make')),
    snapshot: found === undefined ? undefined : { id, manifestList: found['manifest-list'], summary: found.summary },
    lastSequence: metadata['last-sequence-number'] ?? 0,
    updatedAt: metadata['last-updated-ms'] ?? 0,
    lastLoad: Number(load),
    fileKeys: (metadata.properties[properties.files] ?? '').split(' ').filter((key) => key !== ''),
  }
}

function partitioningOf(metadata: LoadTableResult['metadata']): Partitioning | undefined {
  const specId = metadata['default-spec-id'] ?? 0
  const [field, more] = metadata['partition-specs'].find((one) => one['spec-id'] === specId)?.fields ?? []
  if (field === undefined) return { specId }
  if (more !== undefined || field.transform !== 'day') return undefined
  return { specId, field: { sourceId: field['source-id'], fieldId: field['field-id'] ?? 1000, name: field.name } }
}

function raise(error: Error): never {
  throw error
}
