import { beforeEach, expect, test } from 'vitest'
import type { StagedFile } from '../../src/core/bindings.ts'
import { DeadLetters } from '../../src/lanes/dead-letters.ts'
import { LaneStore } from '../../src/lanes/lane-store.ts'
import { Stager } from '../../src/lanes/stager.ts'
import { fakeContext, fakePort } from '../support/fake-context.ts'
import { Sqlite } from '../support/sqlite.ts'
import { createBill } from '../../src/core/billed.ts'

let sqlite: Sqlite
let store: LaneStore
let stager: Stager
let now: number
let files: Map<string, Uint8Array>
let staged: StagedFile[]
let broken: 'bucket' | 'loader' | undefined
let held: (() => void) | undefined
let hold: boolean
let logged: [level: string, message: string][]

function open(): void {
  store = new LaneStore(sqlite.open(), now)
  const bucket = {
    put: async (key: string, bytes: Uint8Array) => {
      if (hold) await new Promise<void>((resolve) => (held = resolve))
      if (broken === 'bucket') throw new Error('R2 is unavailable')
      files.set(key, bytes)
    },
  }
  const loader = {
    register: async (_warehouse: string, file: StagedFile) => {
      if (broken === 'loader') throw new Error('the loader is unavailable')
      staged.push(file)
    },
  }
  stager = new Stager(
    {
      kind: 'warehouse',
      name: 'tables',
      displayName: 'Tables',
      route: { use: undefined as never, stageSeconds: 10 },
    },
    {
      store,
      bindings: fakeContext({ bindings: { BUCKET: bucket, LOADER: { getByName: () => loader } } }).context.bindings,
      port: fakePort({ now: () => now, log: (level, message) => void logged.push([level, message]) }),
      billed: createBill(),
      partition: 2,
      changed: () => undefined,
      deciding: {
        ref: { target: 'tables', partition: 2 },
        letters: new DeadLetters(sqlite.open(), { target: 'tables', partition: 2 }),
        userCodeMs: 5_000,
      },
      spend: () => undefined,
    },
  )
}
beforeEach(() => {
  sqlite = new Sqlite()
  now = Date.parse('2026-11-25T12:00:00Z')
  files = new Map()
  staged = []
  broken = undefined
  hold = false
  logged = []
  open()
})
const take = (offset: number, count: number, bytes = 10) =>
  stager.take({ offset, count, at: now, data: new Uint8Array(bytes).fill(offset) })
const pass = async (seconds: number) => {
  now += seconds * 1000
  stager.pump()
  await new Promise((resolve) => setTimeout(resolve, 0))
}

test('chunks wait for the time of a file, are staged as one, and the loader is told', async () => {
  take(0, 3)
  take(3, 4)
  expect(stager.due()).toBe(now + 10_000)
  await pass(9)
  expect([staged, stager.committed, stager.position]).toEqual([[], 0, 7])
  await pass(1)
  expect(staged).toEqual([{ key: 'staging/tables/2/0-7', partition: 2, events: 7, bytes: 20 }])
  const file = files.get('staging/tables/2/0-7') as Uint8Array
  expect([...file]).toEqual([...Array<number>(10).fill(0), ...Array<number>(10).fill(3)])
  expect([stager.committed, stager.state, stager.due()]).toEqual([7, 'idle', undefined])
  expect(store.counters).toEqual({ staged: 7 })
})

test('a full staging file does not wait for its time', async () => {
  take(0, 1, 4_000_000)
  expect(stager.due()).toBe(0)
  await pass(0)
  expect(staged).toHaveLength(1)
})

test.each(['bucket', 'loader'] as const)(
  'while the %s is unavailable nothing is lost and the cursor stays',
  async (which) => {
    broken = which
    take(0, 3)
    await pass(10)
    expect([stager.committed, stager.state]).toEqual([0, 'down'])
    expect(stager.reason).toMatch(/^staging failed: .* unavailable$/)
    take(3, 2)
    expect(stager.due()).toBe(now + 1000)
    broken = undefined
    // The same file again: the loader may know it already, though its answer did not come through.
    await pass(10)
    expect(staged.map(({ key }) => key)).toEqual(['staging/tables/2/0-3'])
    expect([stager.committed, stager.state, stager.reason]).toEqual([3, 'running', undefined])
    await pass(10)
    expect(staged.map(({ key }) => key)).toEqual(['staging/tables/2/0-3', 'staging/tables/2/3-5'])
  },
)

test('a lane that could not stage for an hour says since when and why, tries each minute, and logs that it works again', async () => {
  const start = now
  broken = 'bucket'
  take(0, 3)
  await pass(10)
  for (let n = 0; n < 60; n++) await pass(60)
  expect([stager.state, stager.since, stager.lastError]).toEqual([
    'down',
    start + 10_000,
    { at: now, reason: 'staging failed: R2 is unavailable' },
  ])
  broken = undefined
  await pass(60)
  expect([stager.state, stager.since, stager.lastError, stager.committed]).toEqual(['idle', undefined, undefined, 3])
  expect(logged[0]).toEqual(['warn', 'a staging file could not be written'])
  expect(logged.at(-1)).toEqual(['info', 'staging files are written again'])
})

test('what comes while a file is being written goes into the next', async () => {
  take(0, 3)
  hold = true
  await pass(10)
  take(3, 2)
  await pass(60)
  expect([staged, stager.due()]).toEqual([[], undefined])
  hold = false
  held?.()
  await pass(0)
  expect([staged.map(({ key }) => key), stager.committed]).toEqual([['staging/tables/2/0-3'], 3])
  await pass(10)
  expect(staged.map(({ key }) => key)).toEqual(['staging/tables/2/0-3', 'staging/tables/2/3-5'])
})

test('a lane that starts again goes on from its stored cursor', async () => {
  take(0, 3)
  await pass(10)
  take(3, 2)
  open()
  expect([stager.committed, stager.position]).toEqual([3, 3])
  take(3, 2)
  await pass(10)
  expect(staged.at(-1)?.key).toBe('staging/tables/2/3-5')
})

test('the stager takes no more than 16 MB while nothing can be written', async () => {
  broken = 'bucket'
  for (let n = 0; n < 4; n++) take(n, 1, 4_000_000)
  expect(stager.hasCapacity).toBe(false)
  broken = undefined
  await pass(0)
  expect([stager.hasCapacity, stager.committed]).toEqual([true, 1])
})

test("a warehouse's lane that is resumed stages at once", async () => {
  take(0, 3)
  stager.resume()
  await pass(0)
  expect(staged).toHaveLength(1)
})
