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
   * Does something while objects are there. They are deleted once it is known how that ended; where the warehouse did not tell,
   * the statement may still read them, and a repeat of the load writes them again.
   */
  async during(objects: readonly StagedObject[], work: () => Promise<unknown>): Promise<void> {
    await fewAtOnce(objects, {
      most: atOnce,
      work: ({ object, bytes }) => this.#store.put(this.#keyOf(object), bytes),
    })
    try {
      await work()
    } catch (thrown) {
      if (hasEnded(thrown)) await this.#delete(objects)
      throw thrown
    }
    await this.#delete(objects)
  }

  async #delete(objects: readonly StagedObject[]): Promise<void> {
    // The rows are where they belong, whatever becomes of the objects: the page of the warehouse lets them expire.
    await fewAtOnce(objects, {
      most: atOnce,
      work: ({ object }) => this.#store.delete(this.#keyOf(object)).catch(() => {}),
    })
  }

  #keyOf(object: string): string {
    return object.slice(`${this.#place.root}/`.length)
  }
}

/** Whether the warehouse has told the end of the statement, so that nothing reads the objects any more. */
const hasEnded = (thrown: unknown): boolean => thrown instanceof SluicewayError && thrown.details['ended'] === true
