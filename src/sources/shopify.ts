import { type WebhookCall } from '../core/webhook-source.ts'
import { firstOf, payloadOf } from './shared/fields.ts'
import { isHmac } from './shared/signature.ts'
import { clientCallOf, clientEvents } from './shopify/client-events.ts'
import { idOf, pixel, tracker } from './shopify/identity.ts'
import { serverEvents } from './shopify/server-events.ts'
import { topicIn } from './shopify/topics.ts'
import { defineSource } from '../configure/define-source.ts'

/**
 * Takes a Shopify shop: its server webhooks (`?topic=orders_create`, or Shopify's header `X-Shopify-Topic`) and, with
 * `?version=pixel`, what the RudderStack pixel sends from visitors' browsers. Events of one visitor are joined by the cart:
 * who has it is remembered for 12 hours (14 days with the older tracker script), who a visitor is for 24 hours.
 *
 * With the app's client secret, each call must have `X-Shopify-Hmac-Sha256`, the base64 HMAC-SHA256 of the body. Visitors'
 * browsers cannot sign: a call whose body is an event of the pixel, or that says who has which cart, is taken without, and
 * never becomes an event of the server. So whoever has the write key can send a visitor's events, and can say of an
 * anonymousId or cart token that they know whose it is; they cannot make up an order.
 *
 * Shopify signs the body, not the headers, the query, or a time. Its own repeats have the same `X-Shopify-Webhook-Id`, which
 * is the event's messageId, so that they are dropped. Someone who got hold of a signed call could send it again under
 * another id or topic at any later time.
 *
 * The pixel's events hold Shopify's own payload in `context.shopifyDetails`: orders of a dozen lines are larger than the
 * default of 32 KB an event, so set `limits.eventBytes`, up to 524,288.
 *
 * A topic or pixel event that the event specification has no name for is answered with OK and gives no event.
 *
 * https://shopify.dev/docs/apps/build/webhooks/verify-deliveries, https://shopify.dev/docs/api/webhooks/latest,
 * https://shopify.dev/docs/api/web-pixels-api/standard-events,
 * https://www.rudderstack.com/docs/sources/event-streams/cloud-apps/shopify/shopify-source-solution/mappings/
 * (checked 2026-11-25)
 *
 * @example shopify({ secret: env.SHOPIFY_SECRET })
 */
export const shopify = defineSource({
  name: 'shopify',
  settings: {
    secret: {
      type: 'secrets',
      about: "The client secret of the app (or the shop's webhooks) that signs the calls.",
      secret: true,
      optional: true,
    },
  },
  verify({ headers, bytes, body }, { secret }) {
    if (secret === undefined) return undefined
    const { 'x-shopify-hmac-sha256': signature, 'x-shopify-topic': topic } = headers
    const fromBrowser = signature === undefined && topic === undefined && clientCallOf(body) !== undefined
    return fromBrowser || isHmac(signature, bytes, { secrets: secret, encoding: 'base64' })
      ? undefined
      : 'the signature is missing or wrong'
  },
  async map(hook, _, tools) {
    const generation = isPixel(hook) ? pixel : tracker
    const client = clientCallOf(hook.body)
    if (client !== undefined) return clientEvents(client, generation, tools)
    const topic = topicIn(hook)
    const callId = callIdOf(hook)
    return serverEvents({ generation, topic, callId, payload: payloadOf(hook.body) }, tools)
  },
})

const isPixel = ({ query }: WebhookCall): boolean => firstOf(query['version']) === 'pixel'

/** Shopify's id of the call; what does not look like one is nobody's. */
function callIdOf({ headers }: WebhookCall): string | undefined {
  const id = idOf(headers['x-shopify-webhook-id'])
  return id !== undefined && /^[\w-]+$/.test(id) ? id : undefined
}
