import { exportJWK, exportSPKI, importJWK, importPKCS8, SignJWT } from 'jose'
import { fromBase64, toBase64 } from '../../core/base64.ts'
import { SluicewayError } from '../../core/errors.ts'

/** What proves who asks: a header of each request. */
export interface Credentials {
  /** Says what the token is. https://docs.snowflake.com/en/developer-guide/sql-api/authenticating (stored copy) */
  readonly type: 'KEYPAIR_JWT' | 'PROGRAMMATIC_ACCESS_TOKEN'
  readonly token: () => Promise<string>
  /** Forgets a token that was refused; false where there can be no other. */
  readonly renew: () => boolean
}

/** Whose key it is; all in the case that Snowflake stores. */
export interface KeyOwner {
  readonly account: string
  readonly user: string
  /** PKCS #8 as PEM, not encrypted. */
  readonly privateKey: string
}

/** Snowflake takes no token whose life is longer than an hour. */
const lifeSeconds = 3_300
const renewBeforeSeconds = 300

/**
 * Says what is wrong with the form of a private key.
 *
 * @param pem as the setting has it; `\n` may stand for the end of a line
 * @returns a sentence that says what to do, or undefined
 */
export function privateKeyProblem(pem: string): string | undefined {
  if (pem.includes('-----BEGIN ENCRYPTED PRIVATE KEY-----'))
    return 'is encrypted; decrypt it with: openssl pkcs8 -in rsa_key.p8 -out key.p8'
  if (pem.includes('-----BEGIN RSA PRIVATE KEY-----'))
    return 'is PKCS #1; convert it with: openssl pkcs8 -topk8 -nocrypt -in rsa_key.pem -out key.p8'
  if (pem.includes('-----BEGIN PUBLIC KEY-----')) return 'is the public key, and must be the private one'
  return /^-----BEGIN PRIVATE KEY-----[\s\S]+-----END PRIVATE KEY-----(?:\\n|\s)*$/.test(pem)
    ? undefined
    : 'must be PKCS #8 as PEM: "-----BEGIN PRIVATE KEY-----…"'
}

/** Gives the token of a user, which Snowflake made. */
export const accessToken = (token: string): Credentials => ({
  type: 'PROGRAMMATIC_ACCESS_TOKEN',
  token: () => Promise.resolve(token),
  renew: () => false,
})

/**
 * Signs tokens with a key pair. Each serves until shortly before its end, and is in memory only.
 *
 * `iss` is `ACCOUNT.USER.SHA256:<fingerprint of the public key>`, `sub` is `ACCOUNT.USER`.
 * https://docs.snowflake.com/en/developer-guide/sql-api/authenticating (stored copy)
 */
export class KeyPair implements Credentials {
  readonly type = 'KEYPAIR_JWT'
  readonly #owner: KeyOwner
  readonly #now: () => number
  #key: Promise<{ readonly key: CryptoKey; readonly fingerprint: string }> | undefined
  #signed: { readonly token: Promise<string>; readonly expires: number } | undefined

  /** `now` gives milliseconds since the epoch. */
  constructor(owner: KeyOwner, now: () => number = Date.now) {
    this.#owner = owner
    this.#now = now
  }

  token(): Promise<string> {
    const now = Math.floor(this.#now() / 1000)
    if (this.#signed === undefined || this.#signed.expires - renewBeforeSeconds <= now)
      this.#signed = { token: this.#sign(now), expires: now + lifeSeconds }
    return this.#signed.token
  }

  renew(): boolean {
    this.#signed = undefined
    return true
  }

  async #sign(now: number): Promise<string> {
    const { account, user } = this.#owner
    this.#key ??= readKey(this.#owner.privateKey)
    const { key, fingerprint } = await this.#key
    const subject = `${account}.${user}`
    return new SignJWT()
      .setProtectedHeader({ alg: 'RS256', typ: 'JWT' })
      .setIssuer(`${subject}.SHA256:${fingerprint}`)
      .setSubject(subject)
      .setIssuedAt(now)
      .setExpirationTime(now + lifeSeconds)
      .sign(key)
  }
}

async function readKey(pem: string): Promise<{ readonly key: CryptoKey; readonly fingerprint: string }> {
  try {
    const key = await importPKCS8(pem.replaceAll(String.raw`\n`, '\n'), 'RS256', { extractable: true })
    const { kty, n, e } = await exportJWK(key)
    const publicKey = (await importJWK({ kty, n, e } as { kty: string }, 'RS256', { extractable: true })) as CryptoKey
    const der = (await exportSPKI(publicKey)).replaceAll(/-----[^-]+-----|\s/g, '')
    const digest = await crypto.subtle.digest('SHA-256', fromBase64(der) as Uint8Array<ArrayBuffer>)
    return { key, fingerprint: toBase64(new Uint8Array(digest)) }
  } catch (cause) {
    throw new SluicewayError(
      'warehouse_failed',
      'Snowflake: `privateKey` cannot be read. It must be an RSA key: openssl genrsa 2048 | openssl pkcs8 -topk8 -nocrypt',
      { cause, details: { scope: 'warehouse', lasting: true } },
    )
  }
}
