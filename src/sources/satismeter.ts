import { isRecord } from '../core/json.ts'
import { draftOf, idOf, mapFields, type FieldMapping, payloadOf, sayingOf } from './shared/fields.ts'
import { stampOf } from './shared/time.ts'
import { defineSource } from '../configure/define-source.ts'

const vendor = 'SATISMETER'

/**
 * Takes SatisMeter's webhooks: a track `Survey completed`, `Survey dismissed` or whatever happened, with answers, rating and
 * category as its properties.
 *
 * The userId is the app's id of the user, the anonymousId SatisMeter's, or else that of the response; the user's traits, the campaign, the device and the
 * page are in the context. A response may be sent several times, as answers come in: each is an event of its own.
 *
 * Not verified: SatisMeter documents no signature. Whoever has the write key can send.
 *
 * https://support.satismeter.com/hc/en-us/articles/6980495785107-Webhooks,
 * https://www.rudderstack.com/docs/sources/event-streams/cloud-apps/satismeter/ (checked 2026-11-25)
 *
 * @example satismeter()
 */
export const satismeter = defineSource({
  name: 'satismeter',
  settings: {},
  map({ body }, _, { uuid }) {
    const payload = payloadOf(body)
    const { event, response, traits } = payload
    if (idOf(event) === undefined || !isRecord(response)) throw new TypeError('The body is no event of SatisMeter')
    const user = sayingOf(response['user'])
    const draft = draftOf(vendor, {
      type: 'track',
      event: `Survey ${idOf(event)}`,
      userId: idOf(user['userId']),
      anonymousId: idOf(user['id']) ?? idOf(response['id']),
      originalTimestamp: stampOf(response['created']),
      ...(isRecord(traits) ? { context: { traits: { ...traits } } } : {}),
      properties: {},
    })
    mapFields(draft, payload, mapping)
    if (draft['userId'] === undefined) draft['anonymousId'] ??= uuid()
    return [draft]
  },
})

const mapping: FieldMapping = [
  ['response.answers', 'properties.answers'],
  ['response.pending', 'properties.surveyPending'],
  ['response.dismissed', 'properties.surveyDismissed'],
  ['response.created', 'properties.receivedAt'],
  ['response.category', 'properties.category'],
  ['response.rating', 'properties.rating'],
  ['response.score', 'properties.score'],
  ['response.feedback', 'properties.feedback'],
  ['response.id', 'properties.responseId'],
  ['response.method', 'properties.method'],
  ['response.user.name', 'context.traits.name'],
  ['response.user.email', 'context.traits.email'],
  ['response.user.deleted', 'context.traits.userDeleted'],
  ['response.user.groups', 'traits.groups'],
  ['response.location', 'context.location'],
  ['response.device', 'context.device'],
  ['response.language', 'context.locale'],
  ['response.referrer', 'context.page.referrer'],
  ['campaign', 'context.campaign'],
]
