import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { WebhookCall } from '../../core/webhook-source.ts'

/** Seconds that a signed call may be old, or ahead: Stripe, Slack and Standard Webhooks all say five minutes. */
export const replaySeconds = 300

/** How something is signed: by one of several secrets, as while they are rotated. */
export interface HmacKey {
  readonly secrets: readonly (string | Uint8Array)[]
  readonly hash?: 'sha1' | 'sha256'
  readonly encoding: 'hex' | 'base64'
}

/** Says whether a signature is the HMAC of some bytes by any secret, in a time that tells nothing about where it differs. */
export function isHmac(
  given: string | undefined,
  content: Uint8Array | string,
  { secrets, hash = 'sha256', encoding }: HmacKey,
): boolean {
  if (given === undefined) return false
  const bytes = Buffer.from(given, encoding)
  return secrets.some((secret) => {
    const expected = createHmac(hash, secret).update(content).digest()
    return bytes.byteLength === expected.byteLength && timingSafeEqual(bytes, expected)
  })
}

/** Says whether a time (seconds since the epoch, as text) is within the replay window around now (milliseconds). */
export const isRecent = (seconds: string | undefined, now: number): boolean =>
  seconds !== undefined && Math.abs(now / 1000 - Number(seconds)) <= replaySeconds

/**
 * Verifies a call by the rules of Standard Webhooks, version 1 with a shared secret, of which there may be several.
 *
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md (checked 2026-11-25)
 *
 * @returns what is wrong, or undefined
 */
export function standardWebhookFault(hook: WebhookCall, secrets: readonly string[], now: number): string | undefined {
  const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signatures } = hook.headers
  if (id === undefined || at === undefined || signatures === undefined) return 'the signature is missing'
  if (!isRecent(at, now)) return 'the signature is too old'
  const keys = secrets.map((one) =>
    one.startsWith('whsec_') ? Buffer.from(one.slice('whsec_'.length), 'base64') : one,
  )
  const content = Buffer.concat([Buffer.from(`${id}.${at}.`), hook.bytes])
  const fits = signatures
    .split(' ')
    .some((one) => one.startsWith('v1,') && isHmac(one.slice(3), content, { secrets: keys, encoding: 'base64' }))
  return fits ? undefined : 'the signature is wrong'
}

/** What a call brings along to prove who sent it. */
export interface SignedCall {
  /** In hexadecimal, without what vendors put before them; one that fits is enough, since vendors send several on rotation. */
  readonly signatures: readonly string[]
  /** What was signed: the body as it came, or a text with the body at its end. */
  readonly content: Uint8Array
  /** When it was signed, in seconds since the epoch; left out where the vendor signs no time. */
  readonly at?: string | undefined
}

/**
 * Checks an HMAC in hexadecimal, and its time where there is one.
 *
 * @param signed what the call has; a signed time that is missing makes it too old
 * @param by the secrets, of which any counts, the hash function, and now (milliseconds)
 * @returns what is wrong, or undefined
 */
export function hmacFault(
  signed: SignedCall,
  { secrets, hash = 'sha256', now }: Pick<HmacKey, 'secrets' | 'hash'> & { readonly now: number },
): string | undefined {
  const { signatures, content } = signed
  if (signatures.length === 0) return 'the signature is missing'
  if ('at' in signed && !isRecent(signed.at, now)) return 'the signature is too old'
  return signatures.some((one) => isHmac(one, content, { secrets, hash, encoding: 'hex' }))
    ? undefined
    : 'the signature is wrong'
}

/** What is signed where the time is signed as well: `before`, then the body as it came. */
export const signedBody = (before: string, bytes: Uint8Array): Uint8Array => Buffer.concat([Buffer.from(before), bytes])

/** The signatures of a header like `v1=abc,v1=def` that have a prefix, without it. */
export const signaturesIn = (header: string | undefined, prefix: string): string[] =>
  (header ?? '')
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one.startsWith(prefix))
    .map((one) => one.slice(prefix.length))

/** Says whether two texts are the same, in a time that tells nothing about where they differ. */
export const isSame = (given: string | undefined, expected: string): boolean =>
  given !== undefined && timingSafeEqual(digestOf(given), digestOf(expected))

const digestOf = (text: string): Uint8Array => createHash('sha256').update(text).digest()
