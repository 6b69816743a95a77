import type { Load } from '../../core/warehouse.ts'
import type { TimeRange } from './merge-sql.ts'
import { loadTime } from './tables.ts'

/** Between which times rows are, in milliseconds since the epoch; `from` is after `to` where none has a time. */
export interface RowTimes {
  readonly from: number
  readonly to: number
  /** Whether some have none. */
  readonly orNone: boolean
}

const dayMs = 86_400_000
/** What is divided by the time of the load has the rows of a load that is repeated a little before now. */
const clocksMs = dayMs

/**
 * Reads the times of the rows of a load.
 *
 * @param load whose rows they are
 * @param partition the column by which the table is divided
 * @returns undefined where the rows do not say: the merge fills the column, or the load has none of that name
 */
export function timesOf({ columns, rows }: Load, partition: string | undefined): RowTimes | undefined {
  const at = columns.findIndex(({ name }) => name === partition)
  if (at < 0 || partition === loadTime || partition === 'loaded_at') return undefined
  let [from, to] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  let orNone = false
  for (const row of rows) {
    const time = typeof row[at] === 'string' ? Date.parse(row[at]) : Number.NaN
    if (Number.isNaN(time)) orNone = true
    else {
      from = Math.min(from, time)
      to = Math.max(to, time)
    }
  }
  return { from, to, orNone }
}

/** The times of two loads of one table together. */
export function timesTogether(one: RowTimes | undefined, other: RowTimes | undefined): RowTimes | undefined {
  if (one === undefined || other === undefined) {
    const known = one ?? other
    return known === undefined ? undefined : { ...known, orNone: true }
  }
  return {
    from: Math.min(one.from, other.from),
    to: Math.max(one.to, other.to),
    orNone: one.orNone || other.orNone,
  }
}

/**
 * Tells between which times rows of the same ids are looked for.
 *
 * @param times of the rows, as `timesOf` tells them
 * @param days before the first and after the last of them
 */
export function rangeOf(times: RowTimes | undefined, days: number): TimeRange {
  const now = Date.now()
  if (times === undefined) return { from: now - days * dayMs, to: now + clocksMs }
  const { from, to } = times.from > times.to ? { from: now, to: now } : times
  return { from: from - days * dayMs, to: to + days * dayMs, orNone: times.orNone }
}
