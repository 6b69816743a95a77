import { draftOf, idOf, mapFields, type FieldMapping, payloadOf, sayingOf, setAt, valueAt } from './shared/fields.ts'
import { utcStampOf } from './shared/time.ts'
import { defineSource } from '../configure/define-source.ts'

const vendor = 'AF'

/**
 * Takes AppsFlyer's Push API: a track named after `event_name` (`install`, `af_purchase`). What has a place of its own in an
 * event is put there, the rest are its properties; null and empty fields are left out.
 *
 * The userId is the app's `customer_user_id`, the anonymousId AppsFlyer's id of the device, which is in `context.externalId` as
 * well. Times are in UTC. Calls without an event's name cannot be mapped.
 *
 * Not verified: AppsFlyer documents no signature. Whoever has the write key can send.
 *
 * https://support.appsflyer.com/hc/en-us/articles/207034356-Push-API-V2,
 * https://www.rudderstack.com/docs/sources/event-streams/cloud-apps/appsflyer/ (checked 2026-11-25)
 *
 * @example appsflyer()
 */
export const appsflyer = defineSource({
  name: 'appsflyer',
  settings: {},
  map({ body }, _, { uuid }) {
    const payload = sayingOf(payloadOf(body))
    const event = idOf(payload['event_name'])
    if (event === undefined) throw new TypeError('event_name is missing')
    const id = idOf(payload['appsflyer_id'])
    const at = utcStampOf(payload['event_time'])
    const draft = draftOf(vendor, {
      type: 'track',
      event,
      userId: idOf(payload['customer_user_id']),
      anonymousId: id,
      timestamp: at,
      originalTimestamp: at,
      ...(id === undefined ? {} : { context: { externalId: [{ type: 'appsflyerExternalId', value: id }] } }),
      properties: Object.fromEntries(Object.entries(payload).filter(([name]) => !placedNames.has(name))),
    })
    mapFields(draft, payload, placed)
    if (valueAt(draft, 'context.device.advertisingId') !== undefined)
      setAt(draft, 'context.device.adTrackingEnabled', true)
    if (draft['userId'] === undefined) draft['anonymousId'] ??= uuid()
    return [draft]
  },
})

const placed: FieldMapping = [
  ['customer_user_id', 'context.traits.userId'],
  ['ip', 'context.ip'],
  ['selected_timezone', 'context.timezone'],
  ['user_agent', 'context.userAgent'],
  ['bundle_id', 'context.app.namespace'],
  ['app_version', 'context.app.version'],
  ['app_name', 'context.app.name'],
  ['device_type', 'context.device.model'],
  ['wifi', 'context.network.wifi'],
  ['carrier', 'context.network.carrier'],
  ['platform', ['platform', 'context.os.name']],
  [['idfa', 'android_id'], 'context.device.advertisingId'],
  ['os_version', 'context.os.version'],
  ['city', ['traits.address.city', 'context.traits.address.city']],
  ['postal_code', ['traits.address.zip', 'context.traits.address.zip']],
  ['country_code', ['traits.address.country', 'context.traits.address.country']],
]

const placedNames: ReadonlySet<string> = new Set(['event_time', 'appsflyer_id', ...placed.flatMap(([from]) => from)])
