// Snapshots and their files: https://iceberg.apache.org/spec/#snapshots (checked 2026-11-29)
import { hexHash } from '../../hex-hash.ts'
import {
  type Long,
  type ManifestEntry,
  type ManifestFile,
  type Partitioning,
  readManifest,
  readManifestList,
  writeManifest,
  writeManifestList,
} from './manifests.ts'
import type { TableState } from './table-state.ts'

/** Bytes of a manifest or a list of manifests that are read. */
const mostBytes = 32 * 1024 * 1024
/** Manifests of about the same number of files that become one: a list of them grows by the logarithm of the loads. */
const mergedAtOnce = 32
/** Manifests of so many files are large enough, and are left alone. */
const largeManifest = mergedAtOnce ** 3

/** Reads and writes objects of the table by their locations, `s3://bucket/key`. */
export interface TableFiles {
  /** Rejects when it is not there. */
  readonly read: (location: string, most: number) => Promise<Uint8Array>
  readonly write: (location: string, bytes: Uint8Array<ArrayBuffer>) => Promise<void>
}

/** A data file that is written. */
export interface DataFile {
  readonly path: string
  /** UTC day since 1970; null where the rows have no time, or the table no days. */
  readonly day: number | null
  readonly rows: number
  readonly bytes: number
  /** The lowest and the highest value of the column of the partition, in microseconds since 1970. */
  readonly times?: readonly [bigint, bigint] | undefined
}

/** A snapshot as a commit adds it. */
export interface NewSnapshot {
  readonly 'snapshot-id': string
  readonly 'parent-snapshot-id'?: string
  readonly 'sequence-number': number
  readonly 'timestamp-ms': number
  readonly 'manifest-list': string
  readonly summary: Readonly<Record<string, string>>
  readonly 'schema-id': number
}

/**
 * Writes the manifests of a snapshot that adds files to the current one. Nothing is committed.
 *
 * The same files on the same snapshot give the same names and the same content again.
 *
 * @param table to which they are added
 * @param added the files
 * @param tools where manifests are, and what the summary of the snapshot says beside the counts
 * @returns the snapshot, to be committed
 */
export async function appendFiles(
  table: TableState,
  added: readonly DataFile[],
  { files, summary }: { readonly files: TableFiles; readonly summary: Readonly<Record<string, string>> },
): Promise<NewSnapshot> {
  const { location, uuid, schema, partitioning, snapshot: parent } = table
  const told = JSON.stringify([uuid, parent?.id ?? null, added.map(({ path }) => path)])
  // 13 hex digits are 52 bits, which every reader of JSON keeps.
  const id = String(Number.parseInt((await hexHash(told)).slice(0, 13), 16) + 1)
  const sequence = table.lastSequence + 1
  const written = { schema, partitioning }
  const pathOf = (name: string) => `${location}/metadata/${name}.avro`
  const before = parent === undefined ? [] : readManifestList(await files.read(parent.manifestList, mostBytes))

  const entries = added.map((file) => entryOf(file, partitioning))
  const bytes = writeManifest(entries, written)
  const path = pathOf(`sluiceway-m-${id}`)
  await files.write(path, bytes)
  const rows = added.reduce((sum, file) => sum + file.rows, 0)
  const manifest: ManifestFile = {
    ...manifestOf(entries, partitioning, { path, bytes: bytes.byteLength, sequence, id }),
    min_sequence_number: sequence,
    added_files_count: added.length,
    added_rows_count: rows,
  }

  const old = mergeable(before, partitioning)
  const rest = before.filter((one) => !old.includes(one))
  const merged: ManifestFile[] = []
  if (old.length > 0) {
    const kept = (
      await Promise.all(old.map(async (one) => existing(await files.read(one.manifest_path, mostBytes), one)))
    ).flat()
    const mergedBytes = writeManifest(kept, written)
    const mergedPath = pathOf(`sluiceway-m-${id}-merged`)
    await files.write(mergedPath, mergedBytes)
    merged.push({
      ...manifestOf(kept, partitioning, { path: mergedPath, bytes: mergedBytes.byteLength, sequence, id }),
      min_sequence_number: kept.map((one) => one.sequence_number as Long).reduce((a, b) => (b < a ? b : a), sequence),
      existing_files_count: kept.length,
      existing_rows_count: kept.reduce((sum, one) => sum + Number(one.data_file['record_count']), 0),
    })
  }
  const list = pathOf(`snap-${id}`)
  await files.write(
    list,
    writeManifestList([manifest, ...merged, ...rest], { id, parent: parent?.id ?? null, sequence }),
  )
  const size = added.reduce((sum, file) => sum + file.bytes, 0)
  return {
    'snapshot-id': id,
    ...(parent === undefined ? {} : { 'parent-snapshot-id': parent.id }),
    'sequence-number': sequence,
    'timestamp-ms': Math.max(Date.now(), table.updatedAt),
    'manifest-list': list,
    summary: { operation: 'append', ...summary, ...countsOf(parent?.summary, { files: added.length, rows, size }) },
    'schema-id': schema['schema-id'],
  }
}

