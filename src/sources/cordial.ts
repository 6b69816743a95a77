import { type Draft } from '../core/webhook-source.ts'
import { isRecord } from '../core/json.ts'
import { draftOf, idOf, payloadsOf, sayingOf, valueAt } from './shared/fields.ts'
import { stampOf } from './shared/time.ts'
import { defineSource } from '../configure/define-source.ts'

const vendor = 'Cordial'

/**
 * Takes Cordial's webhooks, one or a batch of `{ contact, event }`: a track per event, named as Cordial does (`open`); the
 * mobile `crdl_app_install` is `Application Installed`, `crdl_app_open` is `Application Opened`. The event's own properties
 * are the properties, with the other fields of the event beside them; its device (`d`) is in the context.
 *
 * The userId is Cordial's id of the contact (`_id`), the `cID` of the contact is in `context.externalId`, and the contact in
 * `context.traits`, email address and phone of its channels by those names as well. Without a contact, the anonymousId is the
 * event's `cID`. The messageId is the event's id, and the time that of `ts`.
 *
 * Not verified: Cordial documents no signature. Whoever has the write key can send.
 *
 * https://support.cordial.com/hc/en-us/articles/13584534464141-Webhooks,
 * https://www.rudderstack.com/docs/sources/event-streams/cloud-apps/cordial/ (checked 2026-11-25)
 *
 * @example cordial()
 */
export const cordial = defineSource({
  name: 'cordial',
  settings: {},
  map: ({ body }, _, { uuid }) => payloadsOf(body).map((payload) => trackOf(payload, uuid)),
})

const names: Readonly<Record<string, string>> = {
  crdl_app_install: 'Application Installed',
  crdl_app_open: 'Application Opened',
}

function trackOf({ contact, event }: Draft, uuid: () => string): Draft {
  const { _id: id, d, properties, ...rest } = isRecord(event) ? event : {}
  const name = idOf(rest['action']) ?? idOf(rest['a'])
  if (name === undefined) throw new TypeError('The event has no action')
  const user = idOf(valueAt(contact, '_id'))
  const known = idOf(valueAt(contact, 'cID'))
  const at = stampOf(rest['ts']) ?? stampOf(rest['time'])
  return draftOf(vendor, {
    type: 'track',
    event: Object.hasOwn(names, name) ? names[name] : name,
    messageId: idOf(id),
    ...(user === undefined ? { anonymousId: known ?? idOf(rest['cID']) ?? uuid() } : { userId: user }),
    timestamp: at,
    originalTimestamp: at,
    sentAt: at,
    context: {
      traits: traitsOf(contact),
      ...(known === undefined ? {} : { externalId: [{ type: 'cordialContactId', id: known }] }),
      ...(isRecord(d) ? { device: d } : {}),
    },
    properties: {
      ...rest,
      event_id: id,
      ...(isRecord(properties) ? properties : {}),
      ...(d === undefined || isRecord(d) ? {} : { d }),
    },
  })
}

function traitsOf(contact: unknown): Draft {
  const traits = isRecord(contact) ? contact : {}
  const { channels } = traits
  return sayingOf({
    ...traits,
    userId: idOf(traits['_id']),
    email: valueAt(channels, 'email.address') ?? traits['email'],
    phone: valueAt(channels, 'sms.address') ?? traits['phone'],
    subscribeStatus: valueAt(channels, 'email.subscribeStatus') ?? traits['subscribeStatus'],
  })
}
