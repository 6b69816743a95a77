import type { NewDeadLetter } from '../core/dead-letter.ts'
import { type Envelope, pack, type Packed, unpack } from '../core/envelope.ts'
import { frame, unframe } from '../storage/frame.ts'
import type { Stream } from '../core/stream.ts'
import type { AppContext } from '../core/app-context.ts'

/*
 * Objects in R2 that hold what the stream, or the lane of the edge's dead letters, did not take in time. Layout version 1:
 *
 * - key `spill/<time>-<uuid>`; the time is RFC 3339 with milliseconds, UTC, so that the order of keys is that of times
 * - body one frame (see frame.ts) of the `pack` text of the events, or of deadLetters as JSON, one a line
 * - custom metadata `kind` (events, letters), `events` (how many), `receivedAt` (the time of the key), `length` (UTF-16 code
 *   units of the text), and `partition` (`2/4`: number 2 of 4) when its events are for one of several
 *
 * What cannot be read, or never be appended, is moved to `spill-stuck/<the same>`; its metadata has `reason` as well.
 */
/** Keys of what waits. */
export const spillPrefix = 'spill/'
/** Keys of what was set aside. */
export const stuckPrefix = 'spill-stuck/'

/** An object as a listing tells of it. */
export interface SpillRef {
  readonly key: string
  /** Milliseconds since the epoch at which it was written. */
  readonly at: number
  /** Events or dead letters in it; 0 when it does not say. */
  readonly events: number
  /** Size in R2. */
  readonly bytes: number
  /** UTF-16 code units of its text; a guess when it does not say. */
  readonly length: number
  /** Where it belongs: objects of different parts need not wait for each other. */
  readonly part: string
}

/** The part of dead letters, and that of events which are for no certain partition. */
export const lettersPart = 'letters'
const eventsPart = 'events'

/** The part of events that are for this partition. */
export const partOf = (partition: number, { partitions, partitionOf }: Pick<Stream, 'partitions' | 'partitionOf'>) =>
  partitionOf === undefined ? eventsPart : `${partition}/${partitions}`

/** What an object holds. */
export type Spilled =
  | { readonly kind: 'events'; readonly packed: readonly Packed[]; readonly part?: string }
  | { readonly kind: 'letters'; readonly deadLetters: readonly NewDeadLetter[] }

/** Text is seldom more than ten times as long as its frame. */
const expansion = 10

/**
 * Writes one object.
 *
 * @returns its key, once it is durable
 */
export async function spill(what: Spilled, { bindings, port }: AppContext): Promise<string> {
  const text =
    what.kind === 'events'
      ? what.packed.map((packed) => packed.text).join('')
      : what.deadLetters.map((letter) => JSON.stringify(letter)).join('\n')
  const events = what.kind === 'events' ? what.packed.length : what.deadLetters.length
  const receivedAt = new Date(port.now()).toISOString()
  const key = `${spillPrefix}${receivedAt}-${port.uuid()}`
  await bindings.BUCKET.put(key, frame(text), {
    customMetadata: {
      kind: what.kind,
      events: String(events),
      receivedAt,
      length: String(text.length),
      ...(what.kind === 'letters' || (what.part ?? eventsPart) === eventsPart ? {} : { partition: what.part }),
    },
  })
  return key
}

/**
 * Reads one object.
 *
 * @returns what it holds, or null when it is gone, because another run of the sweep was faster
 * @throws {UnreadableSpill} when it is not what `spill` wrote; whatever R2 throws when it does not answer
 */
export async function readSpill(key: string, { bindings }: AppContext): Promise<Spilled | null> {
  const object = await bindings.BUCKET.get(key)
  if (object === null) return null
  const bytes = new Uint8Array(await object.arrayBuffer())
  try {
    const text = unframe(bytes)
    if (object.customMetadata?.['kind'] === 'letters')
      return { kind: 'letters', deadLetters: text.split('\n').map((line) => JSON.parse(line) as NewDeadLetter) }
    const packed = unpack(text).map(packedOf)
    if (packed.length === 0) throw new RangeError('there is no event in it')
    return { kind: 'events', packed }
  } catch (cause) {
    throw new UnreadableSpill(key, cause)
  }
}

