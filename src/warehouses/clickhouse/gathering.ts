import type { Gathering, Load } from '../../core/warehouse.ts'
import { fewAtOnce } from '../few-at-once.ts'
import { hexHash } from '../hex-hash.ts'
import { rowIdentities } from '../row-identities.ts'
import { bodiesOf, checkIds, positionalRows } from './rows.ts'
import { keysOf } from './stored-rows.ts'
import type { Insert, TableWriter } from './table-writer.ts'
import { zstd } from './zstd.ts'

/** Tables that are written at once: what is sent of each is in memory beside what is held. */
const atOnce = 2
/** Roughly what the key of a row takes; an event has the same id in all tables. */
const keyBytes = 96

/** Rows of one table that have the same columns. */
interface Rows {
  readonly names: readonly string[]
  readonly frames: Uint8Array[]
  /** What tells them from others: of each load its id, and which rows of it they are. */
  readonly told: string[]
}

/** What is gathered of one table. */
interface Table {
  readonly name: string
  /** By their columns, as they came. */
  readonly rows: Rows[]
  /** Undefined where rows have no time. */
  keys: Map<string, number> | undefined
}

/**
 * Gathers loads in memory, compressed, so that a table is asked once for the ids that come, and gets few inserts: each makes a part
 * in each day that it touches.
 */
export class ClickHouseGathering implements Gathering {
  readonly #writer: TableWriter
  readonly #tables = new Map<string, Table>()
  #bytes = 0

  constructor(writer: TableWriter) {
    this.#writer = writer
  }

  get heldBytes(): number {
    return this.#bytes
  }

  async stage(loads: readonly Load[]): Promise<void> {
    for (const load of loads) if (load.rows.length > 0) await this.#stage(load)
  }

  async merge(): Promise<void> {
    try {
      await fewAtOnce([...this.#tables.values()], { most: atOnce, work: (table) => this.#merge(table) })
    } catch (thrown) {
      this.#writer.forget()
      throw thrown
    }
  }

  drop(): Promise<void> {
    this.#tables.clear()
    this.#bytes = 0
    return Promise.resolve()
  }

  async #stage(load: Load): Promise<void> {
    const given = positionalRows(load)
    checkIds(load.table, given)
    const table: Table = this.#tables.get(load.table) ?? { name: load.table, rows: [], keys: new Map() }
    this.#tables.set(load.table, table)
    const keys = keysOf(given)
    if (keys === undefined) table.keys = undefined
    else for (const [id, at] of keys) table.keys?.set(id, at)
    const rows = rowsOf(table, given.names)
    rows.told.push(load.id, await hexHash(JSON.stringify(rowIdentities(load, load.rows)), 16))
    this.#bytes += keyBytes * given.rows.length
    for (const { text } of bodiesOf(given)) {
      const frame = zstd(text)
      rows.frames.push(frame)
      this.#bytes += frame.byteLength
    }
  }

  async #merge({ name, rows, keys }: Table): Promise<void> {
    const inserts: Insert[] = []
    for (const { names, frames, told } of rows)
      inserts.push({ names, lines: frames, token: await hexHash(JSON.stringify([names, ...told]), 32) })
    await this.#writer.replace(name, keys, inserts)
  }
}

/** Columns of a load begin with those of the load before. */
function rowsOf({ rows }: Table, names: readonly string[]): Rows {
  const last = rows.at(-1)
  if (last?.names.length === names.length) return last
  const made: Rows = { names, frames: [], told: [] }
  rows.push(made)
  return made
}
