import type { Column, Gathering, Load } from '../../core/warehouse.ts'
import { fewAtOnce } from '../few-at-once.ts'
import { hexHash } from '../hex-hash.ts'
import type { BigQueryHttp } from './http.ts'
import { checkRows, targetOf } from './load.ts'
import { createStage, type LoadTools, mergeStage, stageName } from './merge-stage.ts'
import { ResumableUpload } from './resumable-upload.ts'
import { type RowTimes, timesOf, timesTogether } from './row-times.ts'
import { stagedRows } from './rows.ts'
import type { StoredTable } from './tables.ts'

/** What a gathering works with. */
export interface GatheringTools extends LoadTools {
  readonly http: BigQueryHttp
  /** Tables that are written or merged at once. */
  readonly atOnce: number
}

/**
 * Bytes that are held for all tables together, beside those of the loads that are being staged. Where many tables have less than a
 * whole piece each, the fullest are sent with spaces in the place of what is missing, which is not stored, and costs the time that
 * it takes to send it.
 */
export const mostHeldBytes = 8_388_608

/** What is gathered for one table. */
interface GatheredTable {
  readonly table: string
  readonly stage: string
  /** By which the table was divided when its first rows came. */
  readonly partition: string | undefined
  readonly upload: ResumableUpload
  /** Columns of the staged rows; those of a later load are more. */
  columns: readonly Column[]
  times: RowTimes | undefined
  rows: number
  /** Columns with which the stage was made; undefined while there is none. */
  madeWith: number | undefined
}

/**
 * Gathers loads: their rows go into an upload for each table, at whose end one load job brings them into a table of their own, from
 * which one or two statements merge them.
 */
export class BigQueryGathering implements Gathering {
  readonly #id: string
  readonly #tools: GatheringTools
  readonly #tables = new Map<string, GatheredTable>()

  constructor(id: string, tools: GatheringTools) {
    this.#id = id
    this.#tools = { ...tools, jobs: tools.jobs.ofOneRun }
  }

  async stage(loads: readonly Load[]): Promise<void> {
    const filled = loads.filter(({ rows }) => rows.length > 0)
    for (const load of filled) checkRows(load, this.#tools)
    await fewAtOnce(filled, { most: this.#tools.atOnce, work: (load) => this.#stage(load) })
    await this.#holdLess()
  }

  merge(): Promise<void> {
    return fewAtOnce([...this.#tables.values()], {
      most: this.#tools.atOnce,
      work: (gathered) => this.#forgettingTable(gathered.table, () => this.#merge(gathered)),
    })
  }

  async drop(): Promise<void> {
    const { atOnce } = this.#tools
    const made = [...this.#tables.values()].filter(({ madeWith }) => madeWith !== undefined)
    // What stays goes by itself after a day, and so does an upload that is not ended.
    await fewAtOnce(made, { most: atOnce, work: (gathered) => this.#dropStage(gathered).catch(() => {}) })
  }

  async #stage(load: Load): Promise<void> {
    const gathered = await this.#forgettingTable(load.table, () => this.#gatheredFor(load))
    const { columns, lines } = stagedRows(load)
    const known = new Set(gathered.columns.map(({ name }) => name))
    gathered.columns = [...gathered.columns, ...columns.filter(({ name }) => !known.has(name))]
    const times = timesOf(load, gathered.partition)
    gathered.times = gathered.rows === 0 ? times : timesTogether(gathered.times, times)
    gathered.rows += load.rows.length
    gathered.upload.add(lines)
    await gathered.upload.sendWhole()
  }

  async #gatheredFor({ table, merge }: Load): Promise<GatheredTable> {
    const found = this.#tables.get(table)
    if (found !== undefined) return found
    const { tables, jobs, http, failures } = this.#tools
    const { partition } = await targetOf({ table, merge }, this.#tools)
    const stage = stageName(await hexHash(JSON.stringify([this.#id, tables.nameOf(table)]), 16))
    const begin = async () => {
      await this.#createStage(gathered)
      return jobs.beginUpload(jobOf(stage), tables.place(stage))
    }
    const upload = new ResumableUpload({ http, failures, begin })
    const gathered: GatheredTable = {
      table,
      stage,
      partition,
      upload,
      columns: [],
      times: undefined,
      rows: 0,
      madeWith: undefined,
    }
    this.#tables.set(table, gathered)
    return gathered
  }

  /** Sends the fullest of what is held, until it is little enough. */
  async #holdLess(): Promise<void> {
    const byBytes = [...this.#tables.values()].toSorted((a, b) => b.upload.heldBytes - a.upload.heldBytes)
    let held = byBytes.reduce((sum, { upload }) => sum + upload.heldBytes, 0)
    const sent: GatheredTable[] = []
    for (const gathered of byBytes) {
      if (held <= mostHeldBytes) break
      held -= gathered.upload.heldBytes
      sent.push(gathered)
    }
    await fewAtOnce(sent, { most: this.#tools.atOnce, work: ({ upload }) => upload.sendAll() })
  }

  async #merge(gathered: GatheredTable): Promise<void> {
    const { failures } = this.#tools
    const { table, stage, columns, rows, times, partition } = gathered
    const target = await this.#targetOf(gathered)
    const loaded = await this.#load(gathered)
    if (loaded !== rows)
      throw failures.ofWarehouse(`of ${rows} rows that were sent for "${table}", ${loaded ?? 'none'} are in the stage`)
    // Of a table that was made anew meanwhile, all of it is looked at.
    const divided = target.partition === partition ? partition : undefined
    const staged = { stage, table, merge: 'replace', columns, rows, times, partition: divided } as const
    await mergeStage(staged, target, this.#tools)
    await this.#dropStage(gathered)
  }

  /** Reads the table again where it is not known to have a column of the rows: another engine may have added it. */
  async #targetOf({ table, columns }: GatheredTable): Promise<StoredTable> {
    const known = await targetOf({ table, merge: 'replace' }, this.#tools)
    const names = new Set(known.fields.map(({ name }) => name.toLowerCase()))
    if (columns.every(({ name }) => names.has(name.toLowerCase()))) return known
    this.#tools.tables.forget(table)
    return targetOf({ table, merge: 'replace' }, this.#tools)
  }

  /** Brings the rows into the stage; tells how many. */
  async #load(gathered: GatheredTable): Promise<number | undefined> {
    const { tables, jobs } = this.#tools
    const { stage, upload, columns, madeWith } = gathered
    const job = jobOf(stage)
    if (!upload.isBegun) {
      await this.#createStage(gathered)
      return (await jobs.run(job, { ...tables.place(stage), lines: upload.heldLines })).loaded
    }
    const added = columns.slice(madeWith).map(({ name, type }) => [name, type] as const)
    if (added.length > 0) await tables.addColumns(stage, Object.fromEntries(added))
    return (await jobs.uploaded(job, await upload.end())).loaded
  }

  async #createStage(gathered: GatheredTable): Promise<void> {
    const { stage, columns } = gathered
    gathered.madeWith = columns.length
    await createStage(stage, columns, this.#tools.tables)
  }

  async #dropStage(gathered: GatheredTable): Promise<void> {
    await this.#tools.tables.delete(gathered.stage)
    gathered.madeWith = undefined
  }

  /** After a failure, what is known of the table may be why. */
  async #forgettingTable<T>(table: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (thrown) {
      this.#tools.tables.forget(table)
      throw thrown
    }
  }
}

/** The id of the job that loads a stage. */
const jobOf = (stage: string): string => `${stage}_load`
