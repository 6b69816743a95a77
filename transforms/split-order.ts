import { defineTransform, type Event } from 'sluiceway/transform'

/** What a line has of its order, beside the product. */
const shared = ['order_id', 'checkout_id', 'affiliation', 'coupon', 'currency']

/**
 * Makes an event for each product of an order, beside the order itself.
 *
 * A line has what its product has, what it needs of the order (`order_id`, `checkout_id`, `affiliation`, `coupon`, `currency`; what the product
 * has of these goes first), its `position` and its `line_total` (price times quantity, one where none is named). It has no
 * `revenue`, which would be counted twice. Lines have the messageIds of copies, so that a repeat of the order repeats the ids. An order
 * without products stays as it is.
 */
export const splitOrder = defineTransform({
  name: 'split-order',
  settings: {
    events: {
      type: 'list',
      about: 'Names of track events that are split; "Order Completed", where left out.',
      optional: true,
    },
    line: { type: 'string', about: 'Name of the event of a line.', default: 'Product Purchased' },
    keepOrder: { type: 'boolean', about: 'False: only the lines go on.', default: true },
  },
  make: ({ events = ['Order Completed'], line, keepOrder }) => {
    const orders = new Set(events)
    return {
      transformEvent: (event) => {
        const products = event.properties?.['products']
        if (event.type !== 'track' || !orders.has(event.event ?? '') || !Array.isArray(products)) return event
        const lines = (products as unknown[]).filter(
          (product): product is Record<string, unknown> =>
            typeof product === 'object' && product !== null && !Array.isArray(product),
        )
        if (lines.length === 0) return event
        return [
          ...(keepOrder ? [event] : []),
          ...lines.map((product, i) => lineOf(event, product, { line, position: i + 1 })),
        ]
      },
    }
  },
})

function lineOf(
  order: Event,
  product: Record<string, unknown>,
  { line, position }: { readonly line: string; readonly position: number },
): Event {
  const own = order.properties ?? {}
  const fromOrder = Object.fromEntries(shared.filter((key) => own[key] !== undefined).map((key) => [key, own[key]]))
  const { price, quantity = 1 } = product
  const total =
    typeof price === 'number' && typeof quantity === 'number'
      ? { line_total: Number((price * quantity).toFixed(6)) }
      : {}
  return {
    ...order,
    event: line,
    properties: { ...fromOrder, ...product, position, ...total },
  }
}
