import { errors, jwtVerify } from 'jose'

const encoder = new TextEncoder()

/** Seconds by which the clocks of QStash and of the edge may differ. */
const toleranceSeconds = 5

/** What a signature tells: the SHA-256 of the body that was signed, in base64url without padding; or what is wrong with it. */
export type Signed = { readonly bodyHash: string } | { readonly problem: string }

/**
 * Verifies the header `Upstash-Signature`, which is a JWT (HS256) about the URL and the SHA-256 of the body. It needs no body, so
 * that the body of a stranger need not be read.
 *
 * https://upstash.com/docs/qstash/howto/signature (checked 2026-11-22)
 *
 * @param token the header; null when there is none
 * @param expected the URL that QStash was told, and the signing keys: the current one and the next
 * @returns the hash that the body must have, or why the signature is none
 */
export async function readSignature(
  token: string | null,
  { url, keys }: { readonly url: string; readonly keys: readonly string[] },
): Promise<Signed> {
  if (token === null) return { problem: 'the call has no Upstash-Signature' }
  let problem = 'there is no signing key'
  for (const key of keys) {
    try {
      const { payload } = await jwtVerify(token, encoder.encode(key), {
        algorithms: ['HS256'],
        issuer: 'Upstash',
        subject: url,
        clockTolerance: toleranceSeconds,
        requiredClaims: ['exp', 'nbf', 'body'],
      })
      const { body } = payload
      return typeof body === 'string' ? { bodyHash: body.replace(/=+$/, '') } : { problem: '"body" must be text' }
    } catch (error) {
      problem = error instanceof Error ? error.message : 'the signature cannot be read'
      // The key was right, so that no other key helps.
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) break
    }
  }
  return { problem }
}

/**
 * Hashes a body as QStash does.
 *
 * @param body the bytes as they came: a text that was decoded in between may differ
 * @returns the SHA-256 in base64url, without padding
 */
export async function bodyHashOf(body: Uint8Array): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', new Uint8Array(body))
  return btoa(String.fromCharCode(...new Uint8Array(hash)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '')
}
