import { expect, test } from 'vitest'
import type { LaneStatus, LoaderStatus, LogStatus } from '../../src/core/bindings.ts'
import { Meter } from '../../scripts/bench/meter.ts'
import type { Billed } from '../../src/core/billed.ts'

/** What the objects of a deployment answer, as far as the meter looks. */
const state = (log: Partial<Billed>, loader: Partial<Billed> = {}) => ({
  logs: [{ partition: 0, billed: log } as LogStatus],
  lanes: [] as LaneStatus[],
  loaders: [{ warehouse: 'tables', billed: loader } as LoaderStatus],
})

const usageOf = (meter: Meter, name: string) => meter.usage.find((object) => object.name === name)

test('the meter counts from the first answer to the last, without the calls that asked', () => {
  const meter = new Meter()
  meter.take(state({ calls: 100, rowsWritten: 10 }, { calls: 1 }))
  meter.take(state({ calls: 151, rowsWritten: 15 }, { calls: 3, r2Reads: 2 }))
  meter.take(state({ calls: 202, rowsWritten: 20 }, { calls: 4, r2Reads: 2 }))
  expect(usageOf(meter, 'log 0')).toMatchObject({ calls: 100, rowsWritten: 10 })
  expect(usageOf(meter, 'loader tables')).toMatchObject({ calls: 1, r2Reads: 2 })
})

test('the meter counts an object that came into memory anew from nought', () => {
  const meter = new Meter()
  meter.take(state({ calls: 100, rowsWritten: 10 }))
  meter.take(state({ calls: 6, rowsWritten: 2 }))
  expect(usageOf(meter, 'log 0')).toMatchObject({ calls: 5, rowsWritten: 2 })
})

test('the meter needs more than one answer to tell what was used', () => {
  const meter = new Meter()
  meter.take(state({ calls: 100, rowsWritten: 10 }))
  expect(usageOf(meter, 'log 0')).toMatchObject({ calls: 0, rowsWritten: 0 })
})
