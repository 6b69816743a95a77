import { defineTransform } from 'sluiceway/transform'

/**
 * Drops track events whose name is not in a list.
 *
 * Names are compared as they are written; one that ends with `*` allows all that begin so. A track event without a name is
 * dropped. Events of other types are kept, unless `types` names those that are.
 */
export const allowEvents = defineTransform({
  name: 'allow-events',
  settings: {
    events: { type: 'list', about: 'Names of track events that are kept, e.g. "Order Completed" or "Order *".' },
    types: {
      type: 'list',
      about: 'Types of events that are kept beside track, e.g. "identify"; all, where left out.',
      optional: true,
    },
  },
  make: ({ events, types }) => {
    const names = new Set(events.filter((name) => !name.endsWith('*')))
    const beginnings = events.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1))
    const kinds = types === undefined ? undefined : new Set(types)
    return {
      transformEvent: (event) => {
        const { type, event: name } = event
        if (type !== 'track') return kinds?.has(type) === false ? null : event
        if (typeof name !== 'string') return null
        return names.has(name) || beginnings.some((beginning) => name.startsWith(beginning)) ? event : null
      },
    }
  },
})
