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

type LoadRow = Load['rows'][number]

/** A value that is bound to a statement. */
type Bound = string | number | boolean

/** A column of the load that all its rows have the same value of. */
interface Shared {
  readonly name: string
  readonly value: Bound
}

/**
 * The statement that loads rows into one table, and the values to bind to it.
 *
 * Rows travel as one JSON text, which SQLite takes apart; what all rows have in common is bound beside it. Measured beside
 * literals in the statement, an object a row, a flat array a row and a statement a row: nothing was faster.
 */
export class D1Insert {
  readonly #load: Load
  readonly #layout: D1Layout
  readonly #names: readonly string[]
  readonly #shared: readonly Shared[]
  /** Positions of the columns that each row brings a value of. */
  readonly #own: readonly number[]
  /** Positions of the columns that have no column of the table. */
  readonly #more: readonly number[]
  /** Position of the JSON of such columns; -1 where the load has none. */
  readonly #moreAt: number
  readonly #hasMore: boolean
  #sql: string | undefined

  constructor(load: Load, layout: D1Layout) {
    const names = load.columns.map(({ name }) => name)
    const positions = names.map((_, at) => at).filter((at) => names[at] !== moreColumn)
    const real = positions.filter((at) => layout.real.has(names[at] as string))
    const shared = sharedValues(real, load.rows)
    this.#load = load
    this.#layout = layout
    this.#names = names
    this.#shared = [...shared].map(([at, value]) => ({ name: names[at] as string, value }))
    this.#own = real.filter((at) => !shared.has(at))
    this.#more = positions.filter((at) => !layout.real.has(names[at] as string))
    this.#moreAt = names.indexOf(moreColumn)
    this.#hasMore = this.#more.length > 0 || this.#moreAt !== -1
  }

  /**
   * The statements that load the rows of a text, each with what is bound to it.
   *
   * @param each the function of SQLite that takes JSON apart
   * @param text of `texts`
   * @param id by which the load is known
   */
  statements(each: string, text: string, id: string): readonly (readonly [sql: string, values: readonly Bound[]])[] {
    const insert = [this.#sqlOf(each), this.#values(text, id)] as const
    const idAt = this.#own.findIndex((at) => this.#names[at] === 'id')
    if (!this.#replaces || this.#layout.isKeyed || idAt === -1) return [insert]
    // OR REPLACE would keep rows of the same id where that is no key, and delete those of other ids where more is unique.
    const ids = `SELECT ${cellOf(idAt)} FROM ${each}(?1)`
    return [[`DELETE FROM ${quoteIdentifier(this.#load.table)} WHERE "id" IN (${ids})`, [text]], insert]
  }

  get #replaces(): boolean {
    return this.#load.merge === 'replace'
  }

  #sqlOf(each: string): string {
    return (this.#sql ??= this.#insertion(each))
  }

  #insertion(each: string): string {
    const { merge, table } = this.#load
    const own = this.#own.map((at) => this.#names[at] as string)
    const packed = this.#hasMore ? [...own, moreColumn] : own
    const names = [...packed, ...this.#shared.map(({ name }) => name)]
    const cells = [...packed.map((_, i) => cellOf(i)), ...this.#shared.map((_, i) => `?${i + 4}`)]
    const verb = this.#replaces && this.#layout.isKeyed ? 'INSERT OR REPLACE' : 'INSERT'
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
    if (name === 'uuid_ts' || !this.#names.includes('received_at')) return over(fresh, old)
    const time = this.#layout.real.has('received_at')
      ? (row: string) => `${row}."received_at"`
      : (row: string) => `json_extract(${row}."${moreColumn}", '$.received_at')`
    return `CASE WHEN ${time('excluded')} < ${time(table)} THEN ${over(old, fresh)} ELSE ${over(fresh, old)} END`
  }

  /** What to bind for one of `texts`; `id` is under what a repeat of it is known. */
  #values(text: string, id: string): readonly Bound[] {
    return [text, id, this.#load.table, ...this.#shared.map(({ value }) => value)]
  }

  /** The rows as JSON texts of bounded size, in the order of their ids: rows of one page of the table are then written together. */
  *texts(): Generator<string> {
    const { rows } = this.#load
    const idAt = this.#names.indexOf('id')
    const sorted = idAt === -1 ? rows : rows.toSorted((a, b) => compare(String(a[idAt]), String(b[idAt])))
    let texts: string[] = []
    let units = 0
    for (const row of sorted) {
      const one = this.#rowText(row)
      if (units > 0 && units + one.length > textUnits) {
        yield `[${texts.join(',')}]`
        texts = []
        units = 0
      }
      texts.push(one)
      units += one.length + 1
    }
    if (units > 0) yield `[${texts.join(',')}]`
  }

  #rowText(row: LoadRow): string {
    const groups: unknown[][] = []
    let group: unknown[] = []
    const put = (value: unknown) => {
      if (group.length === 0) groups.push(group)
      group.push(value)
      if (group.length === groupSize) group = []
    }
    for (const at of this.#own) put(row[at] ?? null)
    if (this.#hasMore) put(this.#moreOf(row))
    return JSON.stringify(groups)
  }

  #moreOf(row: LoadRow): Record<string, unknown> | null {
    const found = this.#more.filter((at) => row[at] !== null && row[at] !== undefined)
    const beyond = row[this.#moreAt]
    if (found.length === 0 && typeof beyond !== 'string') return null
    const more = typeof beyond === 'string' ? (JSON.parse(beyond) as Record<string, unknown>) : {}
    return { ...more, ...Object.fromEntries(found.map((at) => [this.#names[at] as string, row[at]])) }
  }
}

/** A cell of a row of a text. */
const cellOf = (at: number): string => `json_extract(value, '$[${Math.floor(at / groupSize)}][${at % groupSize}]')`

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b))

function sharedValues(positions: readonly number[], rows: readonly LoadRow[]): ReadonlyMap<number, Bound> {
  const [first] = rows
  if (first === undefined || rows.length === 1) return new Map()
  const same = positions.flatMap((at): [number, Bound][] => {
    const value = first[at]
    return value !== null && value !== undefined && rows.every((row) => row[at] === value) ? [[at, value]] : []
  })
  return new Map(same.slice(0, mostShared))
}
