import { type ErasedUser, namesUser } from '../core/erased-user.ts'
import { gunzipLines, gzip } from './gzip.ts'
import type { ArchiveLine } from './line.ts'
import { archiveType } from './object-name.ts'

/**
 * Takes the events of users out of an object of the archive: it is written anew under its key without them, or deleted where
 * nothing else is in it. Which events are a user's is as for the suppression list.
 *
 * @param bucket with the archive
 * @param key of the object
 * @param users whose events go
 * @returns how many events are gone
 */
export async function eraseUsers(
  bucket: Pick<R2Bucket, 'get' | 'put' | 'delete'>,
  key: string,
  users: readonly ErasedUser[],
): Promise<number> {
  const object = await bucket.get(key)
  if (object === null) return 0
  // As they are in JSON, as a number too, or with blanks around them: most lines have none of them, and need not be parsed.
  const marks = users.map(({ id }) => JSON.stringify(id).slice(1, -1))
  const isMeant = (kind: string, id: string) => users.some((user) => user.kind === kind && user.id === id)
  const kept: string[] = []
  let erased = 0
  for await (const line of gunzipLines(object.body))
    if (marks.some((mark) => line.includes(mark)) && namesUser((JSON.parse(line) as ArchiveLine).event, isMeant))
      erased++
    else kept.push(line)
  if (erased === 0) return 0
  if (kept.length === 0) await bucket.delete(key)
  else
    await bucket.put(key, await gzip(encoded(kept)), {
      httpMetadata: { contentType: archiveType },
      customMetadata: { events: `${kept.length}` },
    })
  return erased
}

function* encoded(lines: readonly string[]): Generator<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder()
  // A copy: of some libraries, an encoder gives bytes of any buffer.
  for (const line of lines) yield new Uint8Array(encoder.encode(`${line}\n`))
}
