import type { Draft } from '../core/webhook-source.ts'
import { draftOf, idOf, mapFields, type FieldMapping, payloadOf, sayingOf } from './shared/fields.ts'
import { stampOf } from './shared/time.ts'
import { defineSource } from '../configure/define-source.ts'

const vendor = 'Facebook Lead Ads'

/**
 * Takes leads of Facebook forms as middlemen send them, flat: an identify per lead, with all fields in `context.traits`, and
 * name, phone, birthday and address by their usual names as well. A field that comes as a list of one is that one.
 *
 * The userId is Facebook's id of the lead (`facebook_lead_id`), or else its `id`, which is the messageId and in
 * `context.externalId` as well; a lead without either has a random anonymousId. A time like `03/04/2026 09:15` is month, day
 * and year, in UTC. Only a call without any field cannot be mapped.
 *
 * Not verified: middlemen do not sign. What Facebook sends itself is for `facebook_lead_ads_native`.
 *
 * https://developers.facebook.com/docs/marketing-api/guides/lead-ads/retrieving,
 * https://www.rudderstack.com/docs/sources/event-streams/cloud-apps/facebook-lead-ads/ (checked 2026-11-25)
 *
 * @example facebookLeadAds()
 */
export const facebookLeadAds = defineSource({
  name: 'facebook_lead_ads',
  settings: {},
  map({ body }, _, { uuid }) {
    const traits = sayingOf(unpack(payloadOf(body)))
    if (Object.keys(traits).length === 0) throw new TypeError('The lead has no fields')
    const lead = ids.map((name) => idOf(traits[name])).find((id) => id !== undefined)
    const draft = draftOf(vendor, {
      type: 'identify',
      messageId: lead,
      ...(lead === undefined ? { anonymousId: uuid() } : { userId: lead }),
      originalTimestamp: timeOf(traits['created_time']),
      context: {
        traits,
        ...(lead === undefined ? {} : { externalId: [{ type: 'facebookLeadId', id: lead }] }),
      },
    })
    return [mapFields(draft, { ...traits }, mapping)]
  },
})

/** Where a lead may have its id, the surest place first. */
const ids = ['facebook_lead_id', 'id', 'lead_id', 'leadgen_id']

const mapping: FieldMapping = [
  ['full_name', 'context.traits.name'],
  ['first_name', 'context.traits.firstName'],
  ['last_name', 'context.traits.lastName'],
  ['phone_number', 'context.traits.phone'],
  ['date_of_birth', 'context.traits.birthday'],
  ['city', 'context.traits.address.city'],
  ['country', 'context.traits.address.country'],
  ['post_code', 'context.traits.address.postalCode'],
  ['state', 'context.traits.address.state'],
  ['street_address', 'context.traits.address.street'],
]

/** Facebook gives the answers to each question as a list, mostly of one. */
const unpack = (fields: Draft): Draft =>
  Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      Array.isArray(value) && value.length <= 1 ? (value[0] as unknown) : value,
    ]),
  )

/** Month, day and year with the time of day, in UTC; or a time as vendors write it otherwise. */
function timeOf(value: unknown): string | undefined {
  const text = typeof value === 'string' ? value.trim() : ''
  const [, month, day, year, hour, minute, second = '00'] =
    /^(\d\d?)\/(\d\d?)\/(\d{4})[ ,T]+(\d\d?):(\d\d)(?::(\d\d))?$/.exec(text) ?? []
  if (month === undefined) return stampOf(value)
  const two = (digits = ''): string => digits.padStart(2, '0')
  const iso = `${year}-${two(month)}-${two(day)}T${two(hour)}:${minute}:${second}.000Z`
  // A day that is not in the month, as February 30, would be read as one of the next.
  return stampOf(iso) === iso ? iso : undefined
}
