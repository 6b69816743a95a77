// Manifests and manifest lists of format version 2: https://iceberg.apache.org/spec/#manifests (checked 2026-11-29)
import { readContainer, writeContainer } from '../../../avro/container.ts'
import type { TableSchema } from './table-schema.ts'

/** How a table is partitioned: by the UTC day of one column, or not at all. */
export interface Partitioning {
  readonly specId: number
  readonly field?: { readonly sourceId: number; readonly fieldId: number; readonly name: string }
}

/** A long as Avro gives it: a bigint beyond 2^53. */
export type Long = number | bigint

/** A data file in a manifest; what a new one leaves out is inherited from the manifest. */
export interface ManifestEntry {
  /** 0 existing, 1 added, 2 deleted. */
  readonly status: number
  readonly snapshot_id: Long | null
  readonly sequence_number: Long | null
  readonly file_sequence_number: Long | null
  readonly data_file: Readonly<Record<string, unknown>>
}

/** A manifest in a manifest list. */
export interface ManifestFile {
  readonly manifest_path: string
  readonly manifest_length: Long
  readonly partition_spec_id: number
  /** 0 data, 1 deletes. */
  readonly content: number
  readonly sequence_number: Long
  readonly min_sequence_number: Long
  readonly added_snapshot_id: Long
  readonly added_files_count: number
  readonly existing_files_count: number
  readonly deleted_files_count: number
  readonly added_rows_count: Long
  readonly existing_rows_count: Long
  readonly deleted_rows_count: Long
  readonly partitions: readonly FieldSummary[] | null
  readonly key_metadata: Uint8Array | null
}

interface FieldSummary {
  readonly contains_null: boolean
  readonly contains_nan: boolean | null
  readonly lower_bound: Uint8Array | null
  readonly upper_bound: Uint8Array | null
}

/** A field by its id, as readers find it; one that may be missing is null then. */
const field = (id: number, name: string, type: unknown) => ({ name, type, 'field-id': id })
const optional = (id: number, name: string, type: unknown) => ({
  name,
  type: ['null', type],
  default: null,
  'field-id': id,
})
/** Avro has no map by numbers: Iceberg writes a list of pairs. */
const pairs = (key: number, value: number, type: string) => ({
  type: 'array',
  logicalType: 'map',
  items: {
    type: 'record',
    name: `k${key}_v${value}`,
    fields: [field(key, 'key', 'int'), field(value, 'value', type)],
  },
})
const list = (id: number, items: unknown) => ({ type: 'array', items, 'element-id': id })

const entrySchema = (partition: Partitioning['field']) => ({
  type: 'record',
  name: 'manifest_entry',
  fields: [
    field(0, 'status', 'int'),
    optional(1, 'snapshot_id', 'long'),
    optional(3, 'sequence_number', 'long'),
    optional(4, 'file_sequence_number', 'long'),
    field(2, 'data_file', {
      type: 'record',
      name: 'r2',
      fields: [
        field(134, 'content', 'int'),
        field(100, 'file_path', 'string'),
        field(101, 'file_format', 'string'),
        field(102, 'partition', {
          type: 'record',
          name: 'r102',
          fields:
            partition === undefined
              ? []
              : [optional(partition.fieldId, partition.name, { type: 'int', logicalType: 'date' })],
        }),
        field(103, 'record_count', 'long'),
        field(104, 'file_size_in_bytes', 'long'),
        optional(108, 'column_sizes', pairs(117, 118, 'long')),
        optional(109, 'value_counts', pairs(119, 120, 'long')),
        optional(110, 'null_value_counts', pairs(121, 122, 'long')),
        optional(137, 'nan_value_counts', pairs(138, 139, 'long')),
        optional(125, 'lower_bounds', pairs(126, 127, 'bytes')),
        optional(128, 'upper_bounds', pairs(129, 130, 'bytes')),
        optional(131, 'key_metadata', 'bytes'),
        optional(132, 'split_offsets', list(133, 'long')),
        optional(135, 'equality_ids', list(136, 'int')),
        optional(140, 'sort_order_id', 'int'),
      ],
    }),
  ],
})

