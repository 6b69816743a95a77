/** What the topic `orders` holds: one for each Order Completed. */
const order = {
  type: 'record',
  name: 'OrderCompleted',
  namespace: 'shop',
  fields: [
    { name: 'message_id', type: 'string' },
    { name: 'customer', type: 'string' },
    { name: 'order_id', type: 'string' },
    { name: 'number', type: 'int', doc: "Counts the customer's orders." },
    { name: 'total', type: 'double' },
    { name: 'currency', type: 'string' },
    { name: 'channel', type: ['null', 'string'], default: null },
    {
      name: 'products',
      type: {
        type: 'array',
        items: {
          type: 'record',
          name: 'Product',
          fields: [
            { name: 'sku', type: 'string' },
            { name: 'quantity', type: 'int' },
          ],
        },
      },
    },
  ],
}

/** What the topic `views` holds. */
const view = {
  type: 'record',
  name: 'ProductViewed',
  namespace: 'shop',
  fields: [
    { name: 'message_id', type: 'string' },
    { name: 'customer', type: 'string' },
    { name: 'sku', type: 'string' },
  ],
}

/** By topic: which events are in it, and their schema; `id` is what values name where no registry gives ids. */
export const topics = {
  orders: { event: 'Order Completed', id: 1, schema: JSON.stringify(order) },
  views: { event: 'Product Viewed', id: 2, schema: JSON.stringify(view) },
} as const
