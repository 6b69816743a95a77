import { type Draft } from '../core/webhook-source.ts'
import { draftOf, idOf, mapFields, type FieldMapping, payloadOf, valueAt } from './shared/fields.ts'
import { anonymousIdOf } from './shared/hash.ts'
import { flatten } from './shared/leaves.ts'
import { stampOf } from './shared/time.ts'
import { defineSource } from '../configure/define-source.ts'

const vendor = 'Signl4'

/**
 * Takes SIGNL4's outbound webhooks: a track named after the code of its type (200 is `New Alert Created`, 203
 * `Alert Annotated`); codes without a name are `Alert Updated`. The test of a new webhook, type 1, is answered by its own body.
 *
 * The anonymousId is made of the user's id, which is in `context.externalId` as well; what nobody did has that of the team or
 * the subscription. The messageId is the call's id, so that a repeat counts once.
 *
 * Not verified: SIGNL4 documents no signature. Whoever has the write key can send.
 *
 * https://www.signl4.com/outbound-webhooks/ (checked 2026-11-25)
 *
 * @example signl4()
 */
export const signl4 = defineSource({
  name: 'signl4',
  settings: {},
  map({ body, bytes }, _, { uuid }) {
    const payload = payloadOf(body)
    const { eventType, eventRaisedUtc, id } = payload
    if (idOf(eventType) === undefined) throw new TypeError('eventType is missing')
    if (Number(eventType) === 1)
      return { reply: { body: new TextDecoder().decode(bytes), contentType: 'application/json' } }
    const user = idOf(valueAt(payload, 'user.id'))
    const who = user ?? idOf(valueAt(payload, 'team.id')) ?? idOf(valueAt(payload, 'subscription.id'))
    const draft = draftOf(vendor, {
      type: 'track',
      event: eventOf(payload),
      messageId: idOf(id),
      anonymousId: who === undefined ? uuid() : anonymousIdOf(who),
      originalTimestamp: stampOf(eventRaisedUtc),
      ...(user === undefined ? {} : { context: { externalId: [{ type: 'signl4UserId', id: user }] } }),
      properties: { eventType },
    })
    mapFields(draft, payload, mapping)
    return [{ ...draft, properties: flatten(draft['properties'] as Draft) }]
  },
})

const names: ReadonlyMap<number, string> = new Map([
  [200, 'New Alert Created'],
  [201, 'Alert Confirmed'],
  [202, 'Alert Escalated'],
  [203, 'Alert Annotated'],
  [300, 'Duty Period Started'],
  [301, 'Duty Period Ended'],
  [302, 'Somebody Punched-In'],
  [303, 'Somebody Punched-Out'],
])

/** Of an alert that was confirmed, the status tells whether it is resolved. */
function eventOf(payload: Draft): string {
  const type = Number(payload['eventType'])
  if (type === 201 && valueAt(payload, 'alert.statusCode') === 4) return 'Alert Resolved'
  return names.get(type) ?? 'Alert Updated'
}

const mapping: FieldMapping = [
  ['user.username', 'context.traits.name'],
  ['user.mailaddress', 'context.traits.email'],
  ['team.id', 'properties.team.id'],
  ['subscription.id', 'properties.subscription.id'],
  ['annotation.id', 'properties.annotation.id'],
  ['annotation.message', 'properties.annotation.message'],
  ['alert.id', 'properties.alert.id'],
  ['alert.eventId', 'properties.alert.eventId'],
  ['alert.externalEventId', 'properties.alert.externalEventId'],
  ['alert.statusCode', 'properties.alert.statusCode'],
  ['alert.acknowledgedUserIds', 'properties.alert.acknowledgedUserIds'],
]
