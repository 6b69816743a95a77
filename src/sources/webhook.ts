import { type Draft, type Mapped, type WebhookCall } from '../core/webhook-source.ts'
import { isRecord } from '../core/json.ts'
import { eachOf } from './shared/fields.ts'
import { handshakeOf, isFromZoom, zoomFault, zoomReplyOf } from './shared/handshake.ts'
import { anonymousIdOf } from './shared/hash.ts'
import { standardWebhookFault } from './shared/signature.ts'
import { defineSource } from '../configure/define-source.ts'

/**
 * Takes any call: an event `webhook_source_event` whose properties are the body (JSON or the fields of a form), or the query
 * of a GET. A list of objects is a list of events.
 *
 * With a secret, calls must be signed by the Standard Webhooks scheme, which knows POST only, or by that of Zoom. Messages that
 * are signed by the former have the id of the call, so that one that is sent again counts once.
 *
 * The handshakes of Microsoft Graph, Azure Event Grid, Zoom, Mailchimp, Meta and WebSub are answered.
 *
 * @param input `requestDetails` puts method, url, protocol, headers and query into the event's context, without headers that
 * hold secrets or addresses
 * @returns the source, for `webhook` of a source in the config
 * @example webhook({ secret: env.PARTNER_SECRET })
 */
export const webhook = defineSource({
  name: 'webhook',
  settings: {
    requestDetails: { type: 'boolean', about: 'Puts details of the request into the context.', default: false },
    secret: {
      type: 'secrets',
      about: 'Secret of the Standard Webhooks signature.',
      secret: true,
      optional: true,
      // Anything else would be decoded to a key of few bytes, or of none.
      check: (secret: string) =>
        !secret.startsWith('whsec_') || /^[A-Za-z0-9+/]{16,}={0,2}$/.test(secret.slice('whsec_'.length))
          ? undefined
          : 'must have base64 of at least 12 bytes after "whsec_"',
    },
  },
  takesGet: true,
  verify(hook, { secret }, { now }) {
    if (secret === undefined || handshakeOf(hook) !== undefined) return undefined
    if (isFromZoom(hook)) return zoomFault(hook, secret, now())
    // The query would not be signed.
    return hook.method === 'GET' ? 'a call by GET cannot be signed' : standardWebhookFault(hook, secret, now())
  },
  map(hook, { requestDetails, secret }, { uuid, now }): Mapped {
    const answer = handshakeOf(hook) ?? zoomReplyOf(hook, secret, now())
    if (answer !== undefined) return answer
    if (hook.method === 'POST' && hook.body === undefined) throw new TypeError('Malformed JSON in request body')
    const call = secret === undefined || isFromZoom(hook) ? undefined : hook.headers['webhook-id']
    const context = requestDetails ? { context: detailsOf(hook) } : {}
    const eventOf = (properties: unknown, id?: string): Draft => ({
      type: 'track',
      event: 'webhook_source_event',
      ...(id === undefined ? {} : { messageId: id }),
      // Repeats are looked for among events of the same anonymousId.
      anonymousId: call === undefined ? uuid() : anonymousIdOf(call),
      properties,
      ...context,
    })
    if (hook.method === 'GET') return [eventOf(flat(hook.query))]
    const { body } = hook
    if (Array.isArray(body) && body.every(isRecord))
      return eachOf(body, context).map((one, index) =>
        eventOf(one, call === undefined ? undefined : `${call}-${index}`),
      )
    // Properties are an object: what is none is kept under `value`.
    return [eventOf(isRecord(body) ? body : { value: body }, call)]
  },
})

/** Headers that are secrets, or say from which address the call came: `enrich.ip` decides where that may be written. */
const personal = /auth|cookie|secret|token|signature|hmac|api-?key|^x-forwarded|^forwarded$|-ip(v6)?$/

const detailsOf = ({ method, url, proto, headers, query }: WebhookCall): Record<string, unknown> => ({
  method,
  url,
  proto,
  headers: Object.fromEntries(Object.entries(headers).filter(([name]) => !personal.test(name))),
  query_parameters: flat(query),
})

/** Lists of one value become the value. */
const flat = (query: WebhookCall['query']): Record<string, unknown> =>
  Object.fromEntries(Object.entries(query).map(([name, values]) => [name, values.length === 1 ? values[0] : values]))
