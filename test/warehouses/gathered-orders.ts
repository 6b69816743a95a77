import { expect } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import type { StagedLoads } from '../loading/staged-loads.ts'

/** Orders, of which each hundredth has a total that does not fit: its event is loaded, and the value discarded. */
export const gatheredOrders = (from: number, to: number): Event[] =>
  Array.from({ length: to - from }, (_, i) => ({
    type: 'track',
    messageId: `order-${from + i}`,
    userId: 'ada',
    event: 'Order Completed',
    properties: { total: (from + i) % 100 === 7 ? 'forty' : 10, order_id: `o-${from + i}` },
  }))

/** How the ids of a table are read, sorted. */
type IdsOf = (table: string, column?: string) => Promise<readonly string[]>

/** That all of so many orders are in both of their tables once, and their discards too. */
export async function expectOrdersOnce(count: number, idsOf: IdsOf): Promise<void> {
  const ids = gatheredOrders(0, count).map(({ messageId }) => messageId)
  for (const table of ['tracks', 'order_completed']) expect(await idsOf(table)).toEqual(ids.toSorted())
  const discarded = ids.filter((id) => Number(id.slice(6)) % 100 === 7)
  expect(await idsOf('rudder_discards', 'row_id')).toEqual(discarded.toSorted())
}

/**
 * Loads 6,000 orders once for each step of the loader, which crashes there; 100 more come before the repeat, which would be
 * gathered with what is repeated.
 *
 * @param start empties the warehouse
 * @param check is told how many orders there are, where the crash was, and whether there was none any more
 */
export async function crashEachStep(
  start: () => Promise<StagedLoads>,
  check: (count: number, at: number, isLast: boolean) => Promise<void>,
): Promise<void> {
  const all = 6_000
  for (let at = 1, ended = ''; ended !== 'done'; at++) {
    const loader = await start()
    for (let from = 0; from < all; from += 1_500) await loader.stage(gatheredOrders(from, from + 1_500))
    let passed = 0
    loader.crashes = () => ++passed >= at
    ended = (await loader.load()).error ?? 'done'
    loader.crashes = () => false
    loader.restart()
    await loader.stage(gatheredOrders(all, all + 100))
    for (let runs = 0; !(await loader.load()).done; runs++) expect(runs).toBeLessThan(5)
    expect(loader.letters).toEqual([])
    await check(all + 100, at, ended === 'done')
  }
}
