import type { Draft, SourceTools } from '../../core/webhook-source.ts'
import { draftOf, type FieldMapping, mapFields } from '../shared/fields.ts'
import { isOldNews } from './cart.ts'
import { type Customer, customerOf } from './customer.ts'
import { cartTokenOf, type PixelGeneration, rememberUser, userOf, type ShopifyVisitor, visitorOf } from './identity.ts'
import { numberAsText, productsOf } from './products.ts'
import { type Topic, topicOf } from './topics.ts'

/** One of Shopify's webhooks. */
export interface ServerCall {
  readonly generation: PixelGeneration
  /** As RudderStack writes it, e.g. `orders_create`. */
  readonly topic: string
  readonly payload: Readonly<Record<string, unknown>>
  /** Shopify's id of the call (`X-Shopify-Webhook-Id`), the same when it is repeated. */
  readonly callId?: string | undefined
}

const orderMapping: FieldMapping = [
  ['id', 'order_id'],
  ['total_price', 'value'],
  ['total_tax', 'tax'],
  ['currency', 'currency'],
]

/** The customer's browser, as orders tell it: the call itself comes from Shopify's servers. */
const browserMapping: FieldMapping = [
  [['browser_ip', 'client_details.browser_ip'], 'ip'],
  ['client_details.user_agent', 'userAgent'],
]

/** Stands for the shop's staff where no customer is known. */
const staffId = 'shopify-admin'

/**
 * Makes the events of a server webhook: one, and after it an identify event where the pixel is used and the payload names
 * a customer. None for a topic that has no event, and for a cart that did not change.
 */
export async function serverEvents(call: ServerCall, tools: SourceTools): Promise<Draft[]> {
  const { generation, topic: name, payload, callId } = call
  const topic = topicOf(name, generation)
  if (topic === undefined) return []
  const tokens = tokensOf(name, payload)
  const cart = { generation, callId, cartToken: cartTokenOf(tokens.cart_token) }
  if (name === 'carts_update' && (await isOldNews(payload, cart, tools.memory))) return []

  const customer = customerOf(name, payload)
  // Whoever is known by name needs no id drawn for this one event; nor has the shop's staff a visitor's.
  const anonymous = topic.byStaff === true || (topic.type === 'identify' && customer.userId !== undefined)
  const visitor = anonymous ? undefined : await visitorOf(payload, cart, tools)
  const userId = customer.userId ?? (await knownUser(call, topic, visitor, tools))
  if (generation.pixel && visitor?.lasting === true && customer.userId !== undefined)
    await rememberUser(tools.memory, { anonymousId: visitor.anonymousId, userId: customer.userId })

  const draft = eventOf(call, topic, { tokens, visitor, userId, customer })
  return generation.pixel && draft['type'] !== 'identify' && customer.userId !== undefined
    ? [draft, identifyOf(call, draft, customer)]
    : [draft]
}

/** The user of an event whose payload names none. */
async function knownUser(
  { generation }: ServerCall,
  { byStaff }: Topic,
  visitor: ShopifyVisitor | undefined,
  { memory }: SourceTools,
): Promise<string | undefined> {
  if (byStaff === true) return staffId
  return generation.pixel && visitor?.lasting === true ? userOf(memory, visitor.anonymousId) : undefined
}

interface Parts {
  readonly tokens: Readonly<Record<string, unknown>>
  readonly visitor: ShopifyVisitor | undefined
  readonly userId: string | undefined
  readonly customer: Customer
}

function eventOf(call: ServerCall, topic: Topic, { tokens, visitor, userId, customer: { traits } }: Parts): Draft {
  const { generation, topic: name, payload, callId } = call
  const { type, event } = topic
  return {
    ...draftOf('SHOPIFY', {
      type,
      event,
      messageId: callId,
      userId,
      anonymousId: visitor?.anonymousId,
      // When it happened by Shopify's clock, inside what is signed.
      timestamp: payload['updated_at'] ?? payload['created_at'] ?? undefined,
      context: {
        library: libraryOf(generation, 'server'),
        topic: name,
        ...tokens,
        ...mapFields({}, payload, browserMapping),
        sessionId: visitor?.sessionId,
        ...(type === 'track' ? { traits } : {}),
        ...(generation.pixel ? { shopifyDetails: payload } : {}),
      },
      ...(type === 'track' ? { properties: propertiesOf(topic, payload) } : { traits }),
    }),
    integrations: integrationsOf(generation, type),
  }
}

/** The identify event that follows one of a customer. */
function identifyOf({ callId }: ServerCall, event: Draft, { userId, traits }: Customer): Draft {
  const { traits: _, shopifyDetails: __, ...context } = event['context'] as Record<string, unknown>
  const { anonymousId, timestamp } = event
  return {
    type: 'identify',
    messageId: callId === undefined ? undefined : `${callId}-identify`,
    userId,
    anonymousId,
    timestamp,
    traits,
    context,
    integrations: { SHOPIFY: true },
  }
}

function propertiesOf({ ecommerce }: Topic, payload: ServerCall['payload']): Record<string, unknown> {
  const { line_items: lines, customer: _, ...rest } = payload
  const products = productsOf(lines, ecommerce !== true)
  if (ecommerce !== true) return lines === undefined ? rest : { ...rest, products }
  const properties = mapFields({}, payload, orderMapping)
  return { ...properties, order_id: numberAsText(properties['order_id']), products }
}

/** What ties a payload to others. The payload's own `token` is that of what the topic is about. */
function tokensOf(topic: string, payload: ServerCall['payload']): Record<string, unknown> {
  const { token, id, cart_token: cart, checkout_token: checkout } = payload
  const own = token ?? undefined
  if (topic.startsWith('carts_')) return { cart_token: own ?? id }
  return {
    cart_token: cart ?? undefined,
    checkout_token: (topic.startsWith('checkouts_') ? own : undefined) ?? checkout ?? undefined,
    ...(topic.startsWith('orders_') ? { order_token: own } : {}),
  }
}

/** Says which way an event came. */
export const libraryOf = ({ pixel, version }: PixelGeneration, eventOrigin: 'client' | 'server') => ({
  name: 'RudderStack Shopify Cloud',
  version,
  ...(pixel ? { eventOrigin } : {}),
})

/** What the pixel's events keep of Shopify's own payload is one column of JSON in a warehouse. */
export const integrationsOf = ({ pixel }: PixelGeneration, type: string): Record<string, unknown> => ({
  SHOPIFY: true,
  ...(pixel ? { DATA_WAREHOUSE: { options: { jsonPaths: [`${type}.context.shopifyDetails`] } } } : {}),
})
