import { draftOf, idOf, payloadOf, valueAt } from './shared/fields.ts'
import { defineSource } from '../configure/define-source.ts'

const vendor = 'PIPEDREAM'

/**
 * Takes what the HTTP step of a Pipedream workflow sends. What is an event already, with a type and an id of a user, stays as
 * it is; anything else becomes an event `pipedream_source_event` with the body as its properties.
 *
 * An event whose id is only among its traits gets it as its userId, since it could not be stored without one. Of anything
 * else, such an id is the anonymousId.
 *
 * Not verified: a workflow signs nothing by itself. Whoever has the write key can send.
 *
 * https://www.rudderstack.com/docs/sources/event-streams/cloud-apps/pipedream/ (checked 2026-11-25)
 *
 * @example pipedream()
 */
export const pipedream = defineSource({
  name: 'pipedream',
  settings: {},
  map({ body }, _, { uuid }) {
    const payload = payloadOf(body)
    const id = ids.map((path) => idOf(valueAt(payload, path))).find((one) => one !== undefined)
    if (typeof payload['type'] === 'string' && types.has(payload['type']) && id !== undefined) {
      const known = [payload['userId'], payload['anonymousId']].some((one) => idOf(one) !== undefined)
      return [known ? payload : { ...payload, userId: id }]
    }
    return [
      draftOf(vendor, {
        type: 'track',
        event: 'pipedream_source_event',
        anonymousId: idOf(payload['anonymousId']) ?? id ?? uuid(),
        properties: payload,
      }),
    ]
  },
})

const types: ReadonlySet<string> = new Set(['identify', 'track', 'group', 'alias', 'page', 'screen'])

/** Where an event may have an id of its user. */
const ids = ['userId', 'traits.userId', 'context.traits.userId', 'traits.id', 'context.traits.id', 'anonymousId']
