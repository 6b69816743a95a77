import { type Draft, type WebhookCall } from '../core/webhook-source.ts'
import { draftOf, idOf, mapFields, type FieldMapping, sayingOf } from './shared/fields.ts'
import { stampOf } from './shared/time.ts'
import { defineSource } from '../configure/define-source.ts'

const vendor = 'Adjust'

/**
 * Takes Adjust's server callbacks, whose data are the parameters of their URL, by GET or POST: a track named after the
 * event's name, its token, or the kind of activity (`install`). All parameters are its properties; those that Adjust left
 * empty are not.
 *
 * The userId is a parameter `user_id`, if the app hands one to Adjust. The anonymousId is Adjust's own id of the device, or
 * the advertising or vendor id of the system. A callback without the parameter `activity_kind` or the event's name cannot be
 * mapped.
 *
 * Not verified: Adjust documents no signature. Whoever has the write key can send.
 *
 * https://help.adjust.com/en/article/server-callbacks, https://help.adjust.com/en/article/recommended-placeholders-callbacks
 * (checked 2026-11-25)
 *
 * @example adjust()
 */
export const adjust = defineSource({
  name: 'adjust',
  settings: {},
  takesGet: true,
  map({ query }, _, { uuid }) {
    if (Object.keys(query).length === 0) throw new TypeError('Query_parameters is missing')
    const properties = parametersOf(query)
    const firstOf = (names: readonly string[]) => names.map((name) => idOf(properties[name])).find(Boolean)
    const event = firstOf(['event_name', 'event', 'activity_kind'])
    if (event === undefined) throw new TypeError('The URL has no activity_kind')
    const draft = draftOf(vendor, {
      type: 'track',
      event,
      userId: firstOf(['user_id', 'userId']),
      anonymousId: firstOf(['adid', 'idfa', 'gps_adid', 'idfv', 'android_id']),
      originalTimestamp: stampOf(properties['created_at']),
      properties,
    })
    mapFields(draft, properties, mapping)
    if (draft['userId'] === undefined) draft['anonymousId'] ??= uuid()
    return [draft]
  },
})

/** Lists of one value become the value. */
function parametersOf(query: WebhookCall['query']): Draft {
  return sayingOf(
    Object.fromEntries(Object.entries(query).map(([name, values]) => [name, values.length === 1 ? values[0] : values])),
  )
}

const mapping: FieldMapping = [
  ['app_name', 'context.app.name'],
  [['app_version_short', 'app_version'], 'context.app.version'],
  [['bundle_id', 'app_id', 'store_app_id'], 'context.app.namespace'],
  [['idfa', 'gps_adid'], 'context.device.advertisingId'],
  [['adid', 'idfv', 'android_id'], 'context.device.id'],
  ['device_manufacturer', 'context.device.manufacturer'],
  [['device_model', 'device_name'], 'context.device.model'],
  ['device_type', 'context.device.type'],
  ['os_name', 'context.os.name'],
  ['os_version', 'context.os.version'],
  ['ip_address', 'context.ip'],
  ['user_agent', 'context.userAgent'],
  ['language', 'context.locale'],
  ['timezone', 'context.timezone'],
  ['campaign_name', 'context.campaign.name'],
  ['network_name', 'context.campaign.source'],
]
