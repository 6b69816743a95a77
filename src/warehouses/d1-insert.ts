import type { Load } from '../core/warehouse.ts'
import { type D1Layout, moreColumn } from './d1-layout.ts'
import { quoted } from './identifier.ts'

/** UTF-16 units of one bound text: at most 1.5 MB as UTF-8, and D1 takes 2 MB. */
const textUnits = 500_000
/** Cells of a row are nested by so many: SQLite walks a JSON array from its start for every cell. */
const groupSize = 8

/**
 * The statement that loads rows into one table, and the JSON texts to bind to it.
 *
 * D1 takes 100 bound values a statement, so that rows travel as one JSON text, which SQLite takes apart. Measured beside
 * literals in the statement, an object a row, a flat array a row and a statement a row: nothing was faster.
 */
export class D1Insert {
  readonly #load: Load
  readonly #own: readonly string[]
  readonly #more: readonly string[]

  constructor(load: Load, layout: D1Layout) {
    const names = Object.keys(load.columns)
    this.#load = load
    this.#own = names.filter((name) => layout.real.has(name))
    this.#more = names.filter((name) => !layout.real.has(name))
  }

  /** The statement. Bind a text; and for `append` the load's id and the table's name, which make a repeat harmless. */
  sql(each: string): string {
    const names = this.#more.length > 0 ? [...this.#own, moreColumn] : this.#own
    const cells = names.map((_, i) => `json_extract(value, '$[${Math.floor(i / groupSize)}][${i % groupSize}]')`)
    const { merge, table } = this.#load
    const verb = merge === 'replace' ? 'INSERT OR REPLACE' : 'INSERT'
    const head = `${verb} INTO ${quoted(table)} (${names.map(quoted).join(', ')}) SELECT ${cells.join(', ')} FROM ${each}(?1)`
    if (merge === 'replace') return head
    if (merge === 'append')
      return `${head} WHERE NOT EXISTS (SELECT 1 FROM "_sluiceway_loads" WHERE "load_id" = ?2 AND "table_name" = ?3)`
    const kept = names.filter((name) => name !== 'id').map((name) => `${quoted(name)} = ${coalesced(table, name)}`)
    // `WHERE true`: without it SQLite reads ON as the start of a join.
    return `${head} WHERE true ON CONFLICT ("id") DO ${kept.length === 0 ? 'NOTHING' : `UPDATE SET ${kept.join(', ')}`}`
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

  #rowText(row: Readonly<Record<string, unknown>>): string {
    const groups: unknown[][] = []
    let group: unknown[] = []
    const put = (value: unknown) => {
      if (group.length === 0) groups.push(group)
      group.push(value)
      if (group.length === groupSize) group = []
    }
    for (const name of this.#own) put(row[name] ?? null)
    if (this.#more.length > 0) put(this.#moreOf(row))
    return JSON.stringify(groups)
  }

  #moreOf(row: Readonly<Record<string, unknown>>): Record<string, unknown> | null {
    const found = this.#more.filter((name) => row[name] !== undefined && row[name] !== null)
    return found.length === 0 ? null : Object.fromEntries(found.map((name) => [name, row[name]]))
  }
}

function coalesced(table: string, name: string): string {
  const [fresh, old] = [`excluded.${quoted(name)}`, `${quoted(table)}.${quoted(name)}`]
  return name === moreColumn
    ? `json_patch(coalesce(${old}, '{}'), coalesce(${fresh}, '{}'))`
    : `coalesce(${fresh}, ${old})`
}
