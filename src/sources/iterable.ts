import { isRecord } from '../core/json.ts'
import { draftOf, payloadOf } from './shared/fields.ts'
import { md5 } from './shared/hash.ts'
import { stampOf } from './shared/time.ts'
import { defineSource } from '../configure/define-source.ts'

const vendor = 'Iterable'

/**
 * Takes Iterable's system webhooks: a track named as Iterable does (`emailOpen`), with `dataFields` as its properties.
 *
 * The userId is Iterable's, or else made of the email address, its MD5; the address may be among the `dataFields`. Calls without an event's name, or with neither
 * userId nor email, cannot be mapped. Iterable gives events no id (its `messageId` is that of the message, the same for all
 * that happens to it), so that a repeat counts twice.
 *
 * Not verified: the webhooks are not signed; their token comes in the Authorization header, which sources do not see.
 *
 * https://support.iterable.com/hc/en-us/articles/208013936-System-Webhooks (checked 2026-11-25)
 *
 * @example iterable()
 */
export const iterable = defineSource({
  name: 'iterable',
  settings: {},
  map({ body }) {
    const { email, userId, eventName, dataFields } = payloadOf(body)
    if (typeof eventName !== 'string' || eventName === '') throw new TypeError('eventName is missing')
    const known = typeof userId === 'string' && userId !== ''
    const fields = isRecord(dataFields) ? dataFields : {}
    const address = [email, fields['email']].find((one) => typeof one === 'string' && one !== '') as string | undefined
    if (!known && address === undefined) throw new TypeError('userId and email are missing')
    const properties = Object.fromEntries(
      Object.entries(fields).filter(([name, value]) => name !== 'email' || value !== address),
    )
    return [
      draftOf(vendor, {
        type: 'track',
        event: eventName,
        userId: known ? userId : md5(address ?? ''),
        timestamp: stampOf(properties['createdAt']),
        context: {
          integration: { name: vendor, version: '1.0.0' },
          ...(address === undefined ? {} : { traits: { email: address } }),
        },
        properties,
      }),
    ]
  },
})
