import { type Draft } from '../core/webhook-source.ts'
import { draftOf, mapFields, type FieldMapping, payloadOf, valueAt } from './shared/fields.ts'
import { hmacFault, signedBody } from './shared/signature.ts'
import { stampOf } from './shared/time.ts'
import { defineSource } from '../configure/define-source.ts'

const vendor = 'Customer.io'

/**
 * Takes Customer.io's reporting webhooks: a track named after the channel and what became of the message (`Email Opened`,
 * `Push Link Clicked`, `Slack Message Sent`), `Unknown Event` for what has no such name (its `object_type` and `metric` are
 * kept as properties).
 *
 * The userId is the person's id, or else the anonymousId is their email address, or else Customer.io's own id. The messageId is the call's event_id.
 *
 * With a secret, calls must have `X-CIO-Signature`, and an `X-CIO-Timestamp` of the last five minutes.
 *
 * https://docs.customer.io/api/webhooks/, https://docs.customer.io/journeys/webhooks/ (checked 2026-11-25)
 *
 * @example customerio({ secret: env.CUSTOMERIO_SECRET })
 */
export const customerio = defineSource({
  name: 'customerio',
  settings: {
    secret: { type: 'secrets', about: "The webhook's signing key.", secret: true, optional: true },
  },
  verify({ headers, bytes }, { secret }, { now }) {
    if (secret === undefined) return undefined
    const { 'x-cio-timestamp': at, 'x-cio-signature': signature } = headers
    const content = signedBody(`v0:${at ?? ''}:`, bytes)
    return hmacFault(
      { signatures: signature === undefined ? [] : [signature], content, at },
      { secrets: secret, now: now() },
    )
  },
  map({ body }) {
    const payload = payloadOf(body)
    const { object_type: type, metric, timestamp } = payload
    const event = eventOf(type, metric)
    const at = stampOf(timestamp)
    const draft = draftOf(vendor, {
      type: 'track',
      event: event ?? unknown,
      originalTimestamp: at,
      sentAt: at,
      properties: event === undefined ? { objectType: type, metric } : {},
    })
    return [withIdentity(mapFields(draft, payload, mapping), payload)]
  },
})

const unknown = 'Unknown Event'

/** What begins the names of events about messages, by object_type. */
const channels: Readonly<Record<string, string>> = {
  email: 'Email',
  sms: 'SMS',
  push: 'Push',
  slack: 'Slack Message',
  webhook: 'Webhook Message',
}

/** What ends them, by metric. */
const metrics: Readonly<Record<string, string>> = {
  attempted: 'Attempted',
  bounced: 'Bounced',
  clicked: 'Link Clicked',
  converted: 'Converted',
  deferred: 'Deferred',
  delivered: 'Delivered',
  drafted: 'Drafted',
  dropped: 'Dropped',
  failed: 'Failed',
  opened: 'Opened',
  sent: 'Sent',
  spammed: 'Marked as Spam',
  subscribed: 'Subscribed',
  unsubscribed: 'Unsubscribed',
}

function eventOf(type: unknown, metric: unknown): string | undefined {
  const outcome = pickNamed(metrics, metric)
  if (type === 'customer')
    return metric === 'subscribed' || metric === 'unsubscribed' ? `Customer ${outcome}` : undefined
  const channel = pickNamed(channels, type)
  return channel === undefined || outcome === undefined ? undefined : `${channel} ${outcome}`
}

const pickNamed = (names: Readonly<Record<string, string>>, key: unknown): string | undefined =>
  typeof key === 'string' && Object.hasOwn(names, key) ? names[key] : undefined

const mapping: FieldMapping = [
  [['data.customer_id', 'data.identifiers.id'], 'userId'],
  [['data.identifiers.email', 'data.recipient', 'data.email_address'], 'context.traits.email'],
  ['data.identifiers.cio_id', 'context.traits.cioId'],
  ['event_id', ['messageId', 'properties.eventId']],
  ['data.action_id', 'properties.actionId'],
  ['data.broadcast_id', 'properties.broadcastId'],
  ['data.campaign_id', 'properties.campaignId'],
  ['data.content_id', 'properties.contentId'],
  ['data.delivery_id', 'properties.deliveryId'],
  ['data.journey_id', 'properties.journeyId'],
  ['data.newsletter_id', 'properties.newsletterId'],
  ['data.parent_action_id', 'properties.parentActionId'],
  ['data.transactional_message_id', 'properties.transactionalMessageId'],
  ['data.trigger_id', 'properties.triggerId'],
  ['data.subject', 'properties.emailSubject'],
  ['data.content', 'properties.content'],
  ['data.failure_message', 'properties.reason'],
  ['data.href', 'properties.link.url'],
  ['data.link_id', 'properties.link.id'],
  ['data.device_id', 'properties.deviceId'],
  ['data.device_platform', 'properties.devicePlatform'],
  ['data.recipients', 'properties.recipients'],
]

function withIdentity(draft: Draft, payload: Draft): Draft {
  const recipient = valueAt(payload, 'data.recipient')
  // A message may go to another address than the person's, or to a phone.
  if (recipient !== valueAt(draft, 'context.traits.email'))
    mapFields(draft, { recipient }, [['recipient', 'properties.recipient']])
  if (draft['userId'] === undefined || draft['userId'] === '')
    draft['anonymousId'] = valueAt(draft, 'context.traits.email') ?? valueAt(payload, 'data.identifiers.cio_id')
  return draft
}
