import type { WebhookCall } from '../../core/webhook-source.ts'

/** What a server topic becomes. */
export interface Topic {
  readonly type: 'identify' | 'track'
  /** Name of the track event. */
  readonly event?: string
  /** True for events of the e-commerce specification: their properties are mapped, not copied. */
  readonly ecommerce?: true
  /** True for what the shop's staff do: no visitor is behind it. */
  readonly byStaff?: true
}

const identify: Topic = { type: 'identify' }
const order = (event: string): Topic => ({ type: 'track', event, ecommerce: true })
const staff = (event: string): Topic => ({ type: 'track', event, byStaff: true })

/** Topics that are mapped one by one. */
const mapped: Readonly<Record<string, Topic>> = {
  customers_create: identify,
  customers_update: identify,
  checkouts_create: order('Checkout Started'),
  checkouts_update: order('Checkout Updated'),
  orders_create: order('Order Created'),
  orders_updated: order('Order Updated'),
  orders_delete: staff('Order Deleted'),
  fulfillments_create: staff('Fulfillments Create'),
  fulfillments_update: staff('Fulfillments Update'),
}

/**
 * The other topics: track events with these names and the payload as properties. Where RudderStack's pages name none, it is
 * the topic in the same form.
 */
const named: Readonly<Record<string, string>> = {
  carts_update: 'Cart Update',
  checkouts_delete: 'Checkout Deleted',
  collection_listings_add: 'Collection Listings Added',
  collection_listings_remove: 'Collection Listings Removed',
  collection_listings_update: 'Collection Listings Updated',
  collection_publications_create: 'Collection Publications Created',
  collection_publications_delete: 'Collection Publications Deleted',
  collection_publications_update: 'Collection Publications Updated',
  collections_create: 'Collection Created',
  collections_delete: 'Collection Deleted',
  collections_update: 'Collection Updated',
  customer_email_updated: 'Customer Email Updated',
  customer_tags_added: 'Customer Tags Added',
  customer_tags_removed: 'Customer Tags Removed',
  customers_delete: 'Customer Deleted',
  customers_disable: 'Customer Disabled',
  customers_enable: 'Customer Enabled',
  discounts_create: 'Discount Created',
  discounts_delete: 'Discount Deleted',
  discounts_redeemcode_added: 'Discount Redeemcode Added',
  discounts_redeemcode_removed: 'Discount Redeemcode Removed',
  discounts_update: 'Discount Updated',
  draft_orders_create: 'Draft Order Created',
  draft_orders_delete: 'Draft Order Deleted',
  draft_orders_update: 'Draft Order Updated',
  fulfillment_events_create: 'Fulfillment Events Create',
  fulfillment_events_delete: 'Fulfillment Events Delete',
  fulfillment_orders_split: 'Fulfillment Orders Split',
  inventory_items_create: 'Inventory Items Created',
  inventory_items_delete: 'Inventory Items Deleted',
  inventory_items_update: 'Inventory Items Updated',
  inventory_levels_connect: 'Inventory Levels Connected',
  inventory_levels_disconnect: 'Inventory Levels Disconnected',
  inventory_levels_update: 'Inventory Levels Updated',
  order_transactions_create: 'Order Transactions Create',
  orders_cancelled: 'Order Cancelled',
  orders_edited: 'Order Edited',
  orders_fulfilled: 'Order Fulfilled',
  orders_paid: 'Order Paid',
  orders_partially_fulfilled: 'Order Partially Fulfilled',
  // RudderStack's own app subscribes under this spelling.
  orders_partially_fullfilled: 'Order Partially Fulfilled',
  product_listings_add: 'Product Listings Add',
  product_listings_remove: 'Product Listings Remove',
  product_listings_update: 'Product Listings Update',
  products_create: 'Product Created',
  products_delete: 'Product Deleted',
  products_update: 'Product Updated',
  refunds_create: 'Refund Created',
  tender_transactions_create: 'Tender Transactions Create',
}

/** Topics that mean something else where the pixel sends a visitor's own events beside them. */
const besidePixel: Readonly<Record<string, Topic>> = {
  checkouts_create: order('Checkout Started Webhook'),
  orders_cancelled: order('Order Cancelled'),
}

/**
 * Says what becomes of a topic.
 *
 * @param topic as RudderStack writes it, e.g. `orders_create`
 * @returns undefined for a topic that gives no event
 */
export function topicOf(topic: string, { pixel }: { readonly pixel: boolean }): Topic | undefined {
  if (pixel && Object.hasOwn(besidePixel, topic)) return besidePixel[topic]
  if (Object.hasOwn(mapped, topic)) return mapped[topic]
  return Object.hasOwn(named, topic) ? { type: 'track', event: named[topic] as string } : undefined
}

/**
 * Reads the topic of a call: the query parameter `topic`, else Shopify's own header (`orders/create` is `orders_create`, `customer.tags_added` is `customer_tags_added`).
 *
 * Throws the errors that RudderStack answers when there is none.
 */
export function topicIn({ query, headers }: WebhookCall): string {
  const header = headers['x-shopify-topic']
  const given = query['topic']
  if (given === undefined && header !== undefined && header !== '') return header.replaceAll(/[/.]/g, '_')
  if (Object.keys(query).length === 0) throw new TypeError('Query_parameters is missing')
  if (given === undefined) throw new TypeError('Invalid topic in query_parameters')
  const [topic] = given
  if (topic === undefined || topic === '') throw new TypeError('Topic not found')
  return topic
}
