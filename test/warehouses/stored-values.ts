import { expect } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import type { StagedLoads } from '../loading/staged-loads.ts'
import type { RealWarehouse } from '../support/real-warehouses.ts'
import type { Row } from '../support/tables.ts'

/** Tables that hold no event by the name of its own. */
const shared = /^(?:tracks|rudder_discards|_sluiceway_.*)$/

/** Writes a value as all engines give it back: booleans as 0 and 1 or not, numbers as text or not, times as Date or text. */
export function plainText(value: unknown): string {
  if (value === null || value === undefined) return 'null'
  if (value instanceof Date) return value.toISOString()
  if (typeof value === 'boolean') return String(Number(value))
  if (typeof value === 'object') return JSON.stringify(value)
  if (value === 'true' || value === 'false') return String(Number(value === 'true'))
  return value !== '' && Number.isFinite(Number(value)) ? String(Number(value)) : String(value)
}

/** The values of an object, those of objects in it included; blank ones have no place in a table. */
export function valuesIn(object: Readonly<Record<string, unknown>>): unknown[] {
  return Object.values(object).flatMap((value): unknown[] => {
    if (value === null || value === '' || (Array.isArray(value) && value.length === 0)) return []
    return typeof value === 'object' && !Array.isArray(value) ? valuesIn(value as Record<string, unknown>) : [value]
  })
}

/**
 * Asks the tables themselves where the values of tracks are: each is in the row of its event, in its column or in the JSON one, or
 * in `rudder_discards`, and never in both. A value is looked for by what it is, so that no rule about names decides.
 *
 * @param warehouse what was loaded
 * @param loads how
 * @param events tracks, in whose properties no two values are alike
 */
export async function expectValues(
  warehouse: RealWarehouse,
  loads: StagedLoads,
  events: readonly Event[],
): Promise<void> {
  const rows = new Map<string, Row[]>()
  for (const table of await warehouse.tables())
    if (!shared.test(table))
      for (const row of await warehouse.rows(table)) {
        const id = String(row['id'])
        rows.set(id, [...(rows.get(id) ?? []), row])
      }
  const inTracks = await warehouse.rows('tracks')
  const tracks = new Map(inTracks.map((row) => [String(row['id']), row]))
  expect(inTracks).toHaveLength(tracks.size)
  const discards = Map.groupBy(await warehouse.rows('rudder_discards'), ({ row_id: id }) => String(id))
  const dead = new Set(loads.letters.map(({ messageId }) => messageId))
  for (const { messageId, event, properties = {} } of events) {
    if (dead.has(messageId)) continue
    expect(tracks.has(messageId), `${messageId} in tracks`).toBe(true)
    const own = rows.get(messageId) ?? []
    expect(own.length, `rows of ${messageId}, "${event}"`).toBeLessThanOrEqual(1)
    // An event named "tracks" that asks for its name to stay as it is has no other table.
    const row = own[0] ?? tracks.get(messageId) ?? {}
    const stored = new Set(Object.values(row).map(plainText))
    const discarded = Map.groupBy(discards.get(messageId) ?? [], (row) => plainText(row['column_value']))
    for (const value of valuesIn(properties)) {
      const text = plainText(value)
      const found = discarded.get(text) ?? []
      expect(Number(stored.has(text)) + found.length, `${text} of ${messageId}, "${event}"`).toBe(1)
      for (const { table_name: table, column_name: column, reason } of found)
        expect([table, column, reason].every((part) => typeof part === 'string' && part !== '')).toBe(true)
    }
  }
}
