import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import { type LoaderHarness, startLoader } from './loader-harness.ts'

const track = (n: number, event: string, properties: Record<string, unknown> = { n }): Event => ({
  type: 'track',
  messageId: `event-${n}`,
  userId: 'ada',
  event,
  properties,
  receivedAt: '2026-11-22T10:00:00.000Z',
})
const listOf = (count: number, make: (n: number) => Event): Event[] => Array.from({ length: count }, (_, n) => make(n))

describe('a loader whose D1 allows so many queries an invocation', () => {
  let loader: LoaderHarness
  beforeEach(async () => {
    loader = await startLoader()
  }, 30_000)
  afterEach(() => loader.stop())

  /** Loads until nothing is staged; no load may fail or ask for patience. */
  const loadAll = async (most: number): Promise<number> => {
    for (let runs = 1; runs <= most; runs++) {
      const report = await loader.load()
      expect(report).not.toHaveProperty('error')
      const { stagedFiles } = await loader.status()
      expect(report.isUnfinished ?? false).toBe(stagedFiles > 0)
      if (stagedFiles === 0) return runs
    }
    throw new Error(`not done after ${most} runs`)
  }
  const countOf = async (table: string) =>
    Number((await loader.query(`SELECT count(*) AS n FROM "${table}"`))[0]?.['n'])

  test('loads 1,000 events of as many names', async () => {
    await loader.stage(
      'f/1',
      listOf(1_000, (n) => track(n, `Name ${n}`)),
    )
    expect(await loadAll(8)).toBeGreaterThan(1)
    expect(await countOf('tracks')).toBe(1_000)
    const tables = await loader.query(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'name_%'`)
    expect(tables).toHaveLength(1_000)
    for (const n of [0, 517, 999]) expect(await countOf(`name_${n}`)).toBe(1)
    expect(await loader.letters()).toEqual([])
  }, 60_000)

  test('loads 20,000 events of 100 names, and each once', async () => {
    for (const file of [0, 1, 2, 3])
      await loader.stage(
        `f/${file}`,
        listOf(5_000, (n) => track(file * 5_000 + n, `Name ${n % 100}`)),
      )
    await loadAll(4)
    expect(await countOf('tracks')).toBe(20_000)
    expect(await countOf('name_7')).toBe(200)
  }, 60_000)

  test('loads 80,000 events of 60 names out of one file', async () => {
    await loader.stage(
      'f/1',
      listOf(80_000, (n) => track(n, `Name ${n % 60}`)),
    )
    await loadAll(6)
    expect(await countOf('tracks')).toBe(80_000)
  }, 120_000)

  test('loads 30 events of 30 names with the 50 queries of the free plan', async () => {
    await loader.setup({ queries: 50 })
    await loader.stage(
      'f/1',
      listOf(30, (n) => track(n, `Name ${n}`)),
    )
    await loadAll(20)
    expect(await countOf('tracks')).toBe(30)
    expect(await countOf('name_29')).toBe(1)
  }, 60_000)

  test('widens a table by 60 columns with 50 queries an invocation', async () => {
    await loader.setup({ queries: 50 })
    await loader.stage('f/0', [track(0, 'Asked')])
    await loader.load()
    const answers = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`answer_${i}`, i]))
    await loader.stage('f/1', [track(1, 'Asked', answers)])
    for (let i = 1; i < 12 && (await loader.status()).stagedFiles > 0; i++) await loader.load({ now: true })
    expect(await loader.query('SELECT answer_59 FROM asked ORDER BY id')).toEqual([
      { answer_59: null },
      { answer_59: 59 },
    ])
  }, 60_000)

  test('a loader whose D1 allows so many queries an invocation keeps each discard once, though the load takes many runs', async () => {
    await loader.setup({ queries: 40 })
    await loader.stage('f/0', [track(9_999, 'Ordinary', { n: 1 })])
    await loader.stage(
      'f/1',
      listOf(400, (n) => track(n, n % 10 === 0 ? `Name ${n}` : 'Ordinary', { n: n % 3 === 0 ? 'odd' : n })),
    )
    await loadAll(60)
    expect(await countOf('tracks')).toBe(401)
    const twice = await loader.query(
      'SELECT row_id FROM rudder_discards GROUP BY table_name, row_id HAVING count(*) > 1',
    )
    expect(twice).toEqual([])
    const expected = Array.from({ length: 400 }, (_, n) => n).filter((n) => n % 3 === 0 && n % 10 !== 0).length
    expect(await countOf('rudder_discards')).toBe(expected)
  }, 60_000)

  test('a loader whose D1 allows so many queries an invocation keeps what went well of a run that then fails, and waits no longer for it', async () => {
    await loader.stage('f/1', [track(1, 'Order Completed')])
    await loader.setup({ after: { table: 'order_completed', what: 'fail' } })
    await loader.load()
    await loader.setup({ aheadMs: 61_000 })
    // 5,000 events are one slice: the first goes well, the second does not.
    await loader.stage(
      'f/2',
      listOf(6_000, (n) => track(n, n < 5_500 ? 'Ordinary' : 'Map Moved')),
    )
    await loader.setup({ aheadMs: 61_000, after: { table: 'map_moved', what: 'fail' } })
    expect(await loader.load()).toMatchObject({ files: 1, error: 'the connection was lost' })
    const { nextAttemptAt = 0, tables } = await loader.status()
    // A minute, and up to one more until the schedule comes by.
    expect(nextAttemptAt - (Date.now() + 61_000)).toBeLessThan(118_000)
    expect(Object.keys(tables)).toContain('ordinary')
    await loader.setup({ aheadMs: 122_000 })
    expect(await loader.load()).toMatchObject({ files: 1 })
    expect(await countOf('tracks')).toBe(6_000)
  }, 60_000)

  test('loads at once when a person asks for it, though it waits after a failure', async () => {
    await loader.stage('f/1', [track(1, 'Ordinary')])
    await loader.setup({ after: { table: 'ordinary', what: 'fail' } })
    await loader.load()
    expect((await loader.load()).error).toMatch(/^Waits until/)
    expect(await loader.load({ now: true })).toMatchObject({ files: 1, rows: 2 })
  })
})
