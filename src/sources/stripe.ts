import { type Draft, type WebhookCall } from '../core/webhook-source.ts'
import { isRecord } from '../core/json.ts'
import { draftOf, mapFields, type FieldMapping, payloadOf, valueAt } from './shared/fields.ts'
import { hmacFault, signaturesIn, signedBody } from './shared/signature.ts'
import { stampOf } from './shared/time.ts'
import { defineSource } from '../configure/define-source.ts'

const vendor = 'Stripe'

/**
 * Takes what Stripe's webhook endpoints get: one track per event, named as Stripe names it (`invoice.paid`). Its properties
 * are the object that the event is about, with `previous_attributes`, `livemode`, `account` and `api_version`. A version that
 * is only a day, as they were until September 2024, has a `v` before it (`v2024-06-20`), so that all of them are text.
 *
 * The userId is what the shop itself wrote into Stripe: `metadata.userId` or `metadata.user_id` of the object or its
 * subscription, else `client_reference_id`. The anonymousId is the customer's id, else that of the connected account, else
 * that of the object. The messageId is the event's id, so that a repeat counts once.
 *
 * With a secret, calls must have a `Stripe-Signature` that is at most five minutes old.
 *
 * https://docs.stripe.com/webhooks/signature, https://docs.stripe.com/api/events/object (as others
 * describe them, checked 2026-11-25)
 *
 * @example stripe({ secret: env.STRIPE_SECRET })
 */
export const stripe = defineSource({
  name: 'stripe',
  settings: {
    secret: { type: 'secrets', about: "The endpoint's signing secret, whsec_….", secret: true, optional: true },
  },
  verify: (hook, { secret }, { now }) =>
    secret === undefined ? undefined : hmacFault(signedBy(hook), { secrets: secret, now: now() }),
  map({ body }) {
    const payload = payloadOf(body)
    const { type, id, created } = payload
    if (typeof type !== 'string' || typeof id !== 'string') throw new TypeError('The body is no event of Stripe')
    const object = objectOf(payload)
    const draft = draftOf(vendor, {
      type: 'track',
      event: type,
      messageId: id,
      originalTimestamp: stampOf(created),
      properties: propertiesOf(payload, object),
    })
    identify(draft, object)
    draft['anonymousId'] ??= payload['account'] ?? object['id'] ?? valueAt(payload, 'related_object.id') ?? id
    return [draft]
  },
})

/** `t=1492774577,v1=…,v1=…,v0=…`: several v1 while a secret is rolled; v0 is for test events and no proof. */
function signedBy({ headers, bytes }: WebhookCall) {
  const header = headers['stripe-signature']
  const [at] = signaturesIn(header, 't=')
  return { signatures: signaturesIn(header, 'v1='), content: signedBody(`${at ?? ''}.`, bytes), at }
}

const objectOf = (payload: Draft): Draft => {
  const object = valueAt(payload, 'data.object')
  return isRecord(object) ? object : {}
}

/** Thin events have no object: their `data` and a reference to the object are all they say. */
function propertiesOf(payload: Draft, object: Draft): Draft {
  const { data, livemode, account, api_version, related_object } = payload
  const { object: _, previous_attributes, ...rest } = isRecord(data) ? data : {}
  return {
    ...rest,
    ...object,
    previous_attributes,
    livemode,
    account,
    api_version: versionOf(api_version),
    related_object,
  }
}

/** Versions before September 2024 are days: a warehouse would make a column of days, into which `2025-04-30.basil` does not fit. */
const versionOf = (version: unknown): unknown =>
  typeof version === 'string' && /^\d{4}-\d\d-\d\d$/.test(version) ? `v${version}` : version

const users: FieldMapping = [
  [
    [
      'metadata.userId',
      'metadata.user_id',
      'subscription_details.metadata.userId',
      'subscription_details.metadata.user_id',
      'parent.subscription_details.metadata.userId',
      'parent.subscription_details.metadata.user_id',
      'client_reference_id',
    ],
    'userId',
  ],
  [
    ['customer_email', 'customer_details.email', 'receipt_email', 'billing_details.email', 'email'],
    'context.traits.email',
  ],
  [['customer_name', 'customer_details.name', 'billing_details.name'], 'context.traits.name'],
]

/** Says whose event it is, as far as the object tells. */
function identify(draft: Draft, object: Draft): void {
  mapFields(draft, object, users)
  const customer =
    object['object'] === 'customer' ? object['id'] : (valueAt(object, 'customer.id') ?? object['customer'])
  if (typeof customer !== 'string') return
  draft['anonymousId'] = customer
  mapFields(draft, { externalId: [{ type: 'stripeCustomerId', id: customer }] }, [['externalId', 'context.externalId']])
  if (object['object'] === 'customer') mapFields(draft, object, [['name', 'context.traits.name']])
}
