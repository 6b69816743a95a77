/** Transforms that were brought from elsewhere, in JavaScript: one throws at orders, the other in a function of its own. */
export const ofSource = {
  name: 'of-source',
  transformEvent(event) {
    if (event.event !== 'Order Completed') return event
    const { currency } = event.properties.total // Broken at the edge.
    return { ...event, currency: currency.toUpperCase() }
  },
}

const priceOf = (event) => {
  if (event.event === 'Price Seen') throw new Error('a price has no currency') // Broken in the lane.
  return event.properties?.price
}

export const ofDestination = {
  name: 'of-destination',
  transformEvent: (event) => ({ ...event, price: priceOf(event) }),
}
