import { isRecord } from '../core/json.ts'
import { draftOf, idOf, payloadOf } from './shared/fields.ts'
import { anonymousIdOf } from './shared/hash.ts'
import { hmacFault, signedBody } from './shared/signature.ts'
import { utcStampOf } from './shared/time.ts'
import { defineSource } from '../configure/define-source.ts'

const vendor = 'CloseCRM'

/**
 * Takes Close's webhooks: a track named after the object and what became of it (`lead updated`, `activity.call created`), with
 * the event as its properties.
 *
 * The userId is the lead's id; what belongs to no lead has an anonymousId made of the object's id. The messageId is the
 * event's id with the time of its last change, since Close adds later changes to an event that it has already sent.
 *
 * With a secret, calls must have `Close-Sig-Hash`, and a `Close-Sig-Timestamp` of the last five minutes.
 *
 * https://developer.close.com/api/resources/webhooks, https://developer.close.com/api/resources/events (checked 2026-11-25)
 *
 * @example closeCrm({ secret: env.CLOSE_SIGNATURE_KEY })
 */
export const closeCrm = defineSource({
  name: 'close_crm',
  settings: {
    secret: {
      type: 'secrets',
      about: "The subscription's signature key, in hexadecimal.",
      secret: true,
      optional: true,
      check: (key: string) => (/^(?:[\da-f]{2})+$/i.test(key) ? undefined : 'must be hexadecimal'),
    },
  },
  verify({ headers, bytes }, { secret }, { now }) {
    if (secret === undefined) return undefined
    const { 'close-sig-hash': signature, 'close-sig-timestamp': at } = headers
    return hmacFault(
      { signatures: signature === undefined ? [] : [signature], content: signedBody(at ?? '', bytes), at },
      { secrets: secret.map((key) => Buffer.from(key, 'hex')), now: now() },
    )
  },
  map({ body }, _, { uuid }) {
    const { event, subscription_id } = payloadOf(body)
    const { object_type: type, action, id, lead_id: lead, object_id: object, ...rest } = isRecord(event) ? event : {}
    if (idOf(type) === undefined || idOf(action) === undefined) throw new TypeError('The body is no event of Close')
    const { date_updated: updated, date_created: created } = rest
    const who = idOf(object) ?? idOf(id)
    return [
      draftOf(vendor, {
        type: 'track',
        event: `${idOf(type)} ${idOf(action)}`,
        ...(idOf(id) === undefined ? {} : { messageId: [id, updated].filter(Boolean).join(':') }),
        ...(idOf(lead) === undefined
          ? { anonymousId: who === undefined ? uuid() : anonymousIdOf(who) }
          : { userId: lead, context: { externalId: [{ type: 'closeLeadId', id: lead }] } }),
        originalTimestamp: utcStampOf(updated ?? created),
        properties: { ...(isRecord(event) ? event : {}), subscription_id },
      }),
    ]
  },
})
