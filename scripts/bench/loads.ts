import { randomUUID } from 'node:crypto'
import type { Engine, Load } from '../../src/core/warehouse.ts'
import { Envelope } from '../../src/core/envelope.ts'
import { rowsOf } from '../../src/loading/rows-of.ts'
import { TableRows } from '../../src/loading/table-rows.ts'
import type { MapOptions } from '../../src/warehouses/mapping/map-event.ts'
import { moreColumn } from '../../src/warehouses/mapping/more-column.ts'
import { Events } from './events.ts'

/** Makes the JSON of events as the edge hands them on: with ids of their own, times and an address. */
export function eventTexts(count: number, seed = 1): string[] {
  const events = new Events(seed)
  const now = new Date().toISOString()
  return Array.from({ length: count }, () => {
    const { context, ...event } = events.next()
    const ids = { messageId: randomUUID(), anonymousId: randomUUID() }
    const ip = '192.0.2.17'
    const times = { receivedAt: now, sentAt: now, timestamp: now }
    return JSON.stringify({ ...event, ...ids, ...times, request_ip: ip, context: { ...context, ip } })
  })
}

/** How the loader maps events for an engine. */
export const optionsFor = (engine: Engine): MapOptions => ({
  provider: engine.provider as MapOptions['provider'],
  kept: engine.kept,
  maxColumns: engine.rowColumns,
  overflow: moreColumn,
  sourceId: 'shop',
  sourceType: 'sluiceway',
  destinationId: 'tables',
  destinationType: 'BENCH',
  now: () => new Date().toISOString(),
  uuid: randomUUID,
})

/** Maps events, and makes the loads of a slice of them. */
export function loadsOf(
  texts: readonly string[],
  { id, engine }: { readonly id: string; readonly engine: Engine },
): Load[] {
  const mapping = optionsFor(engine)
  const now = new Date().toISOString()
  const tables = new Map<string, TableRows>()
  for (const text of texts) {
    const { messageId, anonymousId } = JSON.parse(text) as { readonly messageId: string; readonly anonymousId: string }
    const header = { id: messageId, key: anonymousId, source: 'shop', receivedAt: now, to: ['tables'], facts: {} }
    const rows = rowsOf(new Envelope(header, text), { mapping, file: 'bench' })
    if ('stage' in rows) throw new Error(rows.reason)
    for (const pending of rows) {
      const { table } = pending.row
      let ofTable = tables.get(table)
      if (ofTable === undefined) tables.set(table, (ofTable = new TableRows(table, now, engine)))
      ofTable.add(pending)
    }
  }
  return Array.from(tables.values(), (rows): Load => {
    const { columns, rows: fitted } = rows.fit(rows.wanted)
    return { id, table: rows.table, columns, rows: fitted, merge: rows.merge }
  })
}

/** Creates the tables of loads, or adds the columns that they need. */
export async function prepareTables(loads: readonly Load[], engine: Engine): Promise<void> {
  for (const { table, columns } of loads) {
    const there = (await engine.columns(table)) ?? {}
    const missing = columns.filter(({ name }) => !Object.hasOwn(there, name))
    if (missing.length > 0) await engine.widen(table, Object.fromEntries(missing.map(({ name, type }) => [name, type])))
    const retyped = columns.flatMap(({ name, type }) => {
      const from = there[name]
      return from === 'int' && type === 'float' ? [[name, type] as const] : []
    })
    if (retyped.length > 0) await engine.retype?.(table, Object.fromEntries(retyped))
  }
}
