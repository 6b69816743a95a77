import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Hook } from '../../core/webhook-source.ts'

/** Seconds that a signed call may be old, or ahead: Stripe, Slack and Standard Webhooks all say five minutes. */
export const replaySeconds = 300

/** Says whether a signature is the HMAC of some bytes, in a time that tells nothing about where it differs. */
export function isHmac(
  given: string | undefined,
  content: Uint8Array | string,
  {
    secret,
    hash = 'sha256',
    encoding,
  }: { secret: string | Uint8Array; hash?: 'sha1' | 'sha256'; encoding: 'hex' | 'base64' },
): boolean {
  if (given === undefined) return false
  const expected = createHmac(hash, secret).update(content).digest()
  const bytes = Buffer.from(given, encoding)
  return bytes.byteLength === expected.byteLength && timingSafeEqual(bytes, expected)
}

/** Says whether a time (seconds since the epoch, as text) is within the replay window around now (milliseconds). */
export const isRecent = (seconds: string | undefined, now: number): boolean =>
  seconds !== undefined && Math.abs(now / 1000 - Number(seconds)) <= replaySeconds

/**
 * Verifies a call by the rules of Standard Webhooks, version 1 with a shared secret.
 *
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md (checked 2026-11-25)
 *
 * @returns what is wrong, or undefined
 */
export function standardWebhookFault(hook: Hook, secret: string, now: number): string | undefined {
  const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signatures } = hook.headers
  if (id === undefined || at === undefined || signatures === undefined) return 'the signature is missing'
  if (!isRecent(at, now)) return 'the signature is too old'
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : secret
  const content = Buffer.concat([Buffer.from(`${id}.${at}.`), hook.bytes])
  const fits = signatures
    .split(' ')
    .some((one) => one.startsWith('v1,') && isHmac(one.slice(3), content, { secret: key, encoding: 'base64' }))
  return fits ? undefined : 'the signature is wrong'
}
