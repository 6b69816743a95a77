import { expect, test } from 'vitest'
import { Envelope } from '../../src/core/envelope.ts'
import type { Columns, Engine } from '../../src/core/warehouse.ts'
import { Gather } from '../../src/loading/gather.ts'
import { HeldRows } from '../../src/loading/held-rows.ts'
import { KnownSchema } from '../../src/loading/known-schema.ts'
import type { Loading } from '../../src/loading/load-group.ts'
import { LoadPosition } from '../../src/loading/load-position.ts'
import { rowsOf } from '../../src/loading/rows-of.ts'
import { Slice } from '../../src/loading/slice.ts'
import { realPort } from '../../src/platform/real-port.ts'
import { Sqlite } from '../support/sqlite.ts'
import { plainOrder } from '../support/sample-events.ts'

const now = '2026-11-30T10:00:00.000Z'
const sizes = Array.from({ length: 500 }, (_, i) => `size_${i}`)

/** Gathers a slice of a hundred orders with 500 small values each, which columns of a type take or not; tells whether that is all. */
async function isFullOf(type: Columns[string], heldBytes = 0): Promise<boolean> {
  const there: Columns = { id: 'string', ...Object.fromEntries(sizes.map((name) => [name, type])) }
  const none = () => Promise.resolve()
  const gathering = { heldBytes, stage: none, merge: none, drop: none }
  const engine = { provider: 'postgres', columns: () => Promise.resolve(there), widen: none, gather: () => gathering }
  const db = new Sqlite().open()
  const tools = {
    engines: { of: () => Promise.resolve(engine as unknown as Engine) },
    schema: new KnownSchema(db),
    held: new HeldRows(db),
    position: new LoadPosition(db),
    port: realPort,
  } as unknown as Loading
  const mapping = {
    provider: 'postgres',
    maxColumns: 1_000,
    now: () => now,
    uuid: realPort.uuid,
    skipTracksTable: true,
  } as never
  const slice = new Slice(now)
  for (let n = 0; n < 100; n++) {
    const properties = Object.fromEntries(sizes.map((name) => [name, 'XL']))
    const event = plainOrder(`order-${n}`, { properties })
    const header = { id: event.messageId, key: 'ada', source: 'shop', receivedAt: now, to: [], facts: {} }
    const envelope = new Envelope(header as never, JSON.stringify(event))
    slice.add({ envelope, key: 'file', events: n + 1 }, '', rowsOf(envelope, { mapping, file: 'file' }))
  }
  const gather = new Gather(tools, new Slice(now))
  expect(await gather.take(slice)).toBe(true)
  expect(slice.letters).toEqual([])
  return gather.isFull
}

test('a gather is full with fewer events where many small values of them were discarded, which are kept', async () => {
  expect(await isFullOf('string')).toBe(false)
  expect(await isFullOf('int')).toBe(true)
})

test('a gather is full where the warehouse has many bytes of staged rows in memory', async () => {
  expect(await isFullOf('string', 8_000_000)).toBe(false)
  expect(await isFullOf('string', 16_000_000)).toBe(true)
})
