import { importPKCS8, SignJWT } from 'jose'
import { isRecord } from '../../core/json.ts'
import type { BigQueryFailures } from './failure.ts'
import type { ServiceAccount } from './service-account.ts'

/** A token that was given out, and until when it is used, in milliseconds since the epoch. */
export interface KnownToken {
  value?: string | undefined
  until?: number
}

const scope = 'https://www.googleapis.com/auth/bigquery'
const grant = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
/** A token is renewed so long before its end that no call of one invocation outlives it. */
const spareMs = 300_000
const longestCallMs = 30_000

/**
 * Gets access tokens of a service account: a JWT that its private key signs (RS256) is exchanged for a token of an hour.
 * https://developers.google.com/identity/protocols/oauth2/service-account#httprest (stored copy, read 2026-11-29)
 */
export class AccessToken {
  readonly #account: ServiceAccount
  readonly #failures: BigQueryFailures
  /** Shared by the engines of an isolate; a promise could not be, since it belongs to one invocation. */
  readonly #known: KnownToken
  #asked: Promise<string> | undefined

  constructor(account: ServiceAccount, known: KnownToken, failures: BigQueryFailures) {
    this.#account = account
    this.#known = known
    this.#failures = failures
  }

  /**
   * The token, a new one where the old one ends soon.
   *
   * @throws {SluicewayError} warehouse_failed when none is given out; `lasting` where the key is refused
   */
  get(): Promise<string> {
    const { value, until = 0 } = this.#known
    if (value !== undefined && Date.now() < until) return Promise.resolve(value)
    this.#asked ??= this.#ask().finally(() => {
      this.#asked = undefined
    })
    return this.#asked
  }

  /** Says that a token was refused, so that the next one is new. */
  refused(value: string): void {
    if (this.#known.value === value) this.#known.value = undefined
  }

  async #ask(): Promise<string> {
    const { tokenUrl } = this.#account
    const assertion = await this.#sign()
    let status: number
    let body: unknown
    try {
      const response = await fetch(tokenUrl, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({ grant_type: grant, assertion }),
        redirect: 'manual',
        signal: AbortSignal.timeout(longestCallMs),
      })
      status = response.status
      const text = await response.text()
      body = jsonOf(text)
    } catch (thrown) {
      throw this.#failures.unanswered(thrown, new URL(tokenUrl).host)
    }
    if (status !== 200 || !isRecord(body) || typeof body['access_token'] !== 'string')
      throw this.#failures.ofToken(status, isRecord(body) ? body : {})
    const seconds = typeof body['expires_in'] === 'number' ? body['expires_in'] : 3_600
    this.#known.value = body['access_token']
    this.#known.until = Date.now() + seconds * 1_000 - spareMs
    return body['access_token']
  }

  async #sign(): Promise<string> {
    const { email, keyId, privateKey, tokenUrl } = this.#account
    let key: CryptoKey
    try {
      key = await importPKCS8(privateKey, 'RS256')
    } catch {
      // The error may quote the key.
      throw this.#failures.ofKey()
    }
    return new SignJWT({ scope })
      .setProtectedHeader({ alg: 'RS256', typ: 'JWT', ...(keyId === undefined ? {} : { kid: keyId }) })
      .setIssuer(email)
      .setAudience(tokenUrl)
      .setIssuedAt()
      .setExpirationTime('1h')
      .sign(key)
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
