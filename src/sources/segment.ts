import { isRecord } from '../core/json.ts'
import { isHmac } from './shared/signature.ts'
import { defineSource } from '../configure/define-source.ts'

/**
 * Takes what Segment's Webhooks destination forwards: events, unchanged.
 *
 * With a secret (its "shared secret"), calls must have `X-Signature`, the hex HMAC-SHA1 of the body. It has no time in it, so
 * that a repeat can only be told by its messageId.
 *
 * https://segment.com/docs/connections/destinations/catalog/webhooks/ (checked 2026-11-25)
 *
 * @example segment({ secret: env.SEGMENT_SECRET })
 */
export const segment = defineSource({
  name: 'segment',
  settings: {
    secret: { type: 'secrets', about: "The destination's shared secret.", secret: true, optional: true },
  },
  verify: ({ headers, bytes }, { secret }) =>
    secret === undefined || isHmac(headers['x-signature'], bytes, { secrets: secret, hash: 'sha1', encoding: 'hex' })
      ? undefined
      : 'the signature is missing or wrong',
  map({ body }) {
    if (isRecord(body)) return [body]
    if (Array.isArray(body) && body.every(isRecord)) return body
    throw new TypeError('Malformed JSON in request body')
  },
})
