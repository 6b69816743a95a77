import { isRecord } from '../core/json.ts'
import { draftOf, idOf, mapFields, payloadOf, valueAt } from './shared/fields.ts'
import { anonymousIdOf } from './shared/hash.ts'
import { eventNames, renameKeys } from './shared/names.ts'
import { stampOf } from './shared/time.ts'
import { defineSource } from '../configure/define-source.ts'

const vendor = 'Ortto'

/**
 * Takes Ortto's webhooks: a track named after the activity's field (`act::s-ctc`) or as `eventNames` says, with the activity
 * as its properties. A call without an activity is a test of the webhook, and is answered by its own body.
 *
 * The userId is the contact's external id; without one, the anonymousId is Ortto's id of the contact, or made of their email
 * address. The messageId is the call's id.
 *
 * Not verified: Ortto documents no signature. Whoever has the write key can send.
 *
 * https://help.ortto.com/a-251-configuring-a-webhook,
 * https://www.rudderstack.com/docs/sources/event-streams/cloud-apps/ortto/ (checked 2026-11-25)
 *
 * @param input `eventNames` renames events
 * @example ortto({ eventNames: 'act::s-ctc=Email Link Clicked' })
 */
export const ortto = defineSource({
  name: 'ortto',
  settings: { eventNames },
  map({ body, bytes }, settings, { uuid }) {
    const payload = payloadOf(body)
    const { activity, contact, id, time } = payload
    if (activity === undefined)
      return { reply: { body: new TextDecoder().decode(bytes), contentType: 'application/json' } }
    const field = idOf(valueAt(activity, 'field_id'))
    if (!isRecord(activity) || field === undefined) throw new TypeError('activity.field_id is missing')
    const user = idOf(valueAt(contact, 'external_id'))
    const email = idOf(valueAt(contact, 'email'))
    const known = idOf(valueAt(contact, 'contact_id')) ?? idOf(valueAt(contact, 'id'))
    const draft = draftOf(vendor, {
      type: 'track',
      event: renameKeys(field, settings.eventNames),
      messageId: idOf(id),
      ...(user === undefined
        ? { anonymousId: known ?? (email === undefined ? uuid() : anonymousIdOf(email)) }
        : { userId: user }),
      originalTimestamp: stampOf(time) ?? stampOf(activity['created']),
      properties: activity,
    })
    return [
      mapFields(draft, contact, [
        ['first_name', 'context.traits.firstName'],
        ['last_name', 'context.traits.lastName'],
        ['email', 'context.traits.email'],
        [['phone_number', 'phone'], 'context.traits.phone'],
        ['birthday', 'context.traits.birthday'],
        ['city', 'context.traits.address.city'],
        ['country', 'context.traits.address.country'],
        ['region', 'context.traits.address.state'],
        [['postal_code', 'postal'], 'context.traits.address.postalCode'],
      ]),
    ]
  },
})
