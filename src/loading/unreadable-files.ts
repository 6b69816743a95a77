import { cut } from '../core/cut.ts'
import type { MendedFile, UnreadableFileStatus, UnreadableLines, UnreadableRange } from '../core/unreadable.ts'
import { type Header, pack, unpack } from '../core/envelope.ts'
import { reasonOf, SluicewayError } from '../core/errors.ts'
import { isRecord } from '../core/json.ts'
import { frame, joinFrames, unframe } from '../storage/frame.ts'

/** UTF-16 units of lines that are shown at once; one line is shown however long it is. */
const mostShown = 1_000_000
/** UTF-16 units of a frame: only one frame of a file is unpacked at once. */
const frameUnits = 500_000
const lengthBytes = 4
/** Problems that are told of a file. */
const mostProblems = 1_000

/** A file that was given up. */
export interface SetAsideFile {
  readonly key: string
  /** Undefined for rows that wait for a table. */
  readonly partition?: number
  /** The table that the rows are for; undefined for a staging file. */
  readonly table?: string
  readonly events: number
  readonly bytes: number
  /** Milliseconds since the epoch: when it was staged or its rows began to wait, and when it was given up. */
  readonly at: number
  readonly changedAt: number
  /** Its first events, which are in the warehouse. */
  readonly done: number
  /** Null where an earlier version gave it up. */
  readonly reason: string | null
}

/** Files of one kind that were given up; a key that is not one of them is left alone. */
export interface FilesSetAside {
  /** Oldest first. */
  readonly setAside: () => readonly SetAsideFile[]
  /** One of them has other bytes, with the events of these ids. */
  readonly mend: (key: string, file: { readonly bytes: number; readonly ids: readonly string[] }) => void
  /** One of them waits again, as if nobody had tried it. */
  readonly reload: (key: string, now: number) => void
  /** One of them is given up: a load deletes its object. */
  readonly discard: (key: string, now: number) => void
}

/** What can be read of the bytes of a file. */
interface Readable {
  readonly lines: readonly string[]
  readonly problems: readonly string[]
}

/** Files that were set aside because they could not be read: shows them, takes mended ones, has them loaded again. */
export class UnreadableFiles {
  readonly #kinds: readonly FilesSetAside[]
  readonly #bucket: Pick<R2Bucket, 'get' | 'put'>

  constructor(kinds: readonly FilesSetAside[], bucket: Pick<R2Bucket, 'get' | 'put'>) {
    this.#kinds = kinds
    this.#bucket = bucket
  }

  all(warehouse: string): readonly UnreadableFileStatus[] {
    return this.#kinds.flatMap((kind) => kind.setAside().map((file) => statusOf(warehouse, file)))
  }

  /** Shows the lines of a file that can be read, and what is in the way of the others. */
  async read(warehouse: string, name: string, { after, limit }: UnreadableRange): Promise<UnreadableLines> {
    const { file } = this.#find(warehouse, name)
    const { lines, problems } = await this.#readable(file.key)
    const shown: { number: number; text: string }[] = []
    let units = 0
    for (let i = after; i < lines.length && shown.length < limit; i++) {
      const text = lines[i] as string
      units += text.length
      if (shown.length > 0 && units > mostShown) break
      shown.push({ number: i + 1, text })
    }
    const isWhole = after + shown.length >= lines.length
    return { ...statusOf(warehouse, file), lines: shown, allLines: lines.length, problems, truncated: !isWhole }
  }

  /**
   * Puts a mended file in the place of one that was set aside; it waits there until somebody has it loaded. What was there before
   * is kept beside it, once.
   *
   * @param text two lines for each event, as `read` shows them
   * @throws {SluicewayError} bad_request where the text is no such lines; conflict where events are missing or changed that are in
   *   the warehouse already
   */
  async mend(warehouse: string, name: string, text: string): Promise<MendedFile> {
    const { file } = this.#find(warehouse, name)
    const events = checkedEvents(text)
    const before = await this.#readable(file.key)
    if (!startsAlike(before.lines, events, file.done))
      throw new SluicewayError(
        'conflict',
        `The first ${file.done} events are in the warehouse already: keep them as they are, in their order.`,
      )
    const original = `${file.key}.unreadable`
    const there = await this.#bucket.get(file.key)
    if (there !== null && (await this.#bucket.get(original)) === null)
      await this.#bucket.put(original, await there.arrayBuffer())
    const bytes = framesOf(events)
    await this.#bucket.put(file.key, bytes)
    // Somebody else may have had it loaded or discarded meanwhile.
    const { kind } = this.#find(warehouse, name)
    kind.mend(file.key, { ids: events.map((event) => unpack(event)[0]?.id ?? ''), bytes: bytes.byteLength })
    return {
      events: events.length,
      readableBefore: before.lines.length >> 1,
      original: there === null ? undefined : original,
    }
  }

  /** Has a file loaded again. */
  reload(warehouse: string, name: string, now: number): void {
    const { kind, file } = this.#find(warehouse, name)
    kind.reload(file.key, now)
  }

  /** Gives a file up: its object is deleted with those that are loaded. */
  discard(warehouse: string, name: string, now: number): UnreadableFileStatus {
    const { kind, file } = this.#find(warehouse, name)
    kind.discard(file.key, now)
    return statusOf(warehouse, file)
  }

  #find(warehouse: string, name: string): { readonly kind: FilesSetAside; readonly file: SetAsideFile } {
    for (const kind of this.#kinds) {
      const file = kind.setAside().find(({ key }) => nameOf(warehouse, key) === name)
      if (file !== undefined) return { kind, file }
    }
    throw new SluicewayError('not_found', `The warehouse "${warehouse}" has set aside no file "${name}".`)
  }

  async #readable(key: string): Promise<Readable> {
    const object = await this.#bucket.get(key)
    if (object === null) return { lines: [], problems: ['there is no such object in R2'] }
    return readableIn(new Uint8Array(await object.arrayBuffer()))
  }
}

