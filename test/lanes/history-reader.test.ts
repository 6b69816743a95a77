import { beforeEach, expect, test } from 'vitest'
import { ArchiveLot } from '../../src/lanes/archive-lot.ts'
import { keyOf } from '../../src/archive/object-name.ts'
import { type Envelope, type Packed, pack, unpack } from '../../src/core/envelope.ts'
import type { Chunk } from '../../src/core/inbox.ts'
import type { LetterFilter } from '../../src/core/bindings.ts'
import { ArchiveHistory } from '../../src/lanes/archive-history.ts'
import { type HistoryPlace, HistoryReader, unknown } from '../../src/lanes/history-reader.ts'
import { fakePort } from '../support/fake-context.ts'
import { FakeBucket } from '../support/fake-bucket.ts'
import { chunkOf, headerOf, plainOrder } from '../support/sample-events.ts'

const hourMs = 3_600_000
const start = Date.parse('2026-11-29T05:00:00Z')

let bucket: FakeBucket
let chunks: Chunk[]
/** Offset of the oldest event that the log has. */
let first: number
let depth: number
let resumes: number
/** True while the lane of the archive does not know what its stream has: it was asleep, and nobody has had it ask. */
let isUnaware: boolean

beforeEach(() => {
  bucket = new FakeBucket()
  ;[chunks, first, depth, resumes, isUnaware] = [[], 0, 0, 0, false]
})

const eventOf = (place: number): Packed =>
  pack(
    headerOf(`order-${place}`, { source: place % 3 === 0 ? 'server' : 'web', to: ['crm', '@archive'] }),
    plainOrder(`order-${place}`, { userId: place % 2 === 0 ? 'ada' : 'grace' }),
  )

/** Events of an hour: four chunks with five each. */
function fill(hours: number): void {
  for (let i = 0; i < hours * 4; i++)
    chunks.push(
      chunkOf(
        i * 5,
        [0, 1, 2, 3, 4].map((k) => eventOf(i * 5 + k)),
        start + i * (hourMs / 4),
      ),
    )
}

/** Archives all, in objects of at most seven events. */
async function archive(): Promise<void> {
  const lots = new Map<string, ArchiveLot>()
  const write = async (lot: ArchiveLot) => bucket.put(keyOf(lot.object), await lot.compress())
  for (const { offset, at } of chunks)
    for (let k = 0; k < 5; k++) {
      const [envelope] = unpack(eventOf(offset + k).text) as [Envelope]
      const { source } = envelope.header
      const archived = { at, place: offset + k, envelope }
      let lot = lots.get(source)
      if (lot !== undefined && (lot.events === 7 || at - lot.object.hour >= hourMs)) {
        await write(lot)
        lot = undefined
      }
      lot ??= new ArchiveLot(archived, 0, at)
      lots.set(source, lot)
      lot.add(archived)
    }
  for (const lot of lots.values()) await write(lot)
}

const log = () => ({
  status: async () => ({ first, head: chunks.length * 5 }) as never,
  offsetAt: async (time: number) => Math.max(first, chunks.find(({ at }) => at >= time)?.offset ?? chunks.length * 5),
  read: async (from: number) => ({
    chunks: chunks.filter(({ offset, count }) => offset + count > from && offset >= first).slice(0, 3),
    head: chunks.length * 5,
  }),
})

function readerOf(parts: { readonly log?: typeof log } = { log }): HistoryReader {
  const status = async () => {
    const known = isUnaware ? 0 : depth
    return { depth: known, oldestSeconds: known === 0 ? 0 : 999_999 }
  }
  const lane = {
    status,
    poke: async () => {
      isUnaware = false
      return status()
    },
    resume: async () => {
      resumes++
      depth = 0
      return status()
    },
  }
  return new HistoryReader({
    log: parts.log,
    archive: new ArchiveHistory({
      bindings: { BUCKET: bucket, LANE: { getByName: () => lane } } as never,
      port: fakePort({ now: () => start + 100 * hourMs }),
      partition: 0,
      spend: () => undefined,
    }),
    mayGet: async (envelopes) => envelopes.map(() => true),
  })
}

