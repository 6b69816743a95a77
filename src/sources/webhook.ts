import { type WebhookCall } from '../core/webhook-source.ts'
import { isRecord } from '../core/json.ts'
import { anonymousIdOf } from './shared/hash.ts'
import { standardWebhookFault } from './shared/signature.ts'
import { defineSource } from '../configure/define-source.ts'

/**
 * Takes any call: an event `webhook_source_event` whose properties are the body (JSON or the fields of a form), or the query
 * of a GET.
 *
 * With a secret, calls must be signed by the Standard Webhooks scheme, which knows POST only. Messages then have the id of the
 * call, so that one that is sent again counts once.
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
    if (secret === undefined) return undefined
    // The query would not be signed.
    return hook.method === 'GET' ? 'a call by GET cannot be signed' : standardWebhookFault(hook, secret, now())
  },
  map(hook, { requestDetails, secret }, { uuid }) {
    if (hook.method === 'POST' && hook.body === undefined) throw new TypeError('Malformed JSON in request body')
    return [
      {
        type: 'track',
        event: 'webhook_source_event',
        ...idsOf(secret === undefined ? undefined : hook.headers['webhook-id'], uuid),
        properties: propertiesOf(hook),
        ...(requestDetails ? { context: detailsOf(hook) } : {}),
      },
    ]
  },
})

/** Both are the call's: repeats are looked for among events of the same anonymousId. */
const idsOf = (call: string | undefined, uuid: () => string): Record<string, unknown> =>
  call === undefined ? { anonymousId: uuid() } : { messageId: call, anonymousId: anonymousIdOf(call) }

/** Headers that are secrets, or say from which address the call came: `enrich.ip` decides where that may be written. */
const personal = /auth|cookie|secret|token|signature|hmac|api-?key|^x-forwarded|^forwarded$|-ip(v6)?$/

/** Properties are an object: what is none is kept under `value`. */
function propertiesOf({ method, body, query }: WebhookCall): Record<string, unknown> {
  if (method === 'GET') return flat(query)
  return isRecord(body) ? body : { value: body }
}

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