/** Names a file in a path: its partition and its name, or `held:` and its number. */
const nameOf = (warehouse: string, key: string): string =>
  key.replace(`staging/${warehouse}/`, '').replace(`held/${warehouse}/`, 'held:').replaceAll('/', ':')

const statusOf = (
  warehouse: string,
  { key, partition, table, events, bytes, at, changedAt, done, reason }: SetAsideFile,
): UnreadableFileStatus => ({
  file: nameOf(warehouse, key),
  key,
  ...(partition === undefined ? {} : { partition }),
  ...(table === undefined ? {} : { table }),
  events,
  bytes,
  stagedAt: at,
  setAsideAt: changedAt,
  loadedEvents: done,
  ...(reason === null ? {} : { reason }),
})

/** The lines of the frames that can be read, whatever is in between. */
function readableIn(bytes: Uint8Array): Readable {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const lines: string[] = []
  const problems: string[] = []
  for (let offset = 0; offset < bytes.byteLength;) {
    const zerosEnd = endOfZeros(bytes, offset)
    if (zerosEnd > offset) {
      problems.push(`bytes ${offset} to ${zerosEnd}: all are zero`)
      offset = zerosEnd
      continue
    }
    const hasLength = offset + lengthBytes <= bytes.byteLength
    const end = offset + lengthBytes + (hasLength ? view.getUint32(offset, true) : 0)
    if (!hasLength || end > bytes.byteLength) {
      problems.push(`from byte ${offset} on: the file ends inside a frame`)
      break
    }
    try {
      const text = unframe(bytes.subarray(offset, end))
      lines.push(...text.replace(/\n$/, '').split('\n'))
    } catch (thrown) {
      problems.push(`bytes ${offset} to ${end}: ${reasonOf(thrown)}`)
    }
    offset = end
  }
  lines.forEach((line, i) => {
    if (i % 2 === 0 && headerOf(line) === undefined) problems.push(`line ${i + 1}: is no header of an event`)
  })
  const more = problems.length - mostProblems
  return { lines, problems: more > 0 ? [...problems.slice(0, mostProblems), `${more} more`] : problems }
}

/** Where what is a length of a frame is not zero any more. */
function endOfZeros(bytes: Uint8Array, start: number): number {
  let end = start
  while (end < bytes.byteLength && bytes.subarray(end, end + lengthBytes).every((byte) => byte === 0))
    end += lengthBytes
  return Math.min(end, bytes.byteLength)
}

function headerOf(line: string): Header | undefined {
  const value = parsed(line)
  if (!isRecord(value) || !isRecord(value['facts']) || !Array.isArray(value['to'])) return undefined
  const texts = ['id', 'key', 'source', 'receivedAt'] as const
  return texts.every((name) => typeof value[name] === 'string') ? (value as unknown as Header) : undefined
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line) as unknown
  } catch {
    return undefined
  }
}

/** The events of a text, each as its two lines. */
function checkedEvents(text: string): readonly string[] {
  const lines = text.replace(/\n$/, '').split('\n')
  if (text.trim() === '')
    throw new SluicewayError('bad_request', 'The body has no lines; to give the file up, DELETE it.')
  if (lines.length % 2 !== 0)
    throw new SluicewayError(
      'bad_request',
      'An event has two lines, its header and itself: the number of lines is odd.',
    )
  return Array.from({ length: lines.length / 2 }, (_, i) => {
    const [header = '', event = ''] = lines.slice(2 * i, 2 * i + 2)
    const found = headerOf(header)
    if (found === undefined) throw new SluicewayError('bad_request', `Line ${2 * i + 1} is no header of an event.`)
    if (!isRecord(parsed(event))) throw new SluicewayError('bad_request', `Line ${2 * i + 2} is no JSON object.`)
    return pack(found, event).text
  })
}

/** Whether the events that are in the warehouse are those with which the file still begins; true where nobody can know. */
function startsAlike(before: readonly string[], events: readonly string[], done: number): boolean {
  if (events.length < done) return false
  const known = Math.min(done, before.length >> 1)
  return Array.from({ length: known }, (_, i) => i).every(
    (i) => headerOf(before[2 * i] as string)?.id === unpack(events[i] as string)[0]?.id,
  )
}

const framesOf = (events: readonly string[]): Uint8Array<ArrayBuffer> =>
  joinFrames([...cut(events, ({ length }) => length, { size: frameUnits })].map((some) => frame(some.join(''))))
