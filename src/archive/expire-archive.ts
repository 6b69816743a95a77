import { archivePrefix, endOfHour, readKey } from './object-name.ts'

/** Objects of one listing, and of one deletion. */
const page = 1_000
/** Pages of one run: the next run goes on. */
const mostPages = 50

/**
 * Deletes the objects of hours that ended too long ago. Keys sort by time: the oldest come first.
 *
 * @param bucket with the archive
 * @param options `before` is milliseconds since the epoch; `spend` is told of subrequests before they are made
 * @returns how many objects are gone
 */
export async function expireArchive(
  bucket: Pick<R2Bucket, 'list' | 'delete'>,
  { before, spend }: { readonly before: number; readonly spend: (subrequests: number) => void },
): Promise<number> {
  let deleted = 0
  for (let i = 0; i < mostPages; i++) {
    spend(1)
    const { objects, truncated } = await bucket.list({ prefix: archivePrefix, limit: page })
    const old = objects.flatMap(({ key }) => {
      const found = readKey(key)
      return found !== undefined && endOfHour(found.hour) <= before ? [key] : []
    })
    if (old.length > 0) {
      spend(1)
      await bucket.delete(old)
      deleted += old.length
    }
    if (old.length < objects.length || !truncated) break
  }
  return deleted
}
