/** What the sink found out about a request's signature. `unchecked`: it is signed, but the sink has no secret. */
export type Signature = 'verified' | 'wrong' | 'missing' | 'unchecked'

/** Seconds by which the clocks of sender and receiver may differ, as the specification's libraries have it. */
const tolerance = 300

interface SignedRequest {
  readonly headers: Headers
  readonly body: string
}

/**
 * Verifies a request that was signed by the Standard Webhooks scheme (version 1, symmetric).
 *
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md (checked 2026-11-22)
 *
 * @param request its headers, and its body exactly as it came
 * @param options `secret` is base64 after `whsec_`, or any other text as it is; `now` is milliseconds since the epoch
 * @returns `verified` only when a signature fits and is at most five minutes old
 */
export async function checkSignature(
  { headers, body }: SignedRequest,
  { secret, now }: { readonly secret: string | undefined; readonly now: number },
): Promise<Signature> {
  const id = headers.get('webhook-id')
  const timestamp = headers.get('webhook-timestamp')
  const signatures = headers.get('webhook-signature')
  if (id === null || timestamp === null || signatures === null) return 'missing'
  if (secret === undefined) return 'unchecked'
  if (!(Math.abs(now / 1000 - Number(timestamp)) <= tolerance)) return 'wrong'
  try {
    const bytes = secret.startsWith('whsec_') ? bytesOf(secret.slice('whsec_'.length)) : encoder.encode(secret)
    const key = await crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify'])
    const content = encoder.encode(`${id}.${timestamp}.${body}`)
    for (const signature of signatures.split(' ')) {
      if (!signature.startsWith('v1,')) continue
      if (await crypto.subtle.verify('HMAC', key, bytesOf(signature.slice(3)), content)) return 'verified'
    }
  } catch {
    // What is not base64 fits nothing.
  }
  return 'wrong'
}

const encoder = new TextEncoder()

const bytesOf = (base64: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
