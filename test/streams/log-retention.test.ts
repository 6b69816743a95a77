import { randomBytes } from 'node:crypto'
import { afterEach, expect, test } from 'vitest'
import type { LogStatus } from '../../src/core/bindings.ts'
import { pack } from '../../src/core/envelope.ts'
import { headerOf } from '../support/sample-events.ts'
import { StreamHarness } from './stream-harness.ts'

const hour = 3_600_000
let harness: StreamHarness
afterEach(() => harness.stop())

/** An event that does not pack well. */
const large = (id: string) =>
  pack(
    headerOf(id),
    JSON.stringify({ type: 'track', event: 'Receipt Printed', pdf: randomBytes(300_000).toString('base64') }),
  )

test('a log that is too large forgets its oldest hours, and keeps for lanes in R2 what they have not taken', async () => {
  harness = await StreamHarness.start({ driver: 'log', options: { retentionMegabytes: 1 } })
  await harness.append([large('receipt 0')])
  await harness.gotSo(1)
  await harness.gotSo(1, 'audit:0')
  await harness.script(...Array.from({ length: 30 }, () => ({ kind: 'not now', seconds: 100_000 }) as const))
  for (let n = 1; n < 6; n++) {
    await harness.ahead(n * hour)
    await harness.append([large(`receipt ${n}`)])
  }
  const swept = await harness.log<LogStatus>(0, 'sweep')
  expect(swept.first).toBeGreaterThan(1)
  expect(swept.head).toBe(6)
  expect(swept.bytes).toBeLessThan(1_200_000)
  expect(swept.billed.r2Writes).toBeGreaterThan(0)
  await harness.script()
  await harness.ahead(7 * hour)
  await harness.log(0, 'sweep')
  const got = await harness.gotSo(6)
  expect(got.map(({ id }) => id)).toEqual([0, 1, 2, 3, 4, 5].map((n) => `receipt ${n}`))
}, 40_000)
