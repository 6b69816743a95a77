import RudderAnalytics from '@rudderstack/rudder-sdk-node'
import type { MarketplaceSale } from './marketplace.ts'

const customers = ['ada', 'grace', 'joan', 'katherine', 'zoë'] as const
const shelf = [
  { sku: '45790-32', name: 'Monopoly: 3rd Edition', price: 19 },
  { sku: '46493-32', name: 'Uno Card Game', price: 3.5 },
  { sku: '44812-07', name: 'Analytical Engine, 1:10', price: 129.9 },
] as const
/** Every fourth order comes from the marketplace. */
const marketplaceEvery = 4

/** An order as the shop knows it. */
export interface ShopOrder {
  readonly orderId: string
  readonly customer: string
  /** Counts the customer's orders of its channel. */
  readonly number: number
  readonly total: number
  readonly channel: 'shop' | 'marketplace'
}

/** Where the shop and the marketplace send to. */
export interface ShopTarget {
  readonly url: string
  readonly writeKey: string
  readonly marketplaceKey: string
  readonly marketplaceSecret: string
}

/**
 * Sells: customers view products and buy them in the shop, which tells by RudderStack's SDK, or at a marketplace, which tells by
 * its webhook.
 *
 * @param target of the events
 * @param options how many orders, and milliseconds between two
 * @returns the orders, all of them accepted, in the order in which they were placed
 */
export async function sell(
  target: ShopTarget,
  { orders, restMs = 0, onOrder }: SellOptions,
): Promise<readonly ShopOrder[]> {
  const sdk = new RudderAnalytics(target.writeKey, { dataPlaneUrl: target.url, flushAt: 5, flushInterval: 200 })
  const counts = new Map<string, number>()
  const sold: ShopOrder[] = []
  for (let i = 0; i < orders; i++) {
    const customer = customers[i % customers.length] as string
    const product = shelf[i % shelf.length] as (typeof shelf)[number]
    const quantity = 1 + (i % 2)
    const channel = i % marketplaceEvery === marketplaceEvery - 1 ? 'marketplace' : 'shop'
    const counter = `${customer} ${channel}`
    const number = (counts.get(counter) ?? 0) + 1
    counts.set(counter, number)
    const total = product.price * quantity
    const order: ShopOrder = { orderId: `${channel}-${1001 + i}`, customer, number, total, channel }
    if (channel === 'marketplace')
      await callWebhook(target, {
        sale: order.orderId,
        buyer: customer,
        number,
        amount: total,
        currency: 'EUR',
        items: [{ sku: product.sku, pieces: quantity }],
      })
    else {
      sdk.track({ userId: customer, event: 'Product Viewed', properties: product })
      sdk.track({
        userId: customer,
        event: 'Order Completed',
        properties: {
          order_id: order.orderId,
          number,
          total,
          currency: 'EUR',
          products: [{ ...product, quantity }],
        },
      })
    }
    sold.push(order)
    onOrder?.(order)
    if (restMs > 0) await new Promise((resolve) => setTimeout(resolve, restMs))
  }
  await sdk.flush()
  return sold
}

/** How `sell` goes. */
export interface SellOptions {
  readonly orders: number
  readonly restMs?: number
  readonly onOrder?: (order: ShopOrder) => void
}

/** Tells of a sale as the marketplace does. */
export async function callWebhook(
  { url, marketplaceKey, marketplaceSecret }: ShopTarget,
  sale: MarketplaceSale,
): Promise<void> {
  const response = await fetch(`${url}/v1/webhook?writeKey=${marketplaceKey}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-marketplace-secret': marketplaceSecret },
    body: JSON.stringify(sale),
  })
  if (!response.ok) throw new Error(`the webhook was answered ${response.status} ${await response.text()}`)
}
