import { type Draft } from '../core/webhook-source.ts'
import { draftOf, idOf, mapFields, type FieldMapping, payloadsOf, sayingOf } from './shared/fields.ts'
import { md5 } from './shared/hash.ts'
import { stampOf } from './shared/time.ts'
import { defineSource } from '../configure/define-source.ts'

const vendor = 'MailJet'

/**
 * Takes Mailjet's event webhooks, one event or a group of them: a track per event, named as Mailjet does (`open`).
 *
 * The userId is the `CustomID` that the sender gave to the message, or else the MD5 of the email address; events with neither
 * have Mailjet's id of the contact as their anonymousId. The ids of contact and list are in `context.externalId`. Mailjet
 * gives events no id, so that a repeat counts twice. Its `MessageID` is too long a number for JavaScript: the last digits of
 * `properties.mailJetMessageId` are rounded, `properties.mailJetMessageGuid` is exact.
 *
 * Not verified: Mailjet documents no signature. Whoever has the write key can send.
 *
 * https://dev.mailjet.com/email/guides/webhooks/ (checked 2026-11-25)
 *
 * @example mailjet()
 */
export const mailjet = defineSource({
  name: 'mailjet',
  settings: {},
  map: ({ body }, _, { uuid }) => payloadsOf(body).map((payload) => trackOf(payload, uuid)),
})

function trackOf(payload: Draft, uuid: () => string): Draft {
  const event = idOf(payload['event'])
  if (event === undefined) throw new TypeError('event is missing')
  const { mj_contact_id, mj_list_id } = payload
  const email = idOf(payload['email'])
  const contact = idOf(mj_contact_id)
  const user = idOf(payload['CustomID']) ?? idOf(payload['customId']) ?? (email === undefined ? undefined : md5(email))
  const externalId = [
    { type: 'mailjetContactId', id: mj_contact_id },
    { type: 'mailjetListId', id: mj_list_id },
  ].filter(({ id }) => idOf(id) !== undefined)
  const draft = draftOf(vendor, {
    type: 'track',
    event,
    ...(user === undefined ? { anonymousId: contact ?? uuid() } : { userId: user }),
    originalTimestamp: stampOf(payload['time']),
    ...(externalId.length === 0 ? {} : { context: { externalId } }),
    properties: {},
  })
  return mapFields(draft, sayingOf(payload), mapping)
}

const mapping: FieldMapping = [
  ['email', 'context.traits.email'],
  ['ip', ['properties.ip', 'context.ip']],
  ['agent', 'context.userAgent'],
  ['url', ['properties.url', 'context.page.url']],
  ['source', ['properties.source', 'context.campaign.source']],
  ['geo', 'properties.geo'],
  ['customcampaign', 'properties.customcampaign'],
  ['mj_campaign_id', 'properties.mj_campaign_id'],
  ['Payload', 'properties.Payload'],
  ['MessageID', 'properties.mailJetMessageId'],
  ['Message_GUID', 'properties.mailJetMessageGuid'],
  ['smtp_reply', 'properties.smtp_reply'],
  ['blocked', 'properties.blocked'],
  ['hard_bounce', 'properties.hard_bounce'],
  ['error_related_to', 'properties.error_related_to'],
  ['error', 'properties.error'],
  ['comment', 'properties.comment'],
]
