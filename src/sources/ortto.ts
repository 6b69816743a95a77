import { type Draft } from '../core/webhook-source.ts'
import { isRecord } from '../core/json.ts'
import { draftOf, idOf, mapFields, type FieldMapping, payloadOf, sayingOf, valueAt } from './shared/fields.ts'
import { anonymousIdOf } from './shared/hash.ts'
import { flatten } from './shared/leaves.ts'
import { eventNames, renameKeys } from './shared/names.ts'
import { stampOf } from './shared/time.ts'
import { defineSource } from '../configure/define-source.ts'

const vendor = 'ortto'

/**
 * Takes Ortto's webhooks: a track named as `eventNames` says or by a name of RudderStack's (`act::s-all` is
 * `Resubscribe globally`), else `custom event triggered` with the activity's code as `activity.field_id`. Its properties are
 * the fields of the call, flat (`activity.attr.str::is`, `contact.city.id`). A call without an activity, or with that of a
 * test, is answered by its own body.
 *
 * The userId is the contact's external id; without one, the anonymousId is Ortto's id of the contact, or made of their email
 * address. Ortto's id is in `context.externalId` as well, what is known of them in `context.traits`. The messageId is the
 * call's id.
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
    const { activity, contact, id, time, ...rest } = payload
    const code = idOf(valueAt(activity, 'field_id'))
    if (activity === undefined || code === 'act::test_webhook')
      return { reply: { body: new TextDecoder().decode(bytes), contentType: 'application/json' } }
    if (!isRecord(activity) || code === undefined) throw new TypeError('activity.field_id is missing')
    const known = isRecord(contact) ? contact : {}
    const given = renameKeys(code, settings.eventNames)
    const name = given === code ? names.get(code) : given
    const person = idOf(known['contact_id']) ?? idOf(known['id'])
    const user = idOf(known['external_id'])
    const email = idOf(known['email'])
    const { field_id, ...told } = activity
    return [
      draftOf(vendor, {
        type: 'track',
        event: name ?? 'custom event triggered',
        messageId: idOf(id),
        ...(user === undefined
          ? { anonymousId: person ?? (email === undefined ? uuid() : anonymousIdOf(email)) }
          : { userId: user }),
        originalTimestamp: stampOf(time) ?? stampOf(activity['created']),
        context: {
          traits: traitsOf(known),
          ...(person === undefined ? {} : { externalId: [{ type: 'orttoPersonId', id: person }] }),
        },
        properties: flatten({
          activity: { ...(name === undefined ? { field_id } : {}), ...told },
          contact: withoutTraits(known),
          ...rest,
        }),
      }),
    ]
  },
})

/** What RudderStack calls activities, by their codes; `eventNames` names others. */
const names: ReadonlyMap<string, string> = new Map([['act::s-all', 'Resubscribe globally']])

const mapping: FieldMapping = [
  ['first_name', 'firstName'],
  ['last_name', 'lastName'],
  ['email', 'email'],
  [['phone_number', 'phone'], 'phone'],
  ['birthday', 'birthday'],
  ['city', 'address.city'],
  ['country', 'address.country'],
  ['region', 'address.state'],
  [['postal_code', 'postal'], 'address.postalCode'],
]

const traitsOf = (contact: Draft): Draft =>
  mapFields({}, Object.fromEntries(Object.entries(contact).map(([name, value]) => [name, plainOf(value)])), mapping)

/** A phone number is `{ c, n }`, a date `{ year, month, day }`, a place `{ name, id }` in Ortto: as text. Else as it is. */
function plainOf(value: unknown): unknown {
  if (!isRecord(value)) return value
  const { c, n, year, month, day, name } = value
  if (idOf(n) !== undefined) return `${idOf(c) ?? ''}${idOf(n)}`
  if (idOf(year) !== undefined) return [year, month, day].map((part) => String(part ?? 1).padStart(2, '0')).join('-')
  return name ?? value
}

const inTraits: ReadonlySet<string> = new Set(['external_id', 'contact_id', ...mapping.flatMap(([from]) => from)])

/** What a contact has beside its traits, and what these do not say of phone, birthday and places. */
const withoutTraits = (contact: Draft): Draft =>
  Object.fromEntries(
    Object.entries(contact)
      .filter(([name, value]) => !inTraits.has(name) || isRecord(value))
      .map(([name, value]) => [name, inTraits.has(name) ? restOf(value) : value]),
  )

function restOf(value: unknown): Draft {
  const { c: _, n: __, year: ___, month: ____, day: _____, name: ______, ...rest } = sayingOf(value)
  return rest
}
