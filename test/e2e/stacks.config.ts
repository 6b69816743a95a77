import { defineConfig } from 'sluiceway/config'
import { defineDestination } from 'sluiceway/destination'
import { defineSource } from 'sluiceway/source'
import { log } from 'sluiceway/streams/log'
import { ofDestination, ofSource } from './stacks/throwing.js'

const broken = defineDestination({
  name: 'broken',
  settings: { url: { type: 'url', about: 'Where nothing arrives.', insecureWhen: 'allowPrivate' } },
  encode({ id, event }) {
    if (event.event === 'Cart Viewed') throw new Error('a cart has no total') // Broken in encode.
    return { id, text: event.event ?? '' }
  },
  request([item], { url }) {
    if (item?.text === 'Product Added') throw new Error('a product has no number') // Broken in request.
    return { method: 'POST', url, headers: {}, body: item?.text ?? '' }
  },
})

const letters = defineSource({
  name: 'letters',
  settings: {},
  map({ body }) {
    const { reader } = body as { reader: { name: string } }
    return [{ type: 'track', event: 'Letter Opened', userId: reader.name.trim() }] // Broken in map.
  },
})

/** Everything that a user writes throws at some event. */
export default defineConfig((env) => ({
  stream: log(),
  sources: {
    web: { writeKey: env.WRITE_KEY, transforms: [ofSource] },
    post: { writeKey: 'letters-key', webhook: letters({}) },
  },
  destinations: {
    broken: {
      use: broken({ url: 'https://tools.example.com/events' }),
      transforms: [ofDestination],
      filter: (event) => {
        if (event.event === 'Coupon Used') throw new Error('a coupon has no code') // Broken in the filter.
        return event.event !== 'Letter Opened'
      },
    },
  },
  admin: { token: env.ADMIN_TOKEN },
}))
