import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { gunzipSync } from 'node:zlib'
import type { ArchiveLine } from '../../src/archive/line.ts'

/** An object of the archive, as whoever reads the bucket finds it. */
export interface ArchivedObject {
  readonly key: string
  readonly lines: readonly ArchiveLine[]
}

/**
 * Reads the archive from the bucket of a state folder, as the local runtime keeps it on the disk.
 *
 * @param state the folder
 * @returns its objects in the order of their keys
 */
export function archivedObjects(state: string): ArchivedObject[] {
  return globSync('storage/r2/*/*.sqlite', { cwd: state })
    .filter((path) => !path.endsWith('metadata.sqlite'))
    .flatMap((path) => {
      const database = new DatabaseSync(join(state, path), { readOnly: true, timeout: 5_000 })
      try {
        return database
          .prepare(
            "SELECT key, blob_id FROM _mf_objects WHERE key LIKE 'archive/%' AND blob_id IS NOT NULL ORDER BY key",
          )
          .all()
      } finally {
        database.close()
      }
    })
    .map(({ key, blob_id: blob }) => ({ key: String(key), lines: linesOf(state, String(blob)) }))
}

function linesOf(state: string, blob: string): ArchiveLine[] {
  const [path] = globSync(`storage/r2/**/blobs/${blob}`, { cwd: state })
  if (path === undefined) throw new Error(`there is no blob ${blob} in ${state}`)
  const text = gunzipSync(readFileSync(join(state, path))).toString()
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as ArchiveLine)
}