/** An object that no later attempt will be able to read either. */
export class UnreadableSpill extends Error {
  constructor(key: string, cause: unknown) {
    super(`${key} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    this.name = 'UnreadableSpill'
  }
}

function packedOf({ header, text }: Envelope): Packed {
  if (typeof header.id !== 'string' || typeof header.source !== 'string' || typeof header.key !== 'string')
    throw new TypeError('a line is no header of an event')
  return pack(header, text)
}

/** One page of a listing, oldest first. */
export interface SpillPage {
  readonly refs: readonly SpillRef[]
  readonly more: boolean
}

/**
 * Lists objects, oldest first: one operation of R2.
 *
 * @param prefix of the waiting ones or of those that were set aside
 * @param options `after` is a key; `limit` is at most 1,000, which is also the default
 */
export async function listSpills(
  prefix: typeof spillPrefix | typeof stuckPrefix,
  { bindings }: AppContext,
  { after, limit = 1_000 }: { readonly after?: string | undefined; readonly limit?: number } = {},
): Promise<SpillPage> {
  const { objects, truncated } = await bindings.BUCKET.list({
    prefix,
    limit,
    include: ['customMetadata'],
    ...(after === undefined ? {} : { startAfter: after }),
  })
  return { refs: objects.map((object) => refOf(object, prefix)), more: truncated }
}

function refOf({ key, size, uploaded, customMetadata = {} }: R2Object, prefix: string): SpillRef {
  const at = Date.parse(key.slice(prefix.length, prefix.length + '2026-11-25T12:00:00.000Z'.length))
  const events = Number(customMetadata['events'])
  const length = Number(customMetadata['length'])
  return {
    key,
    at: Number.isNaN(at) ? uploaded.getTime() : at,
    events: Number.isNaN(events) ? 0 : events,
    bytes: size,
    length: Number.isNaN(length) ? size * expansion : length,
    part: customMetadata['kind'] === 'letters' ? lettersPart : (customMetadata['partition'] ?? eventsPart),
  }
}

/** Moves an object out of the way of the others. It is kept as it is, with the reason. */
export async function setAside(key: string, reason: string, { bindings }: AppContext): Promise<void> {
  const object = await bindings.BUCKET.get(key)
  if (object === null) return
  await bindings.BUCKET.put(stuckPrefix + key.slice(spillPrefix.length), await object.arrayBuffer(), {
    // Metadata may have 8,192 bytes in all (R2 limits, checked 2026-11-25).
    customMetadata: { ...object.customMetadata, reason: reason.slice(0, 500) },
  })
  await bindings.BUCKET.delete(key)
}

/** How much waits, or was set aside. */
export interface SpillSummary {
  readonly objects: number
  readonly events: number
  readonly bytes: number
  /** Age of the oldest one; 0 when there is none. */
  readonly oldestSeconds: number
  /** Keys of the oldest ones. */
  readonly keys: readonly string[]
  /** True when there are more than were counted. */
  readonly more: boolean
}

/**
 * Adds up what waits, or was set aside.
 *
 * @param options `pages` of 1,000 objects are counted at most; the first `keys` keys are named
 */
export async function summarizeSpills(
  prefix: typeof spillPrefix | typeof stuckPrefix,
  app: AppContext,
  { pages, keys }: { readonly pages: number; readonly keys: number },
): Promise<SpillSummary> {
  const refs: SpillRef[] = []
  let more = true
  for (let page = 0; more && page < pages; page++) {
    const listed = await listSpills(prefix, app, { after: refs.at(-1)?.key })
    refs.push(...listed.refs)
    ;({ more } = listed)
  }
  const [oldest] = refs
  return {
    objects: refs.length,
    events: refs.reduce((sum, { events }) => sum + events, 0),
    bytes: refs.reduce((sum, { bytes }) => sum + bytes, 0),
    oldestSeconds: oldest === undefined ? 0 : Math.max(0, Math.round((app.port.now() - oldest.at) / 1_000)),
    keys: refs.slice(0, keys).map(({ key }) => key),
    more,
  }
}
