import { cut } from '../../core/cut.ts'
import { moreColumn } from '../mapping/more-column.ts'
import type { ClickHouseHttp } from './http.ts'
import { foldRow, type PositionalRows, timeOf } from './rows.ts'
import { quoteName, quoteText } from './sql.ts'
import type { StoredTable } from './stored-tables.ts'

/** Ids that one statement names: it has at most `mostQueryBytes`. */
const idsAtOnce = { count: 50_000, size: 2_000_000 }
/** Whole rows that are read at once. */
const rowsAtOnce = { count: 500, size: 2_000_000 }
const dayMs = 86_400_000
const consistent = { select_sequential_consistency: 1 }

/** A row that is there: its id, and when it was received, in milliseconds since the epoch. */
export interface StoredRow {
  readonly id: string
  readonly at: number
  /** Name of the part of the table that has it; undefined for all that do. */
  readonly part?: string
}

/** When the row of each id was received, in milliseconds since the epoch; `-Infinity` where it does not say so. */
export type RowKeys = ReadonlyMap<string, number>

/** Rows of a table of ids that come. */
export interface RowsThere {
  /** Those that were received at the same time as the new ones. */
  readonly same: readonly StoredRow[]
  readonly other: readonly StoredRow[]
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
 * Reads of rows what tells them from others.
 *
 * @returns undefined where they have no `received_at`
 */
export function keysOf({ names, rows }: PositionalRows): RowKeys | undefined {
  const time = names.indexOf('received_at')
  const id = names.indexOf('id')
  return time < 0 ? undefined : new Map(rows.map((row) => [String(row[id]), timeOf(row[time])]))
}

/**
 * Finds the rows that the table has of ids that come, where it would keep them beside the new ones: for ever those that were
 * received at another time, and until it merges its parts those that were received at the same.
 *
 * @param keys those of the new rows
 * @param look where
 */
export async function rowsThere(keys: RowKeys, look: Look): Promise<RowsThere> {
  if (look.stored?.isByTime !== true) return { same: [], other: [] }
  const { tickMs } = look.stored
  const fresh = new Map(Array.from(keys, ([id, at]) => [id, storedTimeOf(at, tickMs)]))
  let earliest = Infinity
  for (const at of fresh.values()) earliest = Math.min(earliest, at)
  const since = look.withinDays === undefined ? undefined : new Date(earliest - look.withinDays * dayMs).toISOString()
  const found = await storedTimes([...fresh.keys()], { ...look, since })
  const { same = [], other = [] } = Object.groupBy(found, (old) => (old.at === fresh.get(old.id) ? 'same' : 'other'))
  return { same, other }
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

/** When a row was received, in milliseconds since the epoch. */
export const storedAt = 'toUnixTimestamp64Milli(toDateTime64("received_at", 3))'

/** Says between which times rows were received, so that no other parts are read. */
export function betweenTimes(rows: readonly StoredRow[]): string {
  const times = rows.map(({ at }) => at)
  return `"received_at" >= fromUnixTimestamp64Milli(${Math.min(...times)}) AND "received_at" <= fromUnixTimestamp64Milli(${Math.max(...times)})`
}

/** Finds those of some rows that lie in other parts than the one that came last. */
export async function olderRows(rows: readonly StoredRow[], { http, table }: Look): Promise<readonly StoredRow[]> {
  const told = rows.map(({ id, at }) => `(${quoteText(id)}, ${at})`).join(', ')
  const found = (await http.rows(
    `SELECT toString("id"), ${storedAt}, groupUniqArray(_part) AS parts FROM ${table}
     WHERE ("id", ${storedAt}) IN (${told}) AND ${betweenTimes(rows)} GROUP BY 1, 2 HAVING length(parts) > 1`,
    consistent,
  )) as [string, string, string[]][]
  return found.flatMap(([id, at, parts]) =>
    parts
      .toSorted((a, b) => lastBlockOf(a) - lastBlockOf(b))
      .slice(0, -1)
      .map((part) => ({ id, at: Number(at), part })),
  )
}

/**
 * The number of the last insert that a part has rows of: `<partition>_<first>_<last>_<level>`, behind which a mutation may stand.
 * https://clickhouse.com/docs/engines/table-engines/mergetree-family/custom-partitioning-key (checked 2026-12-01)
 */
const lastBlockOf = (part: string): number => Number(part.split('_')[2])

/** Finds when rows of some ids were received: of a row that is not folded yet, each time. */
export async function storedTimes(
  ids: readonly string[],
  { http, table, since }: Look & { readonly since: string | undefined },
): Promise<StoredRow[]> {
  const found: StoredRow[] = []
  const recent = since === undefined ? '' : ` AND "received_at" >= parseDateTime64BestEffort(${quoteText(since)}, 3)`
  for (const some of cut(ids, lengthOf, idsAtOnce)) {
    const list = some.map(quoteText).join(', ')
    const rows = await http.rows(
      `SELECT toString("id"), ${storedAt} FROM ${table} WHERE "id" IN (${list})${recent} GROUP BY 1, 2`,
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
  for (const some of cut(ids, lengthOf, rowsAtOnce)) {
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

const lengthOf = ({ length }: string): number => length

/** As the column stores it: a time that is missing is its default, the epoch. */
const storedTimeOf = (at: number, tickMs: number): number =>
  Number.isFinite(at) ? Math.floor(at / tickMs) * tickMs : 0