const listSchema = {
  type: 'record',
  name: 'manifest_file',
  fields: [
    field(500, 'manifest_path', 'string'),
    field(501, 'manifest_length', 'long'),
    field(502, 'partition_spec_id', 'int'),
    field(517, 'content', 'int'),
    field(515, 'sequence_number', 'long'),
    field(516, 'min_sequence_number', 'long'),
    field(503, 'added_snapshot_id', 'long'),
    field(504, 'added_files_count', 'int'),
    field(505, 'existing_files_count', 'int'),
    field(506, 'deleted_files_count', 'int'),
    field(512, 'added_rows_count', 'long'),
    field(513, 'existing_rows_count', 'long'),
    field(514, 'deleted_rows_count', 'long'),
    optional(
      507,
      'partitions',
      list(508, {
        type: 'record',
        name: 'r508',
        fields: [
          field(509, 'contains_null', 'boolean'),
          optional(518, 'contains_nan', 'boolean'),
          optional(510, 'lower_bound', 'bytes'),
          optional(511, 'upper_bound', 'bytes'),
        ],
      }),
    ),
    optional(519, 'key_metadata', 'bytes'),
  ],
}

/**
 * Writes a manifest of data files.
 *
 * @param entries the files
 * @param table the schema that the files were written with, and how the table is partitioned
 */
export function writeManifest(
  entries: readonly ManifestEntry[],
  { schema, partitioning }: { readonly schema: TableSchema; readonly partitioning: Partitioning },
): Uint8Array<ArrayBuffer> {
  const { field: partition, specId } = partitioning
  const spec =
    partition === undefined
      ? []
      : [
          {
            'source-id': partition.sourceId,
            'field-id': partition.fieldId,
            name: partition.name,
            transform: 'day',
          },
        ]
  return writeContainer({
    schema: entrySchema(partition),
    metadata: {
      schema: JSON.stringify(schema),
      'schema-id': String(schema['schema-id']),
      'partition-spec': JSON.stringify(spec),
      'partition-spec-id': String(specId),
      'format-version': '2',
      content: 'data',
    },
    values: entries,
  })
}

/**
 * Reads a manifest that `writeManifest` wrote.
 *
 * @param bytes of the file
 * @throws {SluicewayError} avro_value_invalid, avro_schema_invalid when it is damaged
 */
export const readManifest = (bytes: Uint8Array): readonly ManifestEntry[] =>
  readContainer(bytes).values as readonly ManifestEntry[]

/**
 * Writes the list of the manifests of a snapshot.
 *
 * @param manifests all of them
 * @param snapshot whose; ids are the digits of a long
 */
export const writeManifestList = (
  manifests: readonly ManifestFile[],
  snapshot: { readonly id: string; readonly parent: string | null; readonly sequence: number },
): Uint8Array<ArrayBuffer> =>
  writeContainer({
    schema: listSchema,
    metadata: {
      'snapshot-id': snapshot.id,
      'parent-snapshot-id': snapshot.parent ?? 'null',
      'sequence-number': String(snapshot.sequence),
      'format-version': '2',
    },
    values: manifests,
  })

/**
 * Reads a manifest list, whoever wrote it: fields are found by their ids, since their names differ between writers.
 *
 * @param bytes of the file
 * @throws {SluicewayError} avro_value_invalid, avro_schema_invalid when it is damaged
 */
export function readManifestList(bytes: Uint8Array): readonly ManifestFile[] {
  const { schema, values } = readContainer(bytes)
  const written = new Map(
    (schema as typeof listSchema).fields.map(({ name, 'field-id': id }): [number, string] => [id, name]),
  )
  return values.map((value) => {
    const row = value as Readonly<Record<string, unknown>>
    const known = listSchema.fields.map(({ name, 'field-id': id }): [string, unknown] => [
      name,
      row[written.get(id) ?? ''] ?? null,
    ])
    return Object.fromEntries(known) as unknown as ManifestFile
  })
}
