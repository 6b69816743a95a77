import { draftOf, idOf, mapFields, payloadOf, sayingOf } from './shared/fields.ts'
import { anonymousIdOf } from './shared/hash.ts'
import { stampOf } from './shared/time.ts'
import { defineSource } from '../configure/define-source.ts'

const vendor = 'Facebook Lead Ads'

/**
 * Takes leads of Facebook forms as middlemen send them, flat: an identify per lead, with all fields in `context.traits`, and
 * name and phone by their usual names as well.
 *
 * The anonymousId is made of the email address, or else of the phone number or the lead's id; the lead's id is the messageId
 * and in `context.externalId`. A call with none of the three cannot be mapped.
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
  map({ body }) {
    const { id, lead_id, leadgen_id, created_time, ...traits } = sayingOf(payloadOf(body))
    const lead = idOf(id) ?? idOf(lead_id) ?? idOf(leadgen_id)
    const who = idOf(traits['email']) ?? idOf(traits['phone_number']) ?? lead
    if (who === undefined) throw new TypeError('The lead has neither email, phone_number nor id')
    const draft = draftOf(vendor, {
      type: 'identify',
      messageId: lead,
      anonymousId: anonymousIdOf(who),
      originalTimestamp: stampOf(created_time),
      context: {
        traits,
        ...(lead === undefined ? {} : { externalId: [{ type: 'facebookLeadId', id: lead }] }),
      },
    })
    return [
      mapFields(draft, traits, [
        ['full_name', 'context.traits.name'],
        ['first_name', 'context.traits.firstName'],
        ['last_name', 'context.traits.lastName'],
        ['phone_number', 'context.traits.phone'],
      ]),
    ]
  },
})
