import { describe, expect, test } from 'vitest'
import type { LoadReport } from '../../src/core/bindings.ts'
import type { AppContext } from '../../src/core/app-context.ts'
import { load } from '../../src/schedule/load.ts'
import { fakeContext } from '../support/fake-context.ts'

const report = (files: number): LoadReport => ({ files, events: files, rows: 2 * files, discards: 0 })

/** A context with a destination and two warehouses; loaders answer as told. */
const contextOf = (loaders: Readonly<Record<string, () => Promise<LoadReport>>>): AppContext => {
  const targets = new Map<string, unknown>([
    ['webhook', { kind: 'destination', name: 'webhook' }],
    ['tables', { kind: 'warehouse', name: 'tables', route: {} }],
    ['postgres', { kind: 'warehouse', name: 'postgres', route: { everyMinutes: 15 } }],
  ])
  return fakeContext({
    resolved: { targets },
    bindings: { LOADER: { getByName: (name: string) => ({ load: loaders[name] }) } },
  }).context
}

describe('load', () => {
  const loaders = { tables: async () => report(1), postgres: async () => report(2) }

  test('the load asks the loader of each warehouse, which knows its turn', async () => {
    expect(await load(contextOf(loaders))).toEqual({ tables: report(1), postgres: report(2) })
  })

  test('the load loads the others when one loader cannot be reached', async () => {
    const context = contextOf({
      ...loaders,
      tables: () => Promise.reject(new Error('the object was reset')),
    })
    expect(await load(context)).toEqual({
      tables: { files: 0, events: 0, rows: 0, discards: 0, error: 'the object was reset' },
      postgres: report(2),
    })
  })

  test('a loader that is not done is asked again, as long as the schedule has time', async () => {
    const isUnfinished = true as const
    const answers = [{ ...report(3), isUnfinished }, { ...report(4), isUnfinished }, report(1)]
    const context = contextOf({ ...loaders, tables: async () => answers.shift() ?? report(0) })
    expect(await load(context, 60_000)).toEqual({ tables: report(8), postgres: report(2) })
    answers.push({ ...report(3), isUnfinished }, report(4))
    expect(await load(context)).toEqual({ tables: { ...report(3), isUnfinished }, postgres: report(2) })
    expect(answers).toHaveLength(1)
  })

  test('a loader that fails behind what it has loaded is not asked again', async () => {
    const answers: LoadReport[] = [
      { ...report(3), isUnfinished: true },
      { ...report(0), error: 'the disk is full' },
    ]
    const context = contextOf({ ...loaders, tables: async () => answers.shift() ?? report(9) })
    expect(await load(context, 60_000)).toMatchObject({ tables: { ...report(3), error: 'the disk is full' } })
  })
})
