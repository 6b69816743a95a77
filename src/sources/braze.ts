import { type Draft } from '../core/webhook-source.ts'
import { isRecord } from '../core/json.ts'
import { draftOf, eachOf, mapFields, type FieldMapping, valueAt } from './shared/fields.ts'
import { eventNames, renameKeys } from './shared/names.ts'
import { stampOf } from './shared/time.ts'
import { defineSource } from '../configure/define-source.ts'

const vendor = 'Braze'

/**
 * Takes Braze Currents through its custom HTTP connector: one track per event, named as Braze does
 * (`users.messages.email.Open`) or as `eventNames` says. Events without a type or without any id of a user are passed over.
 *
 * The userId is the external id, the anonymousId Braze's own, the messageId the event's id. What is known of device, system,
 * email and phone goes into the context, other properties stay.
 *
 * Not verified: Currents are not signed; the connector's token comes in the Authorization header, which sources do not see
 * (the write key may be that token).
 *
 * https://www.braze.com/docs/user_guide/data/distribution/braze_currents/setting_up_currents/custom_http_connector/ (checked
 * 2026-11-25)
 *
 * @param input `eventNames` renames events
 * @example braze({ eventNames: 'users.messages.email.Open=Email Opened' })
 */
export const braze = defineSource({
  name: 'braze',
  settings: { eventNames },
  map({ body }, settings) {
    const events = valueAt(body, 'events') ?? valueAt(body, '0.events')
    if (!Array.isArray(events)) throw new TypeError('eventList should be an array')
    const drafts = eachOf<unknown>(events).flatMap((event) => trackOf(event, settings.eventNames))
    if (drafts.length === 0) throw new TypeError('All requests in the batch failed')
    return drafts
  },
})

const base: FieldMapping = [
  ['id', 'messageId'],
  ['user.user_id', 'anonymousId'],
  ['user.external_user_id', 'userId'],
  ['user.timezone', 'context.timezone'],
]

/** Properties that have a place of their own in an event. */
const placed: FieldMapping = [
  ['device_id', 'context.device.id'],
  ['device_model', 'context.device.model'],
  ['ad_id', 'context.device.advertisingId'],
  ['ad_tracking_enabled', 'context.device.adTrackingEnabled'],
  ['platform', 'context.os.name'],
  ['os_version', 'context.os.version'],
  ['carrier', 'context.network.carrier'],
  ['user_agent', 'context.userAgent'],
  ['email_address', 'context.traits.email'],
  [['to_phone_number', 'user_phone_number'], 'context.traits.phone'],
]

const placedNames: ReadonlySet<string> = new Set(placed.flatMap(([from]) => from))

function trackOf(event: unknown, names: string | undefined): Draft[] {
  if (!isRecord(event)) return []
  const type = event['event_type']
  if (typeof type !== 'string' || type === '') return []
  const properties = isRecord(event['properties']) ? event['properties'] : {}
  const draft = draftOf(vendor, {
    type: 'track',
    event: renameKeys(type, names),
    timestamp: stampOf(event['time']),
    properties: Object.fromEntries(Object.entries(properties).filter(([name]) => !placedNames.has(name))),
  })
  mapFields(draft, event, base)
  mapFields(draft, properties, placed)
  mapFields(draft, event, [['user.device_id', 'context.device.id']])
  return [draft['userId'], draft['anonymousId']].some((id) => typeof id === 'string' && id !== '') ? [draft] : []
}
