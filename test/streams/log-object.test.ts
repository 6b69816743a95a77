import { afterEach, expect, test } from 'vitest'
import { fingerprint } from '../../src/storage/fingerprint.ts'
import { partitionOf } from '../../src/storage/murmur2.ts'
import type { LogStatus } from '../../src/core/bindings.ts'
import { Random } from '../../scripts/bench/random.ts'
import { StreamHarness } from './stream-harness.ts'
import { packedOrder } from '../support/sample-events.ts'
import { until } from '../support/until.ts'

const hour = 3_600_000
let harness: StreamHarness
const start = async (options: object = {}) => (harness = await StreamHarness.start({ driver: 'log', options }))
afterEach(() => harness.stop())

const printsOf = (...ids: string[]) => {
  const prints = new Uint32Array(ids.length * 2)
  ids.forEach((id, i) => fingerprint('shop', id, prints, i * 2))
  return { prints: [...prints] }
}

test('offsets are dense, whatever appends are on their way together', async () => {
  await start()
  await Promise.all(
    Array.from({ length: 60 }, (_, n) =>
      harness.append([packedOrder(`a ${n}`), packedOrder(`b ${n}`), packedOrder(`c ${n}`)]),
    ),
  )
  const got = await harness.gotSo(180)
  expect(got.map(({ offset }) => offset)).toEqual(Array.from({ length: 180 }, (_, i) => i))
  expect(new Set(got.map(({ id }) => id)).size).toBe(180)
  // Group commit: far fewer rows than appends.
  const { billed } = await harness.log<LogStatus>(0, 'status')
  expect(billed.rowsWritten).toBeLessThan(40)
})

test('a second event with the same source and messageId is dropped at the append, and counted', async () => {
  await start()
  expect(await harness.append([packedOrder('ada 1'), packedOrder('ada 2')])).toEqual({ accepted: 2, duplicates: 0 })
  expect(await harness.append([packedOrder('ada 2'), packedOrder('ada 3'), packedOrder('ada 3')])).toEqual({
    accepted: 1,
    duplicates: 2,
  })
  expect(await harness.append([packedOrder('ada 1')])).toEqual({ accepted: 0, duplicates: 1 })
  const got = await harness.gotSo(3)
  expect(got.map(({ id, offset }) => [offset, id])).toEqual([
    [0, 'ada 1'],
    [1, 'ada 2'],
    [2, 'ada 3'],
  ])
  expect(await harness.log(0, 'status')).toMatchObject({ head: 3, duplicates: 3 })
})

test('parallel appends of the same event are taken once', async () => {
  await start()
  const answers = await Promise.all(Array.from({ length: 20 }, () => harness.append([packedOrder('ada 1')])))
  expect(answers.reduce((sum, { accepted }) => sum + accepted, 0)).toBe(1)
  expect(await harness.log(0, 'status')).toMatchObject({ head: 1 })
})

test('a restart knows what was appended before it, and forgets it when the window is over', async () => {
  await start()
  await harness.append([packedOrder('ada 1')])
  await harness.restart()
  expect(await harness.append([packedOrder('ada 1'), packedOrder('ada 2')])).toEqual({ accepted: 1, duplicates: 1 })
  await harness.ahead(21 * 60_000)
  expect(await harness.append([packedOrder('ada 1')])).toEqual({ accepted: 1, duplicates: 0 })
})

test('what was spilled is looked for back to then, long after the window is over', async () => {
  await start()
  const spilledAt = Date.now()
  const before = spilledAt - 60_000
  await harness.append([packedOrder('ada 1'), packedOrder('ada 2')])
  await harness.ahead(5 * hour)
  // Another table, and a start from what is on disk.
  await harness.append([packedOrder('grace 1')])
  await harness.restart()
  await harness.ahead(5 * hour)
  const spilled = [packedOrder('ada 0'), packedOrder('ada 2'), packedOrder('ada 3'), packedOrder('grace 1')]
  expect(await harness.append(spilled, { since: before })).toEqual({ accepted: 2, duplicates: 2 })
  // A run of the sweep that is repeated finds what the first one stored.
  expect(await harness.append(spilled, { since: before })).toEqual({ accepted: 0, duplicates: 4 })
  const got = await harness.gotSo(5)
  expect(got.map(({ id }) => id)).toEqual(['ada 1', 'ada 2', 'grace 1', 'ada 0', 'ada 3'])
  // What was stored before then does not count.
  await harness.ahead(10 * hour)
  const later = { since: spilledAt + 9 * hour }
  expect(await harness.append([packedOrder('ada 1')], later)).toEqual({ accepted: 1, duplicates: 0 })
})

test('what was spilled is looked for in the partition of its key', async () => {
  await start({ partitions: 2 })
  const keys = Array.from({ length: 20 }, (_, i) => `visitor ${i}`)
  const batch = keys.map((key) => packedOrder(`order of ${key}`, {}, { key }))
  await harness.append(batch.slice(0, 12))
  await harness.ahead(hour)
  expect(await harness.append(batch, { since: Date.now() - 60_000 })).toEqual({ accepted: 8, duplicates: 12 })
})

test('keys go to partitions as Kafka chooses them, each with offsets of its own', async () => {
  await start({ partitions: 2 })
  const keys = Array.from({ length: 20 }, (_, i) => `visitor ${i}`)
  await harness.append(keys.map((key) => packedOrder(`order of ${key}`, {}, { key })))
  const expected = [0, 1].map((partition) => keys.filter((key) => partitionOf(key, 2) === partition))
  expect(expected.map(({ length }) => length).every((length) => length > 3)).toBe(true)
  for (const partition of [0, 1]) {
    const got = await harness.gotSo(expected[partition]?.length ?? 0, `webhook:${partition}`)
    expect(got.map(({ key, offset }) => [offset, key])).toEqual(expected[partition]?.map((key, i) => [i, key]))
  }
})

