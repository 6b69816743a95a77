import type { Column, Gathering, Load } from '../core/warehouse.ts'
import { fewAtOnce } from './few-at-once.ts'
import { positionOf } from './mapping/fold-more.ts'
import type { StagedObject, Staging } from './staging.ts'

/** Loads whose rows are written at once: those of more would be in memory as objects. */
const atOnce = 4

/** What was staged of one table. */
export interface GatheredTable {
  readonly table: string
  /** Has all its objects and nothing else, as the warehouse names it: `s3://bucket/prefix/gather/<hash>`. */
  readonly folder: string
  /** Of the folder, below the prefix. */
  readonly path: string
  /** In their order; rows of earlier loads may end before the last of them. */
  readonly columns: readonly Column[]
  readonly objects: readonly string[]
  /** How many rows all objects have, each with another id. */
  readonly rows: number
  /** When the first row was received, in milliseconds since the epoch; NaN where one does not say it. */
  readonly since: number
}

/** What merges read: tables, and objects that go once the merge of their table has ended. */
export interface Gathered {
  readonly tables: readonly GatheredTable[]
  /** Writes objects that a merge needs beside those of its table. */
  readonly put: (objects: readonly StagedObject[]) => Promise<void>
  /** Does something that reads objects, which are then deleted; see `Staging.whileRead`. */
  readonly whileRead: (objects: readonly string[], work: () => Promise<unknown>) => Promise<void>
}

/** What a warehouse does with what is gathered. */
export interface GatheringWork {
  /** Writes rows as one object; throws with the scope `rows` where one is in the way. */
  readonly bytesOf: (load: Load) => Promise<Uint8Array<ArrayBuffer>>
  readonly merge: (gathered: Gathered) => Promise<void>
}

/** Gathers loads in a bucket: each is an object, those of a table are in one folder, which one statement reads. */
export class BucketGathering implements Gathering {
  readonly #id: string
  readonly #staging: Staging
  readonly #work: GatheringWork
  readonly #tables = new Map<string, GatheredTable>()
  /** Objects that are there, or may be, and that no statement reads. */
  readonly #idle = new Set<string>()

  /** The id is another one for each gathering of a warehouse. */
  constructor(id: string, staging: Staging, work: GatheringWork) {
    this.#id = id
    this.#staging = staging
    this.#work = work
  }

  stage(loads: readonly Load[]): Promise<void> {
    return fewAtOnce(
      loads.filter(({ rows }) => rows.length > 0),
      { most: atOnce, work: (load) => this.#stage(load) },
    )
  }

  merge(): Promise<void> {
    return this.#work.merge({
      tables: [...this.#tables.values()],
      put: (objects) => this.#put(objects),
      whileRead: (objects, work) => {
        // From here on, the end of the statement alone says whether they may go.
        for (const object of objects) this.#idle.delete(object)
        return this.#staging.whileRead(objects, work)
      },
    })
  }

  async drop(): Promise<void> {
    const objects = [...this.#idle]
    this.#idle.clear()
    this.#tables.clear()
    await this.#staging.delete(objects)
  }

  async #stage(load: Load): Promise<void> {
    const { table, columns, rows } = load
    const bytes = await this.#work.bytesOf(load)
    const before = this.#tables.get(table) ?? {
      ...(await this.#staging.folderOf(this.#id, table)),
      objects: [],
      rows: 0,
      since: Infinity,
    }
    const object = `${before.folder}/${before.objects.length}.json.gz`
    await this.#put([{ object, bytes }])
    this.#tables.set(table, {
      ...before,
      table,
      columns,
      objects: [...before.objects, object],
      rows: before.rows + rows.length,
      since: Math.min(before.since, receivedSince(load)),
    })
  }

  #put(objects: readonly StagedObject[]): Promise<void> {
    // A write that failed may have been done.
    for (const { object } of objects) this.#idle.add(object)
    return this.#staging.put(objects)
  }
}

/** When the first row of a load was received, in milliseconds since the epoch; NaN where a row does not say it. */
export function receivedSince({ columns, rows }: Load): number {
  const time = positionOf(columns, 'received_at')
  return rows.reduce((first, row) => Math.min(first, Date.parse(String(row[time]))), Infinity)
}
