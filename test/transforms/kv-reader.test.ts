import { describe, expect, test } from 'vitest'
import { KvReader } from '../../src/transforms/kv-reader.ts'

/** A table that says what it was asked for. */
function fakeTable({ fail }: { readonly fail?: (keys: readonly string[], call: number) => string | undefined } = {}) {
  const calls: string[][] = []
  let now = Date.parse('2026-11-22T10:00:00Z')
  const tools = {
    now: () => now,
    table: async () => ({
      get: async (keys: string[]) => {
        calls.push(keys)
        const problem = fail?.(keys, calls.length)
        if (problem !== undefined) throw new Error(problem)
        return new Map(keys.map((key) => [key, key === 'nobody' ? null : `profile of ${key}`]))
      },
    }),
  }
  return { calls, tools, wait: (seconds: number) => void (now += seconds * 1_000) }
}

const reader = (tools: ReturnType<typeof fakeTable>['tools'], cacheSeconds = 60) =>
  new KvReader(tools, { table: 'PROFILES', cacheSeconds })

describe('KvReader', () => {
  test('KvReader reads what is asked for at once in one call for each 100 keys, and each key once', async () => {
    const { calls, tools } = fakeTable()
    const profiles = reader(tools)
    const users = Array.from({ length: 250 }, (_, i) => `user-${i}`)
    const values = await Promise.all([...users, 'user-7', 'nobody'].map((user) => profiles.read(user)))
    expect(calls.map((keys) => keys.length)).toEqual([100, 100, 51])
    expect([values[0], values[250], values[251]]).toEqual(['profile of user-0', 'profile of user-7', null])
  })

  test('KvReader uses values again for as long as they are kept, also that there is none', async () => {
    const { calls, tools, wait } = fakeTable()
    const profiles = reader(tools)
    for (const seconds of [0, 30, 29]) {
      wait(seconds)
      expect([await profiles.read('ada'), await profiles.read('nobody')]).toEqual(['profile of ada', null])
    }
    expect(calls).toEqual([['ada'], ['nobody']])
    wait(2)
    await profiles.read('ada')
    expect(calls).toHaveLength(3)
  })

  test('KvReader keeps nothing where it is told so', async () => {
    const { calls, tools } = fakeTable()
    const profiles = reader(tools, 0)
    await profiles.read('ada')
    await profiles.read('ada')
    expect(calls).toEqual([['ada'], ['ada']])
  })

  test('KvReader keeps the 5,000 values that were used last', async () => {
    const { calls, tools } = fakeTable()
    const profiles = reader(tools)
    await profiles.read('ada')
    await profiles.read('grace')
    const others = Array.from({ length: 4_998 }, (_, i) => `user-${i}`)
    await Promise.all(others.map((user) => profiles.read(user)))
    await profiles.read('ada')
    await profiles.read('alan')
    calls.length = 0
    await profiles.read('ada')
    expect(calls).toEqual([])
    await profiles.read('grace')
    expect(calls).toEqual([['grace']])
  })

  test('KvReader asks three times before it gives up, and names the table', async () => {
    const flaky = fakeTable({ fail: (_keys, call) => (call < 3 ? 'KV GET failed: 503' : undefined) })
    expect(await reader(flaky.tools).read('ada')).toBe('profile of ada')
    const gone = fakeTable({ fail: () => 'KV GET failed: 503' })
    const profiles = reader(gone.tools)
    await expect(profiles.read('ada')).rejects.toThrow(
      'the KV namespace PROFILES could not be read: KV GET failed: 503',
    )
    expect(gone.calls).toHaveLength(3)
  })

  test('KvReader asks for fewer rows at once where their values are too large together', async () => {
    const { calls, tools } = fakeTable({
      fail: (keys) =>
        keys.length > 2 ? 'KV GET_BULK failed: 413 Total size of request exceeds the limit of 25MB' : undefined,
    })
    const profiles = reader(tools)
    const values = await Promise.all(['ada', 'grace', 'alan', 'edsger'].map((user) => profiles.read(user)))
    expect(values[3]).toBe('profile of edsger')
    expect(calls.map((keys) => keys.length)).toEqual([4, 2, 2])
  })
})
