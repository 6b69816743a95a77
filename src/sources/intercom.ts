import { type Draft } from '../core/webhook-source.ts'
import { isRecord } from '../core/json.ts'
import { draftOf, mapFields, type FieldMapping, payloadOf, valueAt } from './shared/fields.ts'
import { hmacFault, signaturesIn } from './shared/signature.ts'
import { stampOf } from './shared/time.ts'
import { defineSource } from '../configure/define-source.ts'

const vendor = 'Intercom'

/**
 * Takes Intercom's notifications: one track per notification, named after its topic (`conversation.user.created`), with the
 * item as its properties. A ping makes no event.
 *
 * The person is the item itself, the contact in it, the first contact of a conversation or ticket, or its author: userId is
 * their `external_id` (`user_id` before version 2 of the API), anonymousId Intercom's own id, `context.traits` their email,
 * name and phone. An item without a person (a company, an admin) gives its own id as anonymousId. The messageId is that of
 * the notification.
 *
 * With a secret, calls must have `X-Hub-Signature`, a SHA-1 by the app's client secret. It has no time in it.
 *
 * https://developers.intercom.com/docs/references/2.13/webhooks/webhook-models,
 * https://developers.intercom.com/intercom-api-reference/v1.0/reference/signed-notifications (checked 2026-11-25)
 *
 * @example intercom({ secret: env.INTERCOM_SECRET })
 */
export const intercom = defineSource({
  name: 'intercom',
  settings: {
    secret: { type: 'secrets', about: "The app's client secret.", secret: true, optional: true },
  },
  verify: ({ headers, bytes }, { secret }, { now }) =>
    secret === undefined
      ? undefined
      : hmacFault(
          { signatures: signaturesIn(headers['x-hub-signature'], 'sha1='), content: bytes },
          { secrets: secret, hash: 'sha1', now: now() },
        ),
  map({ body }, _, { uuid }) {
    const payload = payloadOf(body)
    const { topic, id, app_id, created_at } = payload
    if (typeof topic !== 'string') throw new TypeError('The body is no notification of Intercom')
    if (topic === 'ping') return []
    const about = valueAt(payload, 'data.item')
    const item = isRecord(about) ? about : {}
    const draft = draftOf(vendor, {
      type: 'track',
      event: topic,
      ...(typeof id === 'string' ? { messageId: id } : {}),
      originalTimestamp: stampOf(created_at),
      properties: { ...item, app_id },
    })
    const found = personOf(item)
    mapFields(draft, found ?? item, found === undefined ? other : person)
    // What is left has nobody in it that could be known again.
    if (draft['userId'] === undefined) draft['anonymousId'] ??= id ?? uuid()
    return [draft]
  },
})

const person: FieldMapping = [
  [['external_id', 'user_id'], 'userId'],
  ['id', 'anonymousId'],
  ['email', 'context.traits.email'],
  ['name', 'context.traits.name'],
  ['phone', 'context.traits.phone'],
]

/** For items that are about nobody, and for events, which name their user without being one. */
const other: FieldMapping = [
  ['user_id', 'userId'],
  ['id', 'anonymousId'],
  ['email', 'context.traits.email'],
]

const people: ReadonlySet<unknown> = new Set(['user', 'contact', 'lead', 'visitor'])

/** Where an item has its person, the surest place first. */
const places = ['contact', 'user', 'contacts.contacts.0', 'contacts.0', 'source.author']

function personOf(item: Draft): Draft | undefined {
  if (people.has(item['type'])) return item
  return places
    .map((place) => valueAt(item, place))
    .find((one): one is Draft => isRecord(one) && people.has(one['type'] ?? 'contact'))
}
