// Names of objects: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html (checked 2026-11-29)
import { isRecord, type Item } from 'sluiceway/destination'

/** Events that become one object. */
export interface StoredObject {
  /** The beginning of its name, before the hash of its events. */
  readonly key: string
  /** The places of its events in what is sent. */
  readonly places: readonly number[]
}

/** Longer names of events are cut: a name of an object has at most 1,024 bytes. */
const longestFolder = 100

/**
 * Groups events by what they are and by the date on which they were received, in their order.
 *
 * @param items with the text of events
 * @param settings where objects begin, and which folders there are
 */
export function objectsOf(
  items: readonly Item[],
  { prefix, folders }: { readonly prefix: string; readonly folders: string },
): StoredObject[] {
  const groups = new Map<string, { readonly time: string; readonly places: number[] }>()
  for (const [place, { text }] of items.entries()) {
    const event: unknown = JSON.parse(text)
    const { type, name, receivedAt } = partsOf(event)
    const folder = folders === 'none' ? '' : `${folderOf(folders === 'type' ? type : name)}/`
    const group = `${prefix}/${folder}date=${receivedAt.slice(0, 10)}`
    const known = groups.get(group)
    if (known === undefined) groups.set(group, { time: receivedAt, places: [place] })
    else known.places.push(place)
  }
  return Array.from(groups, ([group, { time, places }]) => ({
    key: `${group}/${time.slice(11, 19).replaceAll(':', '')}`,
    places,
  }))
}

function partsOf(event: unknown): { readonly type: string; readonly name: string; readonly receivedAt: string } {
  const { type, event: name, receivedAt, timestamp } = isRecord(event) ? event : {}
  const time = [receivedAt, timestamp]
    .map((one) => Date.parse(typeof one === 'string' ? one : ''))
    .find((one) => !Number.isNaN(one))
  const kind = typeof type === 'string' && type !== '' ? type : 'other'
  return {
    type: kind,
    name: kind === 'track' && typeof name === 'string' && name !== '' ? name : kind,
    receivedAt: new Date(time ?? 0).toISOString(),
  }
}

/** Letters of all languages, digits, "_" and "-"; everything else is "_", so that no name leads into another folder. */
const folderOf = (name: string): string =>
  name
    .toWellFormed()
    .replaceAll(/[^\p{L}\p{N}_-]+/gu, '_')
    .slice(0, longestFolder)
    .replace(/[\ud800-\udbff]$/, '')

/** Compresses a text. */
export async function gzip(text: string): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream('gzip'))
  return new Uint8Array(await new Response(stream).arrayBuffer())
}

/** The SHA-256 of bytes, in lower-case hex. */
export async function hexOfHash(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
