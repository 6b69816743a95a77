import { draftOf, idOf, payloadOf } from './shared/fields.ts'
import { camelOf } from './shared/names.ts'
import { hmacFault } from './shared/signature.ts'
import { stampOf } from './shared/time.ts'
import { defineSource } from '../configure/define-source.ts'

const vendor = 'Extole'

/**
 * Takes Extole's webhooks: a track named as Extole does (`reward_earned`). Properties of the reward events are in camel case
 * (`partnerRewardSupplierId`, the type of the supplier is `partnerRewardSupplierType`); those of others stay as they are.
 *
 * The userId is the partner's own id of the user, the anonymousId Extole's of the person. The messageId is the event's id.
 * Calls without an event's name cannot be mapped.
 *
 * With a secret, calls must have `X-Extole-Signature`, the HMAC-SHA256 of the body. It has no time in it.
 *
 * "Webhook Creation" on https://dev.extole.com,
 * https://www.rudderstack.com/docs/sources/event-streams/cloud-apps/extole/ (checked 2026-11-25)
 *
 * @example extole({ secret: env.EXTOLE_KEY })
 */
export const extole = defineSource({
  name: 'extole',
  settings: {
    secret: { type: 'secrets', about: "The webhook's client key.", secret: true, optional: true },
  },
  verify({ headers, bytes }, { secret }, { now }) {
    if (secret === undefined) return undefined
    const signature = headers['x-extole-signature']
    const signatures = signature === undefined ? [] : [signature]
    return hmacFault({ signatures, content: bytes }, { secrets: secret, now: now() })
  },
  map({ body }, _, { uuid }) {
    const payload = payloadOf(body)
    const { type, event_name, name, event_id, event_time, partner_user_id, person_id, ...rest } = payload
    const event = idOf(type) ?? idOf(event_name) ?? idOf(name)
    if (event === undefined) throw new TypeError('The body has no event name')
    const user = idOf(partner_user_id)
    const person = idOf(person_id)
    return [
      draftOf(vendor, {
        type: 'track',
        event,
        messageId: idOf(event_id),
        userId: user,
        anonymousId: user === undefined ? (person ?? uuid()) : person,
        originalTimestamp: stampOf(event_time),
        ...(user === undefined ? {} : { context: { traits: { userId: user } } }),
        properties: rewards.has(event)
          ? camelCaseKeys({ event_id, partner_user_id, person_id, ...rest })
          : { event_id, partner_user_id, person_id, ...rest },
      }),
    ]
  },
})

const rewards: ReadonlySet<string> = new Set(['reward_earned', 'reward_fulfilled', 'reward_sent'])

const camelCaseKeys = (fields: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(fields)
      .filter(([, value]) => value !== null)
      .map(([name, value]) => [name === 'reward_supplier_type' ? 'partnerRewardSupplierType' : camelOf(name), value]),
  )
