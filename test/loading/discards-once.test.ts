import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { SluicewayError } from '../../src/core/errors.ts'
import type { Event } from '../../src/core/event.ts'
import type { Engine, Load } from '../../src/core/warehouse.ts'
import { startD1, type RealWarehouse } from '../support/real-warehouses.ts'
import { plainOrder } from '../support/sample-events.ts'
import { gathering } from './gathering.ts'
import { StagedLoads } from './staged-loads.ts'

const order = (n: number, total: unknown): Event =>
  plainOrder(`order-${n}`, { properties: { order_id: `o-${n}`, total } })
/** Events whose total does not fit; fifty of them have more discards than one load of the engine takes. */
const misfits = (from: number, to: number): Event[] =>
  Array.from({ length: to - from }, (_, i) => order(from + i, `${from + i} ${'x'.repeat(9_000)}`))

const limitReached = () =>
  new SluicewayError('warehouse_failed', 'too many queries', { details: { scope: 'invocation' } })
const connectionLost = () => new SluicewayError('warehouse_failed', 'the connection was lost')

describe.each([
  ['', (engine: Engine) => engine],
  [', as one of those that are gathered', gathering()],
])('a slice that ends while its discards are being written%s', (_, wrap) => {
  let warehouse: RealWarehouse
  let loads: StagedLoads
  /** Called before and after each load of a table; may throw. */
  let before: (load: Load) => void
  let after: (load: Load) => void
  beforeAll(async () => {
    warehouse = await startD1()
  }, 60_000)
  afterAll(() => warehouse.stop())
  beforeEach(async () => {
    await warehouse.clear()
    loads = new StagedLoads(warehouse, { skipTracksTable: true })
    before = after = () => {}
    loads.wrap = (engine) =>
      wrap({
        provider: engine.provider,
        kept: engine.kept,
        rowColumns: engine.rowColumns,
        columns: (table) => engine.columns(table),
        widen: (table, added) => engine.widen(table, added),
        load: async (load) => {
          before(load)
          await engine.load(load)
          after(load)
        },
        probe: () => engine.probe(),
        close: () => engine.close(),
      })
    await loads.send(order(0, 42))
  })

  /** Loads until nothing is staged, and compares what is in the warehouse with what was sent. */
  async function finish(sent: readonly Event[]): Promise<void> {
    before = after = () => {}
    for (let i = 0; i < 20 && !(await loads.load()).done; i++);
    expect((await warehouse.ids('order_completed')).length).toBe(sent.length + 1)
    const discards = await warehouse.query('SELECT row_id FROM rudder_discards')
    expect(discards.map((row) => String(row['row_id'])).toSorted()).toEqual(
      sent.map(({ messageId }) => messageId).toSorted(),
    )
    expect(loads.letters).toEqual([])
  }
  const isDiscards = ({ table }: Load) => table === 'rudder_discards'

  test('a slice that ends while its discards are being written, at the limits of an invocation, writes each once though it is cut otherwise', async () => {
    const sent = misfits(1, 120)
    let written = 0
    before = (load) => {
      if (isDiscards(load) && written > 0) throw limitReached()
    }
    after = (load) => {
      if (isDiscards(load)) written++
    }
    await loads.stage(sent)
    await loads.load()
    expect(written).toBe(1)
    // It is smaller then, and at its limits again.
    written = 0
    await loads.load()
    await finish(sent)
  })

  test('a slice that ends while its discards are being written, by a crash, writes each once though it is then at the limits of an invocation', async () => {
    const sent = misfits(1, 120)
    await loads.stage(sent)
    let written = 0
    after = (load) => {
      if (isDiscards(load)) written++
    }
    loads.crashes = (where) => written === 1 && where === 'after load'
    expect(await loads.load()).toMatchObject({ error: 'crashed' })
    loads.restart()
    loads.crashes = () => false
    before = () => {
      throw limitReached()
    }
    for (let i = 0; i < 3; i++) await loads.load()
    await finish(sent)
  })

  test('a slice that ends while its discards are being written, with an answer that is lost, writes each once though more is staged then', async () => {
    const [first, second] = [misfits(1, 20), misfits(20, 40)]
    await loads.stage(first)
    after = (load) => {
      if (isDiscards(load)) throw connectionLost()
    }
    expect(await loads.load()).toMatchObject({ error: 'the connection was lost' })
    await loads.stage(second)
    await finish([...first, ...second])
  })

  test('a slice that ends while its discards are being written, again and again at the limits of an invocation, gets to its end', async () => {
    const sent = misfits(1, 200)
    await loads.stage(sent)
    for (let run = 0, done = false; !done; run++) {
      expect(run).toBeLessThan(200)
      let calls = 0
      before = () => {
        if (++calls > 3) throw limitReached()
      }
      ;({ done } = await loads.load())
    }
    await finish(sent)
  })
})
