import { AwsClient } from 'aws4fetch'
import { type BucketSettings, bucketUrl } from '../../configure/bucket.ts'
import { hexHash } from '../hex-hash.ts'
import { bytesWithin } from './bytes-within.ts'
import { changedMeanwhile, failureOfAnswer, failureOfThrown, lakeUser, type StoreUser, tooLarge } from './failure.ts'
import type { Expected, ObjectStore, StoredText } from './object-store.ts'

/** Milliseconds that an answer may take. */
const timeoutMs = 60_000
/** Stores that write an object only when it is what was expected; others may refuse the header. */
const conditional: ReadonlySet<string> = new Set(['r2', 's3'])

/**
 * Objects of any store that speaks S3, with requests signed by AWS Signature Version 4, which Google takes with HMAC keys.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html,
 * https://developers.cloudflare.com/r2/api/s3/api/, https://cloud.google.com/storage/docs/interoperability (checked 2026-11-29)
 */
export class S3Store implements ObjectStore {
  readonly writeMs: number
  readonly #client: AwsClient
  readonly #settings: BucketSettings
  readonly #isConditional: boolean
  readonly #user: StoreUser

  constructor(settings: BucketSettings, user = lakeUser) {
    const { accessKeyId, secretAccessKey, region = 'auto', provider } = settings
    this.#client = new AwsClient({ accessKeyId, secretAccessKey, service: 's3', region, retries: 0 })
    this.#settings = settings
    this.#isConditional = conditional.has(provider)
    this.#user = user
    // https://cloud.google.com/storage/quotas (checked 2026-11-29); R2 has the same limit.
    this.writeMs = provider === 'r2' || provider === 'gcs' ? 1_000 : 0
  }

  async get(key: string): Promise<StoredText | null> {
    const asked = `get ${key}`
    const { response, text } = await this.#send(key, { method: 'GET' }, asked)
    if (response.status === 404 && !text.includes('<Code>NoSuchBucket</Code>')) return null
    if (!response.ok) throw this.#failure(response, text, asked)
    return { text, etag: response.headers.get('etag') ?? '' }
  }

  async read(key: string, most: number): Promise<Uint8Array<ArrayBuffer> | null> {
    const asked = `get ${key}`
    const { response, bytes } = await this.#request(key, { method: 'GET' }, { asked, most })
    if (response.ok) return bytes
    const text = new TextDecoder().decode(bytes)
    if (response.status === 404 && !text.includes('<Code>NoSuchBucket</Code>')) return null
    throw this.#failure(response, text, asked)
  }

  async put(key: string, body: Uint8Array<ArrayBuffer> | string, expected?: Expected): Promise<string> {
    const asked = `put ${key}`
    const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body
    const { response, text } = await this.#send(
      key,
      { method: 'PUT', body: bytes, headers: this.#conditionOf(expected) },
      asked,
    )
    // 404 says that the object with this etag is not there any more.
    const isGone =
      typeof expected === 'string' && response.status === 404 && !text.includes('<Code>NoSuchBucket</Code>')
    if (response.status === 412 || isGone) throw changedMeanwhile(key)
    if (!response.ok) throw this.#failure(response, text, asked)
    return response.headers.get('etag') ?? ''
  }

  /** Deletes an object; one that is not there is no failure. */
  async delete(key: string): Promise<void> {
    const asked = `delete ${key}`
    const { response, text } = await this.#send(key, { method: 'DELETE' }, asked)
    if (!response.ok && response.status !== 404) throw this.#failure(response, text, asked)
  }

  #failure({ status }: Response, body: string, asked: string): Error {
    return failureOfAnswer({ status, body }, { asked, bucket: this.#settings.bucket, user: this.#user })
  }

  #conditionOf(expected: Expected): Record<string, string> {
    if (expected === undefined || !this.#isConditional) return {}
    return expected === null ? { 'if-none-match': '*' } : { 'if-match': expected }
  }

  async #send(
    key: string,
    init: Asked,
    asked: string,
  ): Promise<{ readonly response: Response; readonly text: string }> {
    const { response, bytes } = await this.#request(key, init, { asked, most: Infinity })
    return { response, text: new TextDecoder().decode(bytes) }
  }

  async #request(
    key: string,
    { body, ...init }: Asked,
    { asked, most }: { readonly asked: string; readonly most: number },
  ): Promise<{ readonly response: Response; readonly bytes: Uint8Array<ArrayBuffer> }> {
    const path = key.split('/').map(encoded).join('/')
    const headers = {
      ...init.headers,
      'user-agent': 'Sluiceway',
      'x-amz-content-sha256': await hexHash(body ?? new Uint8Array()),
    }
    const request = { method: init.method, headers, ...(body === undefined ? {} : { body }) }
    const signed = await this.#client.sign(`${bucketUrl(this.#settings)}/${path}`, request)
    try {
      const response = await fetch(signed.url, {
        method: init.method,
        headers: signed.headers,
        redirect: 'manual',
        signal: AbortSignal.timeout(timeoutMs),
        ...(body === undefined ? {} : { body }),
      })
      const bytes = await bytesWithin(response, most)
      if (bytes !== undefined) return { response, bytes }
    } catch (thrown) {
      throw failureOfThrown(thrown, asked, this.#user)
    }
    throw tooLarge(key, most)
  }
}

/** Percent-encodes a part of a path as the signature has it: more than `encodeURIComponent` does. */
const encoded = (part: string): string =>
  encodeURIComponent(part).replaceAll(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)

interface Asked {
  readonly method: string
  readonly body?: Uint8Array<ArrayBuffer>
  readonly headers?: Record<string, string>
}
