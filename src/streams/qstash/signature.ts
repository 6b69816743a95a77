import { jwtVerify } from 'jose'

const encoder = new TextEncoder()

/** Seconds by which the clocks of QStash and of the edge may differ. */
const toleranceSeconds = 5

/**
 * Verifies that QStash has sent a body: `Upstash-Signature` is a JWT (HS256) about the URL and the SHA-256 of the bytes.
 *
 * https://upstash.com/docs/qstash/howto/signature (checked 2026-11-22)
 *
 * @param token the header; null when there is none
 * @param body the bytes as they came: a text that was decoded in between may differ
 * @param expected the URL that QStash was told, and the signing keys: the current one and the next
 * @returns undefined when all is well, else why it is not
 */
export async function signatureProblem(
  token: string | null,
  body: Uint8Array,
  { url, keys }: { readonly url: string; readonly keys: readonly string[] },
): Promise<string | undefined> {
  if (token === null) return 'the call has no Upstash-Signature'
  const hash = base64UrlOf(new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(body))))
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
      const signed = typeof payload['body'] === 'string' ? payload['body'].replace(/=+$/, '') : ''
      return signed === hash ? undefined : 'the signature is of another body'
    } catch (error) {
      problem = error instanceof Error ? error.message : 'the signature cannot be read'
    }
  }
  return problem
}

const base64UrlOf = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '')
