import { cut } from '../../core/cut.ts'
import { SluicewayError } from '../../core/errors.ts'
import { joinBytes } from '../../core/join-bytes.ts'
import type { ClickHouseHttp, QuerySettings } from './http.ts'
import { type ClickHousePlace, quoteName, quoteText, tableName } from './sql.ts'
import { betweenTimes, type Look, olderRows, type RowKeys, rowsThere, storedAt, type StoredRow } from './stored-rows.ts'
import { readTables, type StoredTable } from './stored-tables.ts'
import { zstd } from './zstd.ts'

/**
 * Rows that one statement deletes by name, and UTF-16 units of their ids: a server with replicas keeps the statement in Keeper, whose
 * nodes have at most 1 MB. https://zookeeper.apache.org/doc/r3.9.4/zookeeperAdmin.html, `jute.maxbuffer` (checked 2026-12-01)
 */
const deletedAtOnce = { count: 5_000, size: 200_000 }
/** Looks for older rows, each after a delete. */
const mostRounds = 3

/** Rows of the same columns, as one statement inserts them. */
export interface Insert {
  readonly names: readonly string[]
  /** Lines of JSONCompactEachRow: as text, or as frames of zstd. */
  readonly lines: string | readonly Uint8Array[]
  /** By which the server knows it when it comes again. */
  readonly token: string
}

/** Writes rows into the tables of one database. */
export class TableWriter {
  readonly #http: ClickHouseHttp
  readonly #place: ClickHousePlace
  readonly #withinDays: number | undefined
  /** All tables of the database: read once, and again after a failure. */
  #tables: Promise<Map<string, StoredTable>> | undefined

  /** `withinDays` is how far back a row that comes again is looked for; undefined for the whole table. */
  constructor(http: ClickHouseHttp, place: ClickHousePlace, withinDays: number | undefined) {
    this.#http = http
    this.#place = place
    this.#withinDays = withinDays
  }

  /** What the engine must know of a table; undefined when it is not there. */
  async stored(table: string): Promise<StoredTable | undefined> {
    this.#tables ??= readTables(this.#http, this.#place.database)
    return (await this.#tables).get(table)
  }

  /** Lets go of what is known of the tables. */
  forget(): void {
    this.#tables = undefined
  }

  /** Where to look for rows of a table. */
  async look(table: string): Promise<Look> {
    return {
      http: this.#http,
      table: tableName(this.#place, table),
      stored: await this.stored(table),
      withinDays: this.#withinDays,
    }
  }

  /**
   * Puts rows into a table in the place of those with the same ids, which go once the new ones are there.
   *
   * @param table its name
   * @param keys those of all rows; undefined where they have no time
   * @param inserts the rows
   */
  async replace(table: string, keys: RowKeys | undefined, inserts: Iterable<Insert>): Promise<void> {
    const look = await this.look(table)
    const { same, other } = keys === undefined ? { same: [], other: [] } : await rowsThere(keys, look)
    for (const insert of inserts) await this.insert(table, insert)
    for (const some of cut(other, idUnitsOf, deletedAtOnce)) await this.#delete(look.table, some)
    for (const some of cut(same, idUnitsOf, deletedAtOnce)) await this.#deleteOlder(look, some)
  }

  /** Inserts rows, unless the server knows the token. */
  async insert(table: string, { names, lines, token }: Insert): Promise<void> {
    const into = `INSERT INTO ${tableName(this.#place, table)} (${names.map(quoteName).join(', ')}) FORMAT JSONCompactEachRow\n`
    const body = typeof lines === 'string' ? `${into}${lines}` : joinBytes([zstd(into), ...lines])
    await this.#http.run(body, { ...insertSettings, insert_deduplication_token: token })
  }

  /** Deletes rows; of those with a part, what that has of them. */
  async #delete(table: string, rows: readonly StoredRow[]): Promise<void> {
    const isOfParts = rows.some(({ part }) => part !== undefined)
    const told = rows.map(
      ({ id, at, part = '' }) => `(${quoteText(id)}, ${at}${isOfParts ? `, ${quoteText(part)}` : ''})`,
    )
    await this.#http.run(
      `DELETE FROM ${table} WHERE ("id", ${storedAt}${isOfParts ? ', _part' : ''}) IN (${told.join(', ')})
       AND ${betweenTimes(rows)}`,
    )
  }

  /**
   * Deletes rows that the table has besides newer ones of the same id and time, until it would merge its parts. Each insert makes
   * parts of its own, with higher numbers; what is merged meanwhile has another name, and is looked at again. Where the server does
   * not take the name of a part in a DELETE, they stay until then.
   */
  async #deleteOlder(look: Look, rows: readonly StoredRow[]): Promise<void> {
    for (let round = 0; round < mostRounds; round++) {
      const older = await olderRows(rows, look)
      if (older.length === 0) return
      try {
        await this.#delete(look.table, older)
      } catch (thrown) {
        if (thrown instanceof SluicewayError && thrown.details['scope'] === 'table') return
        throw thrown
      }
    }
  }
}

const idUnitsOf = ({ id }: StoredRow): number => id.length

const insertSettings: QuerySettings = {
  async_insert: 0,
  date_time_input_format: 'best_effort',
  input_format_null_as_default: 1,
  // One block, so that a row that cannot be read leaves nothing behind of the others.
  input_format_parallel_parsing: 0,
  insert_deduplicate: 1,
  max_partitions_per_insert_block: 0,
}