test('a lane that lags reads by itself from where it is', async () => {
  await start()
  await harness.append([packedOrder('first')])
  await harness.gotSo(1)
  // Nothing is known of the lanes after a restart, and nothing is left in memory.
  await harness.script(...Array.from({ length: 50 }, () => ({ kind: 'throw' }) as const))
  for (let n = 0; n < 5; n++) await harness.append([packedOrder(`missed ${n}`)])
  await harness.restart()
  await harness.script()
  await harness.log(0, 'sweep')
  const got = await harness.gotSo(6)
  expect(got.map(({ id }) => id)).toEqual(['first', ...Array.from({ length: 5 }, (_, n) => `missed ${n}`)])
})

test('reads start at any offset, end at about the bytes asked for, and give at least one row', async () => {
  await start()
  for (let n = 0; n < 5; n++) await harness.append([packedOrder(`a ${n}`), packedOrder(`b ${n}`)])
  const read = (from: number, bytes: number) =>
    harness
      .log<{ chunks: { offset: number; count: number }[]; head: number }>(0, 'read', from, bytes)
      .then(({ chunks, head }) => ({ offsets: chunks.map(({ offset }) => offset), head }))
  expect(await read(3, 1)).toEqual({ offsets: [2], head: 10 })
  expect(await read(4, 1_000_000)).toEqual({ offsets: [4, 6, 8], head: 10 })
  expect(await read(10, 1_000_000)).toEqual({ offsets: [], head: 10 })
})

test('hours past retention are forgotten; what a lane has not committed of them is kept for it in R2', async () => {
  await start({ retentionDays: 0.05 })
  await harness.append([packedOrder('old 0'), packedOrder('old 1')])
  await harness.gotSo(2)
  await harness.script({ kind: 'down' })
  await harness.append([packedOrder('old 2')])
  await harness.append([packedOrder('old 3')])
  await harness.gotSo(4, 'audit:0')

  await harness.ahead(3 * hour)
  await harness.append([packedOrder('new 0')])
  const swept = await harness.log<LogStatus>(0, 'sweep')
  expect([swept.first, swept.head, swept.segments, swept.billed.r2Writes]).toEqual([4, 5, 1, 1])
  const read = await harness.log<{ chunks: { offset: number }[] }>(0, 'read', 2, 1_000_000)
  expect(read.chunks.map(({ offset }) => offset)).toEqual([2, 3])

  // It is still there after a restart, and gone once the log knows that the lane has it.
  await harness.restart()
  await harness.ahead(3 * hour)
  const kept = await harness.log<{ chunks: { offset: number }[] }>(0, 'read', 2, 1_000_000)
  expect(kept.chunks.map(({ offset }) => offset)).toEqual([2, 3])
  await harness.script()
  const rest = await until(
    'the log keeps only what is new',
    async () => {
      await harness.log(0, 'sweep')
      return (await harness.log<{ chunks: { offset: number }[] }>(0, 'read', 2, 1_000_000)).chunks
    },
    { enough: ([chunk]) => chunk?.offset === 4, everyMs: 100 },
  )
  expect(rest).toMatchObject([{ offset: 4 }])
  const got = await harness.gotSo(5)
  expect(got.map(({ offset, id }) => [offset, id])).toEqual([
    [0, 'old 0'],
    [1, 'old 1'],
    [2, 'old 2'],
    [3, 'old 3'],
    [4, 'new 0'],
  ])
})

test('an empty log goes on with its offsets after everything was forgotten', async () => {
  await start({ retentionDays: 0.05 })
  await harness.append([packedOrder('old 0'), packedOrder('old 1')])
  await harness.gotSo(2)
  await harness.gotSo(2, 'audit:0')
  await harness.ahead(5 * hour)
  expect(await harness.log(0, 'sweep')).toMatchObject({ first: 2, head: 2, segments: 0 })
  await harness.restart()
  await harness.append([packedOrder('new 0')])
  expect((await harness.gotSo(3)).map(({ offset }) => offset)).toEqual([0, 1, 2])
})

test('an event in the log is found by its fingerprint', async () => {
  await start()
  await harness.append([packedOrder('ada 1'), packedOrder('ada 2')])
  await harness.append([packedOrder('ada 3')])
  const found = await harness.log<{ offset: number; chunk: { offset: number } }[]>(0, 'find', printsOf('ada 2'))
  expect(found).toMatchObject([{ offset: 1, chunk: { offset: 0, count: 2 } }])
  expect(await harness.log(0, 'find', printsOf('ada 4'))).toEqual([])
})

test('a write that fails rejects its appends, and the log goes on from what is on disk', async () => {
  await start()
  await harness.append([packedOrder('ada 1')])
  const random = new Random(1)
  // Text that does not compress, of more than a row may hold.
  const noise = Array.from({ length: 1_500_000 }, () =>
    String.fromCodePoint(random.whole(0x4e00, 0x4e00 + 19_999)),
  ).join('')
  await expect(harness.log(0, 'append', `{}\n${noise}\n`, printsOf('ada 2'))).rejects.toThrow()
  expect(await harness.append([packedOrder('ada 2'), packedOrder('ada 1')])).toEqual({ accepted: 1, duplicates: 1 })
  const got = await harness.gotSo(2)
  expect(got.map(({ offset, id }) => [offset, id])).toEqual([
    [0, 'ada 1'],
    [1, 'ada 2'],
  ])
})
