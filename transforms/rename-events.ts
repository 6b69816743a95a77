import { defineTransform } from 'sluiceway/transform'

/**
 * Gives track events other names, and their properties as well.
 *
 * Names are compared as they are written. An event that is not listed stays as it is. A name is changed once: where `a` becomes
 * `b` and `b` becomes `c`, `a` becomes `b`. A property keeps its old name where the event has one of the new name already.
 */
export const renameEvents = defineTransform({
  name: 'rename-events',
  settings: {
    events: {
      type: 'texts',
      about: 'New names by old ones, e.g. { "order_completed": "Order Completed" }.',
      optional: true,
    },
    properties: { type: 'texts', about: 'New names of properties of track events by old ones.', optional: true },
  },
  problems: ({ events, properties }) =>
    (events ?? properties) === undefined ? ['name something under "events" or "properties"'] : [],
  make: ({ events = {}, properties = {} }) => {
    const names = new Map(Object.entries(events))
    const keys = new Map(Object.entries(properties))
    return {
      transformEvent: (event) => {
        if (event.type !== 'track') return event
        const name = typeof event.event === 'string' ? names.get(event.event) : undefined
        if (name !== undefined) event.event = name
        const { properties: found } = event
        if (keys.size > 0 && typeof found === 'object' && found !== null)
          event.properties = Object.fromEntries(
            Object.entries(found).map(([key, value]) => {
              const other = keys.get(key)
              return [other === undefined || Object.hasOwn(found, other) ? key : other, value]
            }),
          )
        return event
      },
    }
  },
})
