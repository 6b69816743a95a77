import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { localTicker } from '../../src/schedule/local-ticker.ts'

const vars = { LOCAL: '1', TICK_SECONDS: '5' }

describe('the local ticker', () => {
  let runs: number
  let kept: Promise<unknown>[]
  const tick = (given: Record<string, string> = vars) => ({
    vars: given,
    waitUntil: (work: Promise<unknown>) => void kept.push(work),
    run: async () => void runs++,
  })

  beforeEach(() => {
    vi.useFakeTimers()
    runs = 0
    kept = []
  })
  afterEach(() => vi.useRealTimers())

  test('the local ticker runs every few seconds from the first request on, in one loop for all requests', async () => {
    const ticker = localTicker()
    for (let i = 0; i < 100; i++) ticker(tick())
    await vi.advanceTimersByTimeAsync(4_999)
    expect(runs).toBe(0)
    for (let minute = 0; minute < 10; minute++) {
      await vi.advanceTimersByTimeAsync(60_000)
      ticker(tick())
    }
    expect(runs).toBe(120)
    expect(kept).toHaveLength(1)
  })

  test('the local ticker does nothing in a deployment, whatever TICK_SECONDS says', async () => {
    const ticker = localTicker()
    for (const given of [
      {},
      { TICK_SECONDS: '5' },
      { LOCAL: '0', TICK_SECONDS: '5' },
      { LOCAL: '1' },
      { LOCAL: '1', TICK_SECONDS: '0' },
      { LOCAL: '1', TICK_SECONDS: 'often' },
    ] as Record<string, string>[])
      ticker(tick(given))
    await vi.advanceTimersByTimeAsync(600_000)
    expect({ runs, loops: kept.length }).toEqual({ runs: 0, loops: 0 })
  })

  test('the local ticker goes on after a run that failed', async () => {
    const ticker = localTicker()
    ticker({
      ...tick(),
      run: async () => {
        runs++
        throw new Error('the log is unavailable')
      },
    })
    await vi.advanceTimersByTimeAsync(15_000)
    expect(runs).toBe(3)
  })

  test('the local ticker starts anew with a request when the loop is gone, and the old one ends should it come back', async () => {
    const ticker = localTicker()
    let wake: (() => void) | undefined
    let stuck = 0
    ticker({
      ...tick(),
      run: () => {
        stuck++
        return new Promise<void>((resolve) => {
          wake = resolve
        })
      },
    })
    await vi.advanceTimersByTimeAsync(30_000)
    ticker(tick())
    expect({ stuck, runs, loops: kept.length }).toEqual({ stuck: 1, runs: 0, loops: 1 })
    await vi.advanceTimersByTimeAsync(60_000)
    ticker(tick())
    await vi.advanceTimersByTimeAsync(5_000)
    expect({ runs, loops: kept.length }).toEqual({ runs: 1, loops: 2 })
    wake?.()
    await vi.advanceTimersByTimeAsync(10_000)
    await kept[0]
    expect({ stuck, runs }).toEqual({ stuck: 1, runs: 3 })
  })
})
