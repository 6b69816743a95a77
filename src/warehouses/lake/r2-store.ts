import { R2_WRITE_MS_PER_KEY } from '../../platform/limits.ts'
import { changedMeanwhile, failureOfThrown, tooLarge } from './failure.ts'
import type { Expected, ObjectStore, StoredText } from './object-store.ts'

/** What a store needs of a binding of R2. */
export type LakeBucket = Pick<R2Bucket, 'get' | 'put'>

/** Objects of a bucket that is bound to the Worker: no key, no address. */
export class R2Store implements ObjectStore {
  readonly writeMs = R2_WRITE_MS_PER_KEY
  readonly #bucket: LakeBucket

  constructor(bucket: LakeBucket) {
    this.#bucket = bucket
  }

  async get(key: string): Promise<StoredText | null> {
    try {
      const object = await this.#bucket.get(key)
      return object === null ? null : { text: await object.text(), etag: object.etag }
    } catch (thrown) {
      throw failureOfThrown(thrown, `get ${key}`)
    }
  }

  async read(key: string, most: number): Promise<Uint8Array<ArrayBuffer> | null> {
    const asked = `get ${key}`
    const object = await this.#bucket.get(key).catch((thrown: unknown) => {
      throw failureOfThrown(thrown, asked)
    })
    if (object === null) return null
    if (object.size > most) {
      await object.body.cancel().catch(() => undefined)
      throw tooLarge(key, most)
    }
    return new Uint8Array(
      await object.arrayBuffer().catch((thrown: unknown) => {
        throw failureOfThrown(thrown, asked)
      }),
    )
  }

  async put(key: string, body: Uint8Array<ArrayBuffer> | string, expected?: Expected): Promise<string> {
    const object = await this.#bucket.put(key, body, optionsOf(expected)).catch((thrown: unknown) => {
      throw failureOfThrown(thrown, `put ${key}`)
    })
    // Null when the condition does not hold, whatever the types say.
    if ((object as R2Object | null) === null) throw changedMeanwhile(key)
    return object.etag
  }
}

function optionsOf(expected: Expected): R2PutOptions {
  if (expected === undefined) return {}
  return { onlyIf: expected === null ? { etagDoesNotMatch: '*' } : { etagMatches: expected } }
}
