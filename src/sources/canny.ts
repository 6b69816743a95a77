import { type Draft } from '../core/webhook-source.ts'
import { isRecord } from '../core/json.ts'
import { draftOf, idOf, payloadOf } from './shared/fields.ts'
import { sha256 } from './shared/hash.ts'
import { isHmac } from './shared/signature.ts'
import { stampOf } from './shared/time.ts'
import { defineSource } from '../configure/define-source.ts'

const vendor = 'Canny'

/**
 * Takes Canny's webhooks: a track named as Canny does (`post.created`), with the object as its properties, without the person.
 *
 * The person is the voter of a vote, the author of anything else. Their userId is that of the customer; without one, the
 * anonymousId is the SHA-256 of their email address. Canny's own id is in `context.externalId`, the rest in `context.traits`.
 *
 * With a secret, calls must have `Canny-Signature`. Canny signs a random text but neither the body nor the time: the signature
 * proves that the sender knows the key or has seen one call, and no more.
 *
 * https://developers.canny.io/api-reference#webhooks (checked 2026-11-25)
 *
 * @example canny({ secret: env.CANNY_API_KEY })
 */
export const canny = defineSource({
  name: 'canny',
  settings: {
    secret: { type: 'secrets', about: "The team's API key, by which Canny signs.", secret: true, optional: true },
  },
  verify({ headers }, { secret }) {
    if (secret === undefined) return undefined
    const { 'canny-nonce': nonce, 'canny-signature': signature } = headers
    if (nonce === undefined || nonce === '' || signature === undefined) return 'the signature is missing'
    return isHmac(signature, nonce, { secrets: secret, encoding: 'base64' }) ? undefined : 'the signature is wrong'
  },
  map({ body }, _, { uuid }) {
    const { type, object, objectType, created } = payloadOf(body)
    if (typeof type !== 'string' || type.trim() === '' || !isRecord(object))
      throw new TypeError('The body is no event of Canny')
    const { author, voter, ...properties } = object
    const at = stampOf(created)
    return [
      draftOf(vendor, {
        type: 'track',
        event: type,
        ...personOf(type.startsWith('vote.') ? (voter ?? author) : author, uuid),
        timestamp: at,
        originalTimestamp: at,
        properties: { ...properties, objectType },
      }),
    ]
  },
})

function personOf(person: unknown, uuid: () => string): Draft {
  const { id: cannyId, userID, userId, ...traits } = isRecord(person) ? person : {}
  const known = idOf(userID) ?? idOf(userId)
  const id = idOf(cannyId)
  const email = idOf(traits['email'])
  return {
    ...(known === undefined
      ? { anonymousId: email === undefined ? (id ?? uuid()) : sha256(email) }
      : { userId: known }),
    context: {
      integration: { name: vendor, version: '1.0.0' },
      traits,
      ...(id === undefined ? {} : { externalId: [{ type: 'cannyUserId', id }] }),
    },
  }
}
