import type { GatheredTable } from '../bucket-gathering.ts'
import type { StagedObject } from '../staging.ts'

/**
 * Lists the objects of a table for a COPY, which fails where one of them is not there. The list is not compressed, though the
 * objects are.
 * https://docs.aws.amazon.com/redshift/latest/dg/loading-data-files-using-manifest.html (stored copy, read 2026-11-30)
 *
 * @param table what was gathered of it
 * @returns an object beside the folder of the table
 */
export function manifestOf({ folder, objects }: GatheredTable): StagedObject {
  const entries = objects.map((url) => ({ url, mandatory: true }))
  return { object: `${folder}.manifest`, bytes: new TextEncoder().encode(JSON.stringify({ entries })) }
}
