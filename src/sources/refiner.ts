import { type Draft } from '../core/webhook-source.ts'
import { isRecord } from '../core/json.ts'
import { draftOf, idOf, mapFields, payloadOf, sayingOf, valueAt } from './shared/fields.ts'
import { stampOf } from './shared/time.ts'
import { defineSource } from '../configure/define-source.ts'

const vendor = 'Refiner'

/**
 * Takes Refiner's webhooks: an identify with what was answered in `traits` and what is known of the person in
 * `context.traits`, a track named after what happened (`Completed Survey`), and a group when an account is known.
 *
 * The userId is the id that the app gave to Refiner (`remote_id`, else the attribute `user_id`); without one, the anonymousId
 * is Refiner's own, which is in `context.externalId` in any case.
 *
 * Not verified: Refiner documents no signature. Whoever has the write key can send.
 *
 * https://refiner.io/docs/kb/integrations/webhooks/,
 * https://www.rudderstack.com/docs/sources/event-streams/cloud-apps/refiner/ (checked 2026-11-25)
 *
 * @example refiner()
 */
export const refiner = defineSource({
  name: 'refiner',
  settings: {},
  map({ body }) {
    const payload = payloadOf(body)
    const { triggered_event, attributes, segments, account, response, form, email, first_seen_at } = payload
    const own = idOf(payload['uuid'])
    const event = idOf(triggered_event)
    if (event === undefined) throw new TypeError('triggered_event is missing')
    const user = idOf(payload['remote_id']) ?? idOf(valueAt(attributes, 'user_id'))
    const anonymous = own ?? idOf(email)
    if (user === undefined && anonymous === undefined) throw new TypeError('remote_id and uuid are missing')
    const start: Draft = {
      ...(user === undefined ? { anonymousId: anonymous } : { userId: user }),
      originalTimestamp: whenOf(event, attributes),
    }
    const eventOf = (fields: Draft): Draft =>
      mapFields(draftOf(vendor, { ...start, ...fields, context: contextOf(fields, own) }), form, [
        ['name', 'context.formName'],
        ['uuid', 'context.formUuid'],
      ])
    return [
      eventOf({
        type: 'identify',
        traits: sayingOf(valueAt(response, 'data')),
        context: { traits: sayingOf({ ...sayingOf(attributes), email, segments, first_seen_at }) },
      }),
      mapFields(eventOf({ type: 'track', event, properties: {} }), payload, [
        ['response', 'properties.response'],
        ['form.name', 'properties.refiner_form_name'],
        ['form.uuid', 'properties.refiner_form_uuid'],
      ]),
      ...groupsOf(account).map(eventOf),
    ]
  },
})

/** Refiner's own id of the person is there in whatever way the app names them. */
const contextOf = ({ context }: Draft, own: string | undefined): Draft => ({
  ...(isRecord(context) ? context : {}),
  ...(own === undefined ? {} : { externalId: [{ type: 'refinerUserId', id: own }] }),
})

/** The time that Refiner keeps of such an event; of others it keeps none. */
function whenOf(event: string, attributes: unknown): string | undefined {
  if (event === 'Completed Survey') return stampOf(valueAt(attributes, 'last_form_submission_at'))
  return event === 'Saw Survey' ? stampOf(valueAt(attributes, 'last_form_view_at')) : undefined
}

/** Refiner makes an account for everybody; only one of which something is known is a group. */
function groupsOf(account: unknown): Draft[] {
  if (!isRecord(account)) return []
  const { remote_id, uuid, domain, display_name } = account
  const traits = sayingOf({ ...sayingOf(account['attributes']), domain, name: display_name })
  const groupId = idOf(remote_id) ?? idOf(uuid)
  if (groupId === undefined || (idOf(remote_id) === undefined && Object.keys(traits).length === 0)) return []
  return [{ type: 'group', groupId, traits }]
}
