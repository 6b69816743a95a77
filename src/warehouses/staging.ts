import { SluicewayError } from '../core/errors.ts'
import type { Load } from '../core/warehouse.ts'
import { fewAtOnce } from './few-at-once.ts'
import { hexHash } from './hex-hash.ts'
import type { S3Store } from './lake/s3-store.ts'
import { positionOf } from './mapping/fold-more.ts'

/** Objects that are written at once. */
const atOnce = 4

/** Rows on their way. */
export interface StagedObject {
  /** As the warehouse names it, for example `s3://bucket/key`. */
  readonly object: string
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** Where objects are, and for which schema. */
interface StagingPlace {
  /** The bucket as the warehouse names it, for example `s3://bucket`. */
  readonly root: string
  readonly prefix: string
  readonly schema: string
}

/** The bucket through which rows go to a warehouse, and how objects in it are named. */
export class Staging {
  readonly #store: S3Store
  readonly #place: StagingPlace

  constructor(store: S3Store, place: StagingPlace) {
    this.#store = store
    this.#place = place
  }

  /**
   * Names the object of a load: a repeat of the load gives the same name. The ids of the rows count as well, since the loader
   * halves a load under one id.
   *
   * @returns the object, and the hex digits of its name
   */
  async nameOf({ id, table, columns, rows, merge }: Load): Promise<{ readonly object: string; readonly key: string }> {
    const { root, prefix, schema } = this.#place
    const at = positionOf(columns, 'id')
    const ids = merge === 'append' ? [] : rows.map((row) => String(row[at]))
    const key = await hexHash(JSON.stringify([schema, id, table, ...ids]))
    return { object: `${root}/${prefix}/${key}.json.gz`, key }
  }

  /**
   * Names the folder for the objects of a table that are gathered. No other gathering and no other table has it.
   *
   * @returns the folder as the warehouse names objects, and its path below the prefix; no slash ends them
   */
  async folderOf(gathering: string, table: string): Promise<{ readonly folder: string; readonly path: string }> {
    const { root, prefix, schema } = this.#place
    const path = `gather/${await hexHash(JSON.stringify([schema, gathering, table]))}`
    return { folder: `${root}/${prefix}/${path}`, path }
  }

  /** Does something while objects are there, which are written before, and deleted as `whileRead` says. */
  async during(objects: readonly StagedObject[], work: () => Promise<unknown>): Promise<void> {
    await this.put(objects)
    await this.whileRead(
      objects.map(({ object }) => object),
      work,
    )
  }

  /** Writes objects; after a rejection some may be there. */
  put(objects: readonly StagedObject[]): Promise<void> {
    return fewAtOnce(objects, {
      most: atOnce,
      work: ({ object, bytes }) => this.#store.put(this.#keyOf(object), bytes),
    })
  }

  /**
   * Does something that reads objects. They are deleted once it is known how that ended; where the warehouse did not tell, the
   * statement may still read them: a repeat of the load writes them again, or they expire.
   */
  async whileRead(objects: readonly string[], work: () => Promise<unknown>): Promise<void> {
    try {
      await work()
    } catch (thrown) {
      if (hasEnded(thrown)) await this.delete(objects)
      throw thrown
    }
    await this.delete(objects)
  }

  /** Deletes objects, and never rejects: the page of the warehouse lets those expire that stay. */
  async delete(objects: readonly string[]): Promise<void> {
    await fewAtOnce(objects, {
      most: atOnce,
      work: (object) => this.#store.delete(this.#keyOf(object)).catch(() => {}),
    })
  }

  #keyOf(object: string): string {
    return object.slice(`${this.#place.root}/`.length)
  }
}

/** Whether the warehouse has told the end of the statement, so that nothing reads the objects any more. */
const hasEnded = (thrown: unknown): boolean => thrown instanceof SluicewayError && thrown.details['ended'] === true
