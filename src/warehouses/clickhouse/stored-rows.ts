import { moreColumn } from '../mapping/more-column.ts'
import type { ClickHouseHttp } from './http.ts'
import { foldRow, type PositionalRows, timeOf } from './rows.ts'
import { quoteName, quoteText } from './sql.ts'
import type { StoredTable } from './stored-tables.ts'

/** Ids that one statement names. */
const idsAtOnce = 5_000
/** Whole rows that are read at once. */
const rowsAtOnce = 500
const dayMs = 86_400_000
const consistent = { select_sequential_consistency: 1 }

/** A row that is there: its id, and when it was received, in milliseconds since the epoch. */
export interface StoredRow {
  readonly id: string
  readonly at: number
}

/** Where to look for rows that are there. */
export interface Look {
  readonly http: ClickHouseHttp
  /** Quoted. */
  readonly table: string
  readonly stored: StoredTable | undefined
  /** Days before the earliest of the rows; undefined for all. */
  readonly withinDays: number | undefined
}

/**
 * Finds the rows that the table would keep beside new ones of the same id, since they were received at another time.
 *
 * @param rows the new ones
 * @param look where
 * @returns the old ones, which are to be deleted once the new ones are in
 */
export async function replacedElsewhere({ names, rows }: PositionalRows, look: Look): Promise<readonly StoredRow[]> {
  const time = names.indexOf('received_at')
  if (look.stored?.isByTime !== true || time < 0) return []
  const id = names.indexOf('id')
  const { tickMs } = look.stored
  const fresh = new Map(rows.map((row) => [String(row[id]), storedTimeOf(row[time], tickMs)]))
  const earliest = Math.min(...fresh.values())
  const since = look.withinDays === undefined ? undefined : new Date(earliest - look.withinDays * dayMs).toISOString()
  const found = await storedTimes([...fresh.keys()], { ...look, since })
  return found.filter((old) => old.at !== fresh.get(old.id))
}

/**
 * Folds new rows with those that are there. A table that aggregates does so itself, as long as what comes later is later: only
 * rows that come late are read.
 *
 * @param rows the new ones
 * @param look where
 * @returns the rows to insert
 */
export async function foldStored(given: PositionalRows, look: Look): Promise<PositionalRows> {
  const { names } = given
  const id = names.indexOf('id')
  const isAggregating = look.stored?.engine.includes('Aggregating') === true
  let ids = given.rows.map((row) => String(row[id]))
  // Of two JSON objects the table would keep the later one alone.
  if (isAggregating && !names.includes(moreColumn)) {
    const time = names.indexOf('received_at')
    if (time < 0) return given
    const fresh = new Map(given.rows.map((row) => [String(row[id]), timeOf(row[time])]))
    const found = await storedTimes(ids, { ...look, since: undefined })
    ids = found.filter(({ id, at }) => at > (fresh.get(id) ?? 0)).map(({ id }) => id)
    if (ids.length === 0) return given
  }
  const stored = await storedRows(ids, isAggregating ? names : undefined, look)
  const all = [...names, ...stored.names.filter((name) => !names.includes(name))]
  const at = new Map(stored.names.map((name, i) => [name, i]))
  const byId = new Map(stored.rows.map((row) => [String(row[at.get('id') ?? 0]), row]))
  const rows = given.rows.map((row) => {
    const old = byId.get(String(row[id]))
    const fresh = all.map((_, i) => row[i] ?? null)
    if (old === undefined) return fresh
    return foldRow(
      all,
      fresh,
      all.map((name) => old[at.get(name) ?? -1] ?? null),
    )
  })
  return { names: all, rows }
}

/** Finds when rows of some ids were received: of a row that is not folded yet, each time. */
export async function storedTimes(
  ids: readonly string[],
  { http, table, since }: Look & { readonly since: string | undefined },
): Promise<StoredRow[]> {
  const found: StoredRow[] = []
  const at = 'toUnixTimestamp64Milli(toDateTime64("received_at", 3))'
  const recent = since === undefined ? '' : ` AND "received_at" >= parseDateTime64BestEffort(${quoteText(since)}, 3)`
  for (const some of cut(ids, idsAtOnce)) {
    const list = some.map(quoteText).join(', ')
    const rows = await http.rows(
      `SELECT toString("id"), ${at} FROM ${table} WHERE "id" IN (${list})${recent} GROUP BY 1, 2`,
      consistent,
    )
    found.push(...rows.map(([id, at]) => ({ id: String(id), at: Number(at) })))
  }
  return found
}

async function storedRows(
  ids: readonly string[],
  names: readonly string[] | undefined,
  { http, table }: Look,
): Promise<PositionalRows> {
  let columns: readonly string[] = names ?? []
  const rows: (readonly unknown[])[] = []
  for (const some of cut(ids, rowsAtOnce)) {
    const list = some.map(quoteText).join(', ')
    const text = await http.named(
      `SELECT ${names === undefined ? '*' : names.map(quoteName).join(', ')} FROM ${table} FINAL WHERE "id" IN (${list})`,
      consistent,
    )
    columns = text.names
    rows.push(...text.rows)
  }
  return { names: columns, rows }
}

/** As the column stores it: a time that is missing is its default, the epoch. */
function storedTimeOf(value: unknown, tickMs: number): number {
  const at = timeOf(value)
  return Number.isFinite(at) ? Math.floor(at / tickMs) * tickMs : 0
}

function* cut<T>(all: readonly T[], size: number): Generator<readonly T[]> {
  for (let i = 0; i < all.length; i += size) yield all.slice(i, i + size)
}