function entryOf({ path, day, rows, bytes, times }: DataFile, { field }: Partitioning): ManifestEntry {
  const bound = (time: bigint) => [{ key: field?.sourceId, value: littleEndian(time, 8) }]
  return {
    status: 1,
    snapshot_id: null,
    sequence_number: null,
    file_sequence_number: null,
    data_file: {
      content: 0,
      file_path: path,
      file_format: 'PARQUET',
      partition: field === undefined ? {} : { [field.name]: day },
      record_count: rows,
      file_size_in_bytes: bytes,
      ...(field === undefined || times === undefined
        ? {}
        : { lower_bounds: bound(times[0]), upper_bounds: bound(times[1]) }),
    },
  }
}

/** Our manifests that become one: as many as are merged at once, of those that have about the same number of files. */
function mergeable(all: readonly ManifestFile[], { specId }: Partitioning): readonly ManifestFile[] {
  const ours = all.filter(
    (one) =>
      one.content === 0 &&
      one.partition_spec_id === specId &&
      one.deleted_files_count === 0 &&
      /\/sluiceway-m-\d+(-merged)?\.avro$/.test(one.manifest_path) &&
      filesOf(one) < largeManifest,
  )
  const tiers = Map.groupBy(ours, (one) => Math.floor(Math.log(filesOf(one)) / Math.log(mergedAtOnce) + 1e-9))
  for (const [, tier] of Array.from(tiers).toSorted(([a], [b]) => a - b))
    if (tier.length >= mergedAtOnce) return tier.slice(-mergedAtOnce)
  return []
}

const filesOf = (one: ManifestFile): number => Math.max(1, one.added_files_count + one.existing_files_count)

/** The entries of a manifest as another has them: what they inherited from it is said. */
const existing = (bytes: Uint8Array, manifest: ManifestFile): ManifestEntry[] =>
  readManifest(bytes).map((entry) => ({
    ...entry,
    status: 0,
    snapshot_id: entry.snapshot_id ?? manifest.added_snapshot_id,
    sequence_number: entry.sequence_number ?? manifest.sequence_number,
    file_sequence_number: entry.file_sequence_number ?? manifest.sequence_number,
  }))

function manifestOf(
  entries: readonly ManifestEntry[],
  { specId, field }: Partitioning,
  written: { readonly path: string; readonly bytes: number; readonly sequence: number; readonly id: string },
): Omit<ManifestFile, 'min_sequence_number'> {
  return {
    manifest_path: written.path,
    manifest_length: written.bytes,
    partition_spec_id: specId,
    content: 0,
    sequence_number: written.sequence,
    added_snapshot_id: Number(written.id),
    added_files_count: 0,
    existing_files_count: 0,
    deleted_files_count: 0,
    added_rows_count: 0,
    existing_rows_count: 0,
    deleted_rows_count: 0,
    partitions: field === undefined ? [] : [summaryOf(entries, field.name)],
    key_metadata: null,
  }
}

function summaryOf(entries: readonly ManifestEntry[], name: string) {
  const all = entries.map((one) => (one.data_file['partition'] as Record<string, number | null>)[name] ?? null)
  const days = all.filter((day) => day !== null)
  const bound = (day: number) => (days.length === 0 ? null : littleEndian(BigInt(day), 4))
  return {
    contains_null: days.length < all.length,
    contains_nan: false,
    lower_bound: bound(days.reduce((a, b) => Math.min(a, b), Infinity)),
    upper_bound: bound(days.reduce((a, b) => Math.max(a, b), -Infinity)),
  }
}

/** https://iceberg.apache.org/spec/#appendix-d-single-value-serialization (checked 2026-11-29) */
function littleEndian(value: bigint, size: 4 | 8): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(8))
  view.setBigInt64(0, value, true)
  return new Uint8Array(view.buffer, 0, size).slice()
}

/** Counts of the snapshot; totals only where those of its parent are known. */
function countsOf(
  before: Readonly<Record<string, unknown>> | undefined,
  added: { readonly files: number; readonly rows: number; readonly size: number },
): Record<string, string> {
  const counts: Record<string, string> = {}
  for (const [name, count] of [
    ['data-files', added.files],
    ['records', added.rows],
    ['files-size', added.size],
    ['delete-files', 0],
    ['position-deletes', 0],
    ['equality-deletes', 0],
  ] as const) {
    if (count > 0) counts[`added-${name}`] = String(count)
    const total = before === undefined ? 0 : Number(before[`total-${name}`] ?? NaN)
    if (Number.isSafeInteger(total)) counts[`total-${name}`] = String(total + count)
  }
  return counts
}
