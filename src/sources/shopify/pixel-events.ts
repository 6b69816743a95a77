import { type FieldMapping, mapFields, valueAt } from '../shared/fields.ts'
import { lineOf, linesOf, listOf, productOf, variantsOf } from './products.ts'

/** What an event of the pixel becomes. */
export interface PixelEvent {
  readonly type: 'track' | 'page'
  readonly event?: string
  /**
   * @param data the event's `data`
   * @param payload the whole event
   */
  readonly properties: (data: unknown, payload: Readonly<Record<string, unknown>>) => Record<string, unknown>
  /** Makes what is known of the visitor, for events in which they say it. */
  readonly traits?: (data: unknown) => Record<string, unknown>
}

type Properties = PixelEvent['properties']

/** https://shopify.dev/docs/api/web-pixels-api/standard-events/checkout_completed (checked 2026-11-25) */
const checkoutMapping: FieldMapping = [
  ['order.id', 'order_id'],
  ['token', 'checkout_id'],
  ['totalPrice.amount', ['value', 'total']],
  ['subtotalPrice.amount', ['subtotal', 'revenue']],
  ['totalTax.amount', 'tax'],
  ['shippingLine.price.amount', 'shipping'],
  ['discountsAmount.amount', 'discount'],
  ['currencyCode', 'currency'],
]

const checkout: Properties = (data) => {
  const of = valueAt(data, 'checkout')
  const properties = mapFields({}, of, checkoutMapping)
  const code = listOf(valueAt(of, 'discountApplications')).find((one) => valueAt(one, 'type') === 'DISCOUNT_CODE')
  mapFields(properties, code, [['title', 'coupon']])
  return { ...properties, products: linesOf(valueAt(of, 'lineItems')) }
}

/** https://shopify.dev/docs/api/web-pixels-api/standard-events/cart_viewed (checked 2026-11-25) */
const cart: Properties = (data) => {
  const of = valueAt(data, 'cart')
  const properties = mapFields({}, of, [
    ['id', 'cart_id'],
    ['cost.totalAmount.amount', ['value', 'total']],
    ['cost.totalAmount.currencyCode', 'currency'],
  ])
  return { ...properties, products: linesOf(valueAt(of, 'lines')) }
}

/** https://shopify.dev/docs/api/web-pixels-api/standard-events/product_added_to_cart (checked 2026-11-25) */
const line: Properties = (data) => {
  const of = valueAt(data, 'cartLine')
  return mapFields(lineOf(of), of, [['cost.totalAmount.amount', 'value']])
}

/** https://shopify.dev/docs/api/web-pixels-api/standard-events/collection_viewed (checked 2026-11-25) */
const collection: Properties = (data, payload) => {
  const of = valueAt(data, 'collection')
  const properties = mapFields({}, payload, [
    ['clientId', 'cart_id'],
    ['id', 'list_id'],
  ])
  mapFields(properties, of, [['title', 'category']])
  return { ...properties, products: variantsOf(valueAt(of, 'productVariants')) }
}

const product: Properties = (data) => productOf(valueAt(data, 'productVariant'))

/** https://shopify.dev/docs/api/web-pixels-api/standard-events/search_submitted (checked 2026-11-25) */
const search: Properties = (data) => {
  const of = valueAt(data, 'searchResult')
  const products = variantsOf(valueAt(of, 'productVariants'))
  return { ...mapFields({}, of, [['query', 'query']]), ...(products.length === 0 ? {} : { products }) }
}

const track = (event: string, properties: Properties): PixelEvent => ({ type: 'track', event, properties })

const form = (event: string): PixelEvent => ({
  ...track(event, checkout),
  traits: (data) => mapFields({}, data, [['checkout.email', 'email']]),
})

const events: Readonly<Record<string, PixelEvent>> = {
  page_viewed: { type: 'page', properties: () => ({}) },
  cart_viewed: track('Cart Viewed', cart),
  checkout_address_info_submitted: form('Checkout Address Info Submitted'),
  checkout_completed: track('Order Completed', checkout),
  checkout_contact_info_submitted: form('Checkout Contact Info Submitted'),
  checkout_shipping_info_submitted: form('Checkout Shipping Info Submitted'),
  checkout_started: track('Checkout Started', checkout),
  collection_viewed: track('Product List Viewed', collection),
  payment_info_submitted: form('Payment Info Entered'),
  product_added_to_cart: track('Product Added', line),
  product_removed_from_cart: track('Product Removed', line),
  product_viewed: track('Product Viewed', product),
  search_submitted: track('Search Submitted', search),
}

/** What becomes of an event of the pixel; undefined for one that has no counterpart in the event specification. */
export const pixelEventOf = (name: unknown): PixelEvent | undefined =>
  typeof name === 'string' && Object.hasOwn(events, name) ? events[name] : undefined
