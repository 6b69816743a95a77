import { type Draft } from '../core/webhook-source.ts'
import { isRecord } from '../core/json.ts'
import { draftOf, idOf, payloadsOf, sayingOf, valueAt } from './shared/fields.ts'
import { stampOf } from './shared/time.ts'
import { defineSource } from '../configure/define-source.ts'

const vendor = 'Cordial'

/**
 * Takes Cordial's webhooks, one or a batch of `{ contact, event }`: a track per event, named as Cordial does (`open`); the
 * mobile `crdl_app_install` is `Application Installed`, `crdl_app_open` is `Application Opened`. The event's own properties
 * are the properties, with the other fields of the event beside them.
 *
 * The anonymousId is Cordial's id of the contact, which is in `context.externalId` as well; the contact is in `context.traits`,
 * email address and phone of its channels by those names. The messageId is the event's id.
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
  const { _id: id, a, action, time, ts, cID, properties, ...rest } = isRecord(event) ? event : {}
  const name = idOf(action) ?? idOf(a)
  if (name === undefined) throw new TypeError('The event has no action')
  const who = idOf(valueAt(contact, 'cID')) ?? idOf(cID) ?? idOf(valueAt(contact, '_id'))
  const at = stampOf(time) ?? stampOf(ts)
  return draftOf(vendor, {
    type: 'track',
    event: Object.hasOwn(names, name) ? names[name] : name,
    messageId: idOf(id),
    anonymousId: who ?? uuid(),
    timestamp: at,
    originalTimestamp: at,
    context: {
      traits: traitsOf(contact),
      ...(who === undefined ? {} : { externalId: [{ type: 'cordialContactId', id: who }] }),
    },
    properties: { ...rest, ...(isRecord(properties) ? properties : {}) },
  })
}

function traitsOf(contact: unknown): Draft {
  const { channels, ...rest } = isRecord(contact) ? contact : {}
  return sayingOf({
    ...rest,
    email: valueAt(channels, 'email.address') ?? rest['email'],
    phone: valueAt(channels, 'sms.address') ?? rest['phone'],
    subscribeStatus: valueAt(channels, 'email.subscribeStatus'),
  })
}
