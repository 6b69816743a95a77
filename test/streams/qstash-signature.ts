import { createHash, createHmac, randomBytes } from 'node:crypto'

export const token = 'qstash-token-of-ada'
export const currentKey = 'sig_current_of_the_tests'
export const nextKey = 'sig_next_of_the_tests'

/** The claims of a signature; `sign` makes them for a message. */
export type Claims = Readonly<Record<string, unknown>>

const base64Url = (bytes: Buffer | string): string => Buffer.from(bytes).toString('base64url')

/** Signs claims as QStash does: a JWT with HS256. */
export function signClaims(claims: Claims, key = currentKey, header: object = { alg: 'HS256', typ: 'JWT' }): string {
  const unsigned = `${base64Url(JSON.stringify(header))}.${base64Url(JSON.stringify(claims))}`
  return `${unsigned}.${createHmac('sha256', key).update(unsigned).digest('base64url')}`
}

/** The claims for a body that is sent to a URL now; the hash is padded, as QStash's is. */
export function claimsOf(url: string, body: Uint8Array | string, now = Date.now()): Claims {
  const seconds = Math.floor(now / 1_000)
  return {
    iss: 'Upstash',
    sub: url,
    exp: seconds + 300,
    nbf: seconds,
    iat: seconds,
    jti: `jwt_${randomBytes(8).toString('hex')}`,
    body: `${createHash('sha256').update(body).digest('base64url')}=`,
  }
}
