import { SluicewayError } from '../../core/errors.ts'
import type { Columns } from '../../core/warehouse.ts'
import { SUBREQUESTS_PER_INVOCATION } from '../../platform/limits.ts'
import { emptyManifest, type Manifest, manifestText, type TableSchema } from './manifest.ts'
import type { Expected, ObjectStore } from './object-store.ts'

/** Operations of one invocation; the rest is for staging files, lanes and whatever else the invocation asks. */
const mostOperations = SUBREQUESTS_PER_INVOCATION - 2_000

/** Something that was read, and the etag of what it was read from; null where there was nothing. */
interface Known<T> {
  readonly value: T
  readonly etag: string | null
}

/** Operations that an invocation has made, by what it was given: its engines count together. */
const operationsOf = new WeakMap<object, number>()

/**
 * Reads and writes the files of a lake, below one prefix, for one invocation: counts operations, keeps the pauses that the
 * store wants, and remembers what it read.
 */
export class LakeStore {
  readonly #store: ObjectStore
  readonly #prefix: string
  readonly #schemas = new Map<string, Known<TableSchema | null>>()
  readonly #manifests = new Map<string, Known<Manifest>>()
  readonly #writtenAt = new Map<string, number>()
  readonly #invocation: object

  /** @param invocation an object that all engines of an invocation have in common */
  constructor(store: ObjectStore, prefix: string, invocation: object) {
    this.#invocation = invocation
    this.#store = store
    this.#prefix = prefix
  }

  /**
   * Sees to it that so many operations are left.
   *
   * @throws {SluicewayError} warehouse_failed with the scope `invocation` when they are not
   */
  reserve(operations: number): void {
    if ((operationsOf.get(this.#invocation) ?? 0) + operations > mostOperations)
      throw new SluicewayError(
        'warehouse_failed',
        `Lake: ${mostOperations} operations are done; the next run goes on`,
        {
          details: { scope: 'invocation' },
        },
      )
  }

  /**
   * Counts one operation of the store or of a catalog.
   *
   * @throws {SluicewayError} warehouse_failed with the scope `invocation` when none is left
   */
  count(): void {
    this.reserve(1)
    operationsOf.set(this.#invocation, (operationsOf.get(this.#invocation) ?? 0) + 1)
  }

  /** Null when there is no such table. With `isDoubted` it is read again: another engine may have changed it. */
  async schema(folder: string, isDoubted = false): Promise<TableSchema | null> {
    const remembered = isDoubted ? undefined : this.#schemas.get(folder)
    const known = remembered ?? (await this.#read<TableSchema | null>(`${folder}/_table.json`, null))
    this.#schemas.set(folder, known)
    return known.value
  }

  async writeSchema(folder: string, schema: { readonly table: string; readonly columns: Columns }): Promise<void> {
    const value: TableSchema = { version: 1, table: schema.table, columns: schema.columns }
    await this.schema(folder)
    await this.#write(`${folder}/_table.json`, `${JSON.stringify(value)}\n`, {
      known: this.#schemas,
      name: folder,
      value,
    })
  }

  async manifest(folder: string, table: string): Promise<Manifest> {
    const known = this.#manifests.get(folder) ?? (await this.#read(`${folder}/_manifest.json`, emptyManifest(table)))
    this.#manifests.set(folder, known)
    return known.value
  }

  async writeManifest(folder: string, manifest: Manifest): Promise<void> {
    await this.manifest(folder, manifest.table)
    const kept = { known: this.#manifests, name: folder, value: manifest }
    await this.#write(`${folder}/_manifest.json`, manifestText(manifest), kept)
  }

  /** Writes an object that nobody but this load writes. */
  async putData(name: string, body: Uint8Array<ArrayBuffer> | string): Promise<void> {
    await this.#put(name, body, undefined)
  }

  /** Reads an object of the bucket by its whole key; null when it is not there. */
  readObject(key: string, most: number): Promise<Uint8Array<ArrayBuffer> | null> {
    this.count()
    return this.#store.read(key, most)
  }

  /** Writes an object of the bucket by its whole key. */
  async putObject(key: string, body: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#putKey(key, body, undefined)
  }

  async #read<T>(name: string, none: T): Promise<Known<T>> {
    this.count()
    const key = `${this.#prefix}/${name}`
    const found = await this.#store.get(key)
    if (found === null) return { value: none, etag: null }
    return { value: parsed(found.text, key) as T, etag: found.etag }
  }

  async #write<T>(
    name: string,
    text: string,
    kept: { readonly known: Map<string, Known<T>>; readonly name: string; readonly value: T },
  ): Promise<void> {
    const expected = kept.known.get(kept.name)?.etag
    // What is there is not known until the answer has come.
    kept.known.delete(kept.name)
    const etag = await this.#put(name, text, expected)
    kept.known.set(kept.name, { value: kept.value, etag })
  }

  #put(name: string, body: Uint8Array<ArrayBuffer> | string, expected: Expected): Promise<string> {
    return this.#putKey(`${this.#prefix}/${name}`, body, expected)
  }

  async #putKey(key: string, body: Uint8Array<ArrayBuffer> | string, expected: Expected): Promise<string> {
    this.count()
    const wait = (this.#writtenAt.get(key) ?? -Infinity) + this.#store.writeMs - Date.now()
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
    try {
      return await this.#store.put(key, body, expected)
    } finally {
      this.#writtenAt.set(key, Date.now())
    }
  }
}

function parsed(text: string, key: string): unknown {
  try {
    const value = JSON.parse(text) as { readonly version?: unknown }
    if (value.version === 1) return value
  } catch {
    // Told below.
  }
  throw new SluicewayError(
    'warehouse_failed',
    `Lake: ${key} is not what Sluiceway wrote: put back what was there, or delete it with the files of its folder`,
    { details: { scope: 'warehouse', lasting: true } },
  )
}
