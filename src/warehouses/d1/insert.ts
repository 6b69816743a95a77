import type { Load } from '../../core/warehouse.ts'
import type { D1Layout } from './layout.ts'
import { quoteIdentifier } from '../identifier.ts'
import { moreColumn } from '../mapping/more-column.ts'

/** UTF-16 units of one bound text: at most 1.5 MB as UTF-8, and D1 takes 2 MB. */
const textUnits = 500_000
/** Cells of a row are nested by so many: SQLite walks a JSON array from its start for every cell. */
const groupSize = 8
/** D1 takes 100 bound values a statement; three are the text, the load's id and the table's name. */
const mostShared = 90

type CellValue = string | number | boolean
type LoadRow = Load['rows'][number]

/**
 * The statement that loads rows into one table, and the values to bind to it.
 *
 * Rows travel as one JSON text, which SQLite takes apart; what all rows have in common is bound beside it. Measured beside
 * literals in the statement, an object a row, a flat array a row and a statement a row: nothing was faster.
 */
export class D1Insert {
  readonly #load: Load
  readonly #shared: readonly (readonly [name: string, value: CellValue])[]
  readonly #own: readonly string[]
  readonly #more: readonly string[]
  readonly #layout: D1Layout
  readonly #hasMore: boolean

  constructor(load: Load, layout: D1Layout) {
    const names = Object.keys(load.columns).filter((name) => name !== moreColumn)
    const real = names.filter((name) => layout.real.has(name))
    const shared = new Map(sharedValues(real, load.rows))
    this.#load = load
    this.#layout = layout
    this.#shared = [...shared]
    this.#own = real.filter((name) => !shared.has(name))
    this.#more = names.filter((name) => !layout.real.has(name))
    this.#hasMore = this.#more.length > 0 || Object.hasOwn(load.columns, moreColumn)
  }

  /** The statement, which takes what `values` gives. */
  sql(each: string): string {
    const { merge, table } = this.#load
    const packed = this.#hasMore ? [...this.#own, moreColumn] : this.#own
    const names = [...packed, ...this.#shared.map(([name]) => name)]
    const cells = [
      ...packed.map((_, i) => `json_extract(value, '$[${Math.floor(i / groupSize)}][${i % groupSize}]')`),
      ...this.#shared.map((_, i) => `?${i + 4}`),
    ]
    const verb = merge === 'replace' ? 'INSERT OR REPLACE' : 'INSERT'
    const into = `${verb} INTO ${quoteIdentifier(table)} (${names.map(quoteIdentifier).join(', ')})`
    // `?2` and `?3` are named in every statement, so that all of them take the same values.
    const once = `(SELECT 1 FROM "_sluiceway_loads" WHERE "load_id" = ?2 AND "table_name" = ?3)`
    const head = `${into} SELECT ${cells.join(', ')} FROM ${each}(?1) WHERE NOT EXISTS ${once}`
    if (merge !== 'coalesce') return head
    const kept = names.filter((name) => name !== 'id').map((name) => `${quoteIdentifier(name)} = ${this.#folded(name)}`)
    return `${head} ON CONFLICT ("id") DO ${kept.length === 0 ? 'NOTHING' : `UPDATE SET ${kept.join(', ')}`}`
  }

  /** The value of a column of which two rows are folded: of the later row, where it has one. */
  #folded(name: string): string {
    const table = quoteIdentifier(this.#load.table)
    const [fresh, old] = [`excluded.${quoteIdentifier(name)}`, `${table}.${quoteIdentifier(name)}`]
    const over = (top: string, below: string): string =>
      name === moreColumn
        ? `json_patch(coalesce(${below}, '{}'), coalesce(${top}, '{}'))`
        : `coalesce(${top}, ${below})`
    if (name === 'uuid_ts' || !Object.hasOwn(this.#load.columns, 'received_at')) return over(fresh, old)
    const time = this.#layout.real.has('received_at')
      ? (row: string) => `${row}."received_at"`
      : (row: string) => `json_extract(${row}."${moreColumn}", '$.received_at')`
    return `CASE WHEN ${time('excluded')} < ${time(table)} THEN ${over(old, fresh)} ELSE ${over(fresh, old)} END`
  }

  /** What to bind for one of `texts`; `id` is under what a repeat of it is known. */
  values(text: string, id: string): readonly CellValue[] {
    return [text, id, this.#load.table, ...this.#shared.map(([, value]) => value)]
  }

  /** The rows as JSON texts of bounded size. */
  *texts(): Generator<string> {
    let text = ''
    for (const row of this.#load.rows) {
      const one = this.#rowText(row)
      if (text !== '' && text.length + one.length > textUnits) {
        yield `[${text}]`
        text = ''
      }
      text = text === '' ? one : `${text},${one}`
    }
    if (text !== '') yield `[${text}]`
  }

  #rowText(row: LoadRow): string {
    const groups: unknown[][] = []
    let group: unknown[] = []
    const put = (value: unknown) => {
      if (group.length === 0) groups.push(group)
      group.push(value)
      if (group.length === groupSize) group = []
    }
    for (const name of this.#own) put(row[name] ?? null)
    if (this.#hasMore) put(this.#moreOf(row))
    return JSON.stringify(groups)
  }

  #moreOf(row: LoadRow): Record<string, unknown> | null {
    const found = this.#more.filter((name) => row[name] !== undefined && row[name] !== null)
    const beyond = row[moreColumn]
    if (found.length === 0 && typeof beyond !== 'string') return null
    const more = typeof beyond === 'string' ? (JSON.parse(beyond) as Record<string, unknown>) : {}
    return { ...more, ...Object.fromEntries(found.map((name) => [name, row[name]])) }
  }
}

function sharedValues(names: readonly string[], rows: readonly LoadRow[]): [string, CellValue][] {
  const [first] = rows
  if (first === undefined || rows.length === 1) return []
  return names
    .flatMap((name): [string, CellValue][] => {
      const value = first[name]
      const isValue = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
      return isValue && rows.every((row) => row[name] === value) ? [[name, value]] : []
    })
    .slice(0, mostShared)
}
