import { gunzipLines } from './gzip.ts'
import { type ArchivedEvent, readLine } from './line.ts'
import { archivePrefix, type ArchiveObject, hourOf, hourPrefix, readKey } from './object-name.ts'

/** Which events of the archive. */
export interface ArchiveQuery {
  readonly partition: number
  readonly source?: string | undefined
  /** Events of the hours from the one of `from` on, and of those that begin before `until`; milliseconds since the epoch. */
  readonly from: number
  readonly until: number
  /** Events before this place are passed over. */
  readonly place: number
}

interface FoundObject extends ArchiveObject {
  readonly key: string
}

/**
 * Reads the archived events of a partition in the order in which they were stored, whatever their source.
 *
 * @param bucket with the archive
 * @param query which of them
 * @param spend told of subrequests before they are made
 * @throws what R2, zlib or JSON throw; the message names the object where one cannot be read
 */
export async function* readArchive(
  bucket: Pick<R2Bucket, 'get' | 'list'>,
  query: ArchiveQuery,
  spend: (subrequests: number) => void,
): AsyncGenerator<ArchivedEvent> {
  const open = (found: readonly FoundObject[]) => readObjects(bucket, found, spend)
  for await (const objects of hoursOf(bucket, query, spend)) {
    const bySource = Map.groupBy(objects, ({ source }) => source)
    const readers = Array.from(bySource.values(), (found) => open(from(query.place, found)))
    for await (const archived of inOrder(readers)) if (archived.place >= query.place) yield archived
  }
}

/** Gives the objects of a partition an hour at a time. */
export async function* hoursOf(
  bucket: Pick<R2Bucket, 'list'>,
  { partition, source, from: since, until }: Omit<ArchiveQuery, 'place'>,
  spend: (subrequests: number) => void,
): AsyncGenerator<readonly FoundObject[]> {
  let hour: FoundObject[] = []
  let startAfter = hourPrefix(hourOf(since))
  for (let isOver = false; !isOver;) {
    spend(1)
    const { objects, truncated } = await bucket.list({ prefix: archivePrefix, startAfter })
    for (const { key } of objects) {
      startAfter = key
      const found = readKey(key)
      if (found === undefined || found.partition !== partition || (source ?? found.source) !== found.source) continue
      isOver = found.hour >= until
      if (isOver) break
      if (hour[0] !== undefined && hour[0].hour !== found.hour) {
        yield hour
        hour = []
      }
      hour.push({ ...found, key })
    }
    isOver ||= !truncated
  }
  if (hour.length > 0) yield hour
}

/** The objects that may have events from a place on, in order. */
function from(place: number, objects: readonly FoundObject[]): readonly FoundObject[] {
  const sorted = objects.toSorted((a, b) => a.place - b.place)
  return sorted.filter((_, i) => (sorted[i + 1]?.place ?? Infinity) > place)
}

async function* readObjects(
  bucket: Pick<R2Bucket, 'get'>,
  objects: readonly FoundObject[],
  spend: (subrequests: number) => void,
): AsyncGenerator<ArchivedEvent> {
  for (const { key } of objects) {
    spend(1)
    const object = await bucket.get(key)
    // It was too old, or all of its events were erased.
    if (object === null) continue
    try {
      for await (const line of gunzipLines(object.body)) yield readLine(line)
    } catch (cause) {
      throw new Error(`the object ${key} of the archive cannot be read: ${String(cause)}`, { cause })
    }
  }
}

/** Merges events that are in order each. */
async function* inOrder(readers: readonly AsyncGenerator<ArchivedEvent>[]): AsyncGenerator<ArchivedEvent> {
  const heads: { readonly reader: AsyncGenerator<ArchivedEvent>; first: ArchivedEvent }[] = []
  try {
    for (const reader of readers) {
      const { done, value } = await reader.next()
      if (done !== true) heads.push({ reader, first: value })
    }
    while (heads.length > 0) {
      const least = heads.reduce((one, other) => (other.first.place < one.first.place ? other : one))
      yield least.first
      const { done, value } = await least.reader.next()
      if (done === true) heads.splice(heads.indexOf(least), 1)
      else least.first = value
    }
  } finally {
    // Whoever stops early leaves no body open.
    await Promise.all(readers.map((reader) => reader.return(undefined)))
  }
}
