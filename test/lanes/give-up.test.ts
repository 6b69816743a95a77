import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { giveUp } from '../../src/lanes/give-up.ts'
import { Hold } from '../../src/lanes/hold.ts'
import type { LaneStore } from '../../src/lanes/lane-store.ts'
import { fakePort } from '../support/fake-context.ts'

type Lane = Parameters<typeof giveUp>[1]

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

test('a lane whose requests do not end in time is stopped over a restart, and goes on once it is skipped again', async () => {
  const meta = new Map<string, string>()
  const store = {
    get: (name: string) => meta.get(name),
    set: (name: string, value?: string) => void (value === undefined ? meta.delete(name) : meta.set(name, value)),
    checkpoint: () => {},
  } as unknown as LaneStore
  const reader = { askForHead: async () => {}, passAll: () => 0 } as unknown as Lane['reader']
  const skip = async (hold: Hold, isBusy: boolean) => {
    const sender = { hold, isBusy, committed: 0, giveUp: () => 1 } as unknown as Lane['sender']
    const lane = { ref: { target: 'crm', partition: 0 }, sender, reader, store, port: fakePort() }
    const given = giveUp('grace', lane)
    await vi.advanceTimersByTimeAsync(10_000)
    return given
  }

  expect(await skip(new Hold(store), true)).toEqual({ busy: true })
  const afterRestart = new Hold(store)
  expect([afterRestart.isOn, afterRestart.reason]).toEqual([true, 'stopped by grace'])
  expect(await skip(afterRestart, false)).toEqual({ events: 1, unread: 0 })
  expect([afterRestart.isOn, new Hold(store).isOn]).toEqual([false, false])
})
