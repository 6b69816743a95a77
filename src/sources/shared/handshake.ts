import { createHmac } from 'node:crypto'
import { isRecord } from '../../core/json.ts'
import type { Mapped, WebhookCall } from '../../core/webhook-source.ts'
import { firstOf, idOf, valueAt } from './fields.ts'
import { hmacFault, signaturesIn, signedBody } from './signature.ts'

/**
 * Answers what vendors send to find out whether a URL is theirs to call, as far as nothing secret is in the answer: anybody may
 * ask, and no event comes of it.
 *
 * Microsoft Graph: an empty POST with `?validationToken=`
 * (https://learn.microsoft.com/en-us/graph/change-notifications-delivery-webhooks). Azure Event Grid: a
 * `SubscriptionValidationEvent`
 * (https://learn.microsoft.com/en-us/azure/event-grid/end-point-validation-event-grid-events-schema). Meta and WebSub: a GET
 * with `?hub.challenge=` (https://developers.facebook.com/docs/graph-api/webhooks/getting-started). Mailchimp: a GET without
 * parameters (https://mailchimp.com/developer/marketing/guides/sync-audience-data-webhooks/). All as others describe them,
 * checked 2026-11-28.
 *
 * @returns the answer, no events where a 200 is all that is asked for, or undefined for any other call
 */
export function handshakeOf(hook: WebhookCall): Mapped | undefined {
  const { method, query, bytes, body } = hook
  if (method === 'GET') {
    const challenge = firstOf(query['hub.mode']) === 'subscribe' ? firstOf(query['hub.challenge']) : undefined
    if (challenge !== undefined && isPlain(challenge)) return plainReply(challenge)
    return Object.keys(query).length === 0 ? [] : undefined
  }
  const token = bytes.byteLength === 0 ? firstOf(query['validationToken']) : undefined
  if (token !== undefined && isPlain(token)) return plainReply(token)
  const validation = Array.isArray(body) && body.length === 1 ? (body[0] as unknown) : body
  if (valueAt(validation, 'eventType') !== 'Microsoft.EventGrid.SubscriptionValidationEvent') return undefined
  const code = idOf(valueAt(validation, 'data.validationCode'))
  return code === undefined ? undefined : jsonReply({ validationResponse: code })
}

/** Says whether a call has Zoom's signature, and not that of Standard Webhooks. */
export const isFromZoom = ({ headers }: WebhookCall): boolean =>
  headers['x-zm-signature'] !== undefined && headers['webhook-signature'] === undefined

/**
 * Verifies what Zoom signs (https://developers.zoom.us/docs/api/webhooks/, checked 2026-11-28).
 *
 * @returns what is wrong, or undefined
 */
export function zoomFault(
  { headers, bytes }: WebhookCall,
  secrets: readonly string[],
  now: number,
): string | undefined {
  const { 'x-zm-request-timestamp': at, 'x-zm-signature': signature } = headers
  const content = signedBody(`v0:${at ?? ''}:`, bytes)
  return hmacFault({ signatures: signaturesIn(signature, 'v0='), content, at }, { secrets, now })
}

/**
 * Answers Zoom's `endpoint.url_validation`, which wants a token signed by the secret. Whoever could have any text signed could
 * sign calls, so that it is a token in a call that Zoom signed, or nothing.
 *
 * @returns the answer, or undefined for any other call; throws when it cannot be answered
 */
export function zoomReplyOf(
  hook: WebhookCall,
  secrets: readonly string[] | undefined,
  now: number,
): Mapped | undefined {
  const { body } = hook
  if (!isRecord(body) || body['event'] !== 'endpoint.url_validation') return undefined
  if (secrets === undefined)
    throw new TypeError('To answer the validation of Zoom, the source needs a secret: the Secret Token of the app')
  const plainToken = valueAt(body, 'payload.plainToken')
  const secret = secrets.find((one) => zoomFault(hook, [one], now) === undefined)
  if (secret === undefined || typeof plainToken !== 'string' || !/^[\w-]{1,128}$/.test(plainToken))
    throw new TypeError('The validation has no token of Zoom')
  return jsonReply({ plainToken, encryptedToken: createHmac('sha256', secret).update(plainToken).digest('hex') })
}

/** Nothing that a browser could take for a page is sent back. */
const isPlain = (text: string): boolean => /^[\u0020-\u003b\u003d-\u007e]{1,1024}$/.test(text)

const plainReply = (body: string): Mapped => ({ reply: { body, contentType: 'text/plain' } })

const jsonReply = (value: unknown): Mapped => ({
  reply: { body: JSON.stringify(value), contentType: 'application/json' },
})
