import { defineSource, sameSecret } from 'sluiceway/source'

/** What the marketplace calls with when somebody has bought there. */
export interface MarketplaceSale {
  readonly sale: string
  readonly buyer: string
  /** Counts the sales to this buyer. */
  readonly number: number
  readonly amount: number | string
  readonly currency: string
  readonly items: readonly { readonly sku: string; readonly pieces: number }[]
}

/** Takes the webhook of a marketplace: a sale is an Order Completed, and one that is told twice is one event. */
export const marketplace = defineSource({
  name: 'marketplace',
  settings: {
    secret: { type: 'string', about: 'What the marketplace sends as X-Marketplace-Secret.', secret: true },
  },
  verify: async ({ headers }, { secret }) =>
    (await sameSecret(headers['x-marketplace-secret'] ?? '', secret)) ? undefined : 'the secret is missing or wrong',
  map({ body }) {
    const { sale, buyer, number, amount, currency, items } = body as MarketplaceSale
    return [
      {
        type: 'track',
        event: 'Order Completed',
        messageId: sale,
        userId: buyer,
        properties: {
          order_id: sale,
          number,
          total: amount,
          currency,
          channel: 'marketplace',
          products: items.map(({ sku, pieces }) => ({ sku, quantity: pieces })),
        },
      },
    ]
  },
})
