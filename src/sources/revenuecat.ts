import { type Draft, type WebhookCall } from '../core/webhook-source.ts'
import { isRecord } from '../core/json.ts'
import { draftOf, idOf, mapFields, payloadOf, valueAt } from './shared/fields.ts'
import { camelOf, eventNames, renameKeys } from './shared/names.ts'
import { hmacFault, signaturesIn, signedBody } from './shared/signature.ts'
import { stampOf } from './shared/time.ts'
import { defineSource } from '../configure/define-source.ts'

const vendor = 'RevenueCat'

/**
 * Takes RevenueCat's webhooks: a track named after the type (`INITIAL_PURCHASE`) or as `eventNames` says, with the event's
 * fields in camel case as its properties (`priceInPurchasedCurrency`).
 *
 * The userId is the app's id of the user, the anonymousId one that RevenueCat made (`$RCAnonymousID:…`), if there is one; a
 * transfer is of the first user who was transferred to. Email, name and phone of the subscriber are in `context.traits`. The
 * messageId is the event's id, so that a repeat counts once.
 *
 * With a secret, calls must have an `X-RevenueCat-Webhook-Signature` that is at most five minutes old. (The Authorization
 * header that RevenueCat can send as well is not seen by sources.)
 *
 * https://www.revenuecat.com/docs/integrations/webhooks,
 * https://www.revenuecat.com/docs/integrations/webhooks/event-types-and-fields (checked 2026-11-25)
 *
 * @param input `eventNames` renames events
 * @example revenuecat({ secret: env.REVENUECAT_SECRET, eventNames: 'INITIAL_PURCHASE=Subscription Started' })
 */
export const revenuecat = defineSource({
  name: 'revenuecat',
  settings: {
    secret: { type: 'secrets', about: "The webhook's signing secret.", secret: true, optional: true },
    eventNames,
  },
  verify: (hook, { secret }, { now }) =>
    secret === undefined ? undefined : hmacFault(signedBy(hook), { secrets: secret, now: now() }),
  map({ body }, settings) {
    const { event } = payloadOf(body)
    const type = idOf(valueAt(event, 'type'))
    if (!isRecord(event) || type === undefined) throw new TypeError('The body is no event of RevenueCat')
    const { id, event_timestamp_ms: at } = event
    const draft = draftOf(vendor, {
      type: 'track',
      event: renameKeys(type, settings.eventNames),
      messageId: idOf(id),
      originalTimestamp: stampOf(at),
      sentAt: stampOf(at),
      ...whoOf(event),
      properties: Object.fromEntries(Object.entries(event).map(([name, value]) => [camelOf(name), value])),
    })
    return [
      mapFields(draft, event['subscriber_attributes'], [
        ['$email.value', 'context.traits.email'],
        ['$displayName.value', 'context.traits.name'],
        ['$phoneNumber.value', 'context.traits.phone'],
      ]),
    ]
  },
})

/** `t=1795341588,v1=…`; several v1 while a secret is rolled. */
function signedBy({ headers, bytes }: WebhookCall) {
  const header = headers['x-revenuecat-webhook-signature']
  const [at] = signaturesIn(header, 't=')
  return { signatures: signaturesIn(header, 'v1='), content: signedBody(`${at ?? ''}.`, bytes), at }
}

const isAnonymous = (id: string): boolean => id.startsWith('$RCAnonymousID:')

/** A user has several ids, of the app's or of RevenueCat's own making; the first of each kind is the surest. */
function whoOf(event: Draft): Draft {
  const { app_user_id, original_app_user_id, aliases, transferred_to } = event
  const ids = [app_user_id, valueAt(transferred_to, '0'), original_app_user_id, aliases]
    .flat()
    .map(idOf)
    .filter((one) => one !== undefined)
  const [main] = ids
  if (main === undefined) throw new TypeError('app_user_id is missing')
  return {
    userId: ids.find((one) => !isAnonymous(one)),
    anonymousId: ids.find(isAnonymous),
    context: { externalId: [{ type: 'revenuecatAppUserId', id: main }] },
  }
}