interface Run {
  readonly filter?: LetterFilter
  readonly source?: string
  readonly most?: number
  readonly reader?: () => HistoryReader
  readonly between?: (found: number) => void
}

/** Runs a job to its end; numbers of its events. */
async function run({ filter = {}, source, most = 4, reader, between }: Run = {}): Promise<number[]> {
  const known = readerOf()
  const found: number[] = []
  let place: HistoryPlace = { after: unknown, last: unknown }
  for (let step = 0; step < 1_000; step++) {
    const job = { id: 'a-job', filter, startedAt: start + 99 * hourMs, ...(source === undefined ? {} : { source }) }
    const result = await (reader?.() ?? known).step({ ...job, ...place }, most)
    found.push(...result.matched.map(({ id }) => Number(id.slice('order-'.length))))
    if (result.isOver) return found
    place = result.place
    between?.(found.length)
  }
  throw new Error('the job does not end')
}
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

test('hours that the log has forgotten are read from the archive, and all others from the log', async () => {
  fill(5)
  await archive()
  first = 40
  expect(await run()).toEqual(numbers(0, 100))
  expect(bucket.calls.filter((call) => call.startsWith('get')).every((call) => /hour=0[56]/.test(call))).toBe(true)
  expect(await run({ filter: { user: 'ada' }, source: 'web' })).toEqual(
    numbers(0, 100).filter((n) => n % 2 === 0 && n % 3 !== 0),
  )
})

test('a window begins and ends where it says, in the archive, in the log and across both', async () => {
  fill(5)
  await archive()
  first = 40
  const quarter = hourMs / 4
  const at = (from: number, to: number) => ({ from: start + from * quarter, to: start + to * quarter })
  expect(await run({ filter: at(1, 3) })).toEqual(numbers(5, 15))
  expect(await run({ filter: at(6, 10) })).toEqual(numbers(30, 50))
  expect(await run({ filter: at(9, 11) })).toEqual(numbers(45, 55))
})

test('a job goes on after each crash where it was', async () => {
  fill(4)
  await archive()
  first = 40
  expect(await run({ reader: () => readerOf() })).toEqual(numbers(0, 80))
})

test('what the log forgets in the middle of a job is read from the archive', async () => {
  fill(6)
  await archive()
  for (const most of [3, 4, 7]) {
    first = 0
    const between = (found: number) => void (first = Math.max(first, found >= 50 ? 80 : found >= 12 ? 60 : 0))
    expect(await run({ most, between })).toEqual(numbers(0, 120))
    first = 20
    expect(await run({ most, between })).toEqual(numbers(0, 120))
    first = 0
    expect(await run({ most, between: (found) => void (first = found >= 30 ? 120 : 0) })).toEqual(numbers(0, 120))
  }
})

test('without a log all is read from the archive, which is first told to write what waits', async () => {
  fill(3)
  await archive()
  depth = 10
  const reader = readerOf({})
  expect(await run({ reader: () => reader, most: 1_000 })).toEqual(numbers(0, 60))
  expect(resumes).toBe(1)
})

test('an archive whose lane was asleep is told to write what waits, too: it asks its stream first what that has', async () => {
  fill(3)
  await archive()
  ;[depth, isUnaware] = [10, true]
  const reader = readerOf()
  first = 20
  expect(await run({ reader: () => reader, most: 1_000 })).toEqual(numbers(0, 60))
  expect(resumes).toBe(1)
})

test('an object that cannot be read keeps the job waiting, and says which it is', async () => {
  fill(1)
  await archive()
  const [key = ''] = bucket.keys
  await bucket.put(key, new Uint8Array([1, 2, 3]))
  await expect(run({ reader: () => readerOf({}) })).rejects.toThrow(`the object ${key} of the archive cannot be read`)
})
