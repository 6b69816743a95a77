import { reasonOf } from '../core/errors.ts'
import type { TransformTools } from './define-transform.ts'
import type { KvTable } from './kv-table.ts'

/** Keys of one call: https://developers.cloudflare.com/kv/api/read-key-value-pairs/ (checked 2026-11-28). */
const mostKeys = 100
/** Milliseconds before the second and the third attempt. */
const pauses = [50, 250]
/** UTF-16 code units of values that are kept. */
const mostCached = 4_000_000
const mostEntries = 5_000

interface Cached {
  readonly value: string | null
  /** Milliseconds since the epoch. */
  readonly until: number
}

/** Values by key, as one call of a table gave them. */
type Values = ReadonlyMap<string, string | null>

interface ReaderOptions {
  /** The name that wrangler.toml binds the namespace to. */
  readonly table: string
  /** Seconds for which an isolate uses a value again, also that there is none. */
  readonly cacheSeconds: number
}

/**
 * Reads values of a KV namespace for transforms, within the limits of the platform.
 *
 * What a batch of events asks for at once is read in one call for each 100 keys. Values are kept for some seconds, 5,000 and 8 MB
 * of them at most. A call that fails is made three times. One reader is shared by all requests of an isolate.
 */
export class KvReader {
  readonly #tools: TransformTools
  readonly #options: ReaderOptions
  /** The one that was used the longest time ago comes first. */
  readonly #cache = new Map<string, Cached>()
  #cached = 0
  /** What is asked for in this turn. It begins and ends within one request: no other waits for its call. */
  #asked: { readonly keys: Set<string>; readonly values: Promise<Values> } | undefined

  constructor(tools: TransformTools, options: ReaderOptions) {
    this.#tools = tools
    this.#options = options
  }

  /**
   * Gives the value of a key.
   *
   * @param key at most 512 bytes
   * @returns its text; null where the table has none; rejects with an Error that names the table when it cannot be read
   */
  async read(key: string): Promise<string | null> {
    const known = this.#cache.get(key)
    if (known !== undefined && known.until > this.#tools.now()) {
      this.#cache.delete(key)
      this.#cache.set(key, known)
      return known.value
    }
    const { keys, values } = (this.#asked ??= this.#ask())
    keys.add(key)
    return (await values).get(key) ?? null
  }

  #ask(): { readonly keys: Set<string>; readonly values: Promise<Values> } {
    const keys = new Set<string>()
    const values = Promise.resolve().then(() => {
      this.#asked = undefined
      return this.#readAll([...keys])
    })
    return { keys, values }
  }

  async #readAll(keys: readonly string[]): Promise<Values> {
    const table = await this.#tools.table(this.#options.table)
    const parts: string[][] = []
    for (let i = 0; i < keys.length; i += mostKeys) parts.push(keys.slice(i, i + mostKeys))
    const read = await Promise.all(parts.map((part) => this.#readPart(table, part)))
    const values = new Map(read.flatMap((part) => [...part]))
    for (const key of keys) this.#remember(key, values.get(key) ?? null)
    return values
  }

  async #readPart(table: KvTable, keys: string[]): Promise<Values> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await table.get(keys, 'text')
      } catch (thrown) {
        const reason = reasonOf(thrown)
        // Values of one call are 25 MB at most.
        if (reason.includes('413') && keys.length > 1) {
          const middle = keys.length >> 1
          const halves = [keys.slice(0, middle), keys.slice(middle)]
          return new Map(
            (await Promise.all(halves.map((half) => this.#readPart(table, half)))).flatMap((one) => [...one]),
          )
        }
        const pause = pauses[attempt]
        if (pause === undefined)
          throw new Error(`the KV namespace ${this.#options.table} could not be read: ${reason}`, { cause: thrown })
        await new Promise((resolve) => setTimeout(resolve, pause))
      }
    }
  }

  #remember(key: string, value: string | null): void {
    const { cacheSeconds } = this.#options
    this.#forget(key)
    if (cacheSeconds === 0) return
    this.#cache.set(key, { value, until: this.#tools.now() + cacheSeconds * 1_000 })
    this.#cached += sizeOf(key, value)
    for (const oldest of this.#cache.keys()) {
      if (this.#cached <= mostCached && this.#cache.size <= mostEntries) break
      this.#forget(oldest)
    }
  }

  #forget(key: string): void {
    const known = this.#cache.get(key)
    if (known === undefined) return
    this.#cache.delete(key)
    this.#cached -= sizeOf(key, known.value)
  }
}

const sizeOf = (key: string, value: string | null): number => key.length + (value?.length ?? 0)
