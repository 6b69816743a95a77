import { isRecord } from '../core/json.ts'
import { draftOf, payloadOf } from './shared/fields.ts'
import { anonymousIdOf } from './shared/hash.ts'
import { titleOf } from './shared/names.ts'
import { stampOf } from './shared/time.ts'
import { defineSource } from '../configure/define-source.ts'

const vendor = 'MONDAY'

/**
 * Takes the webhooks of monday.com boards: a track named after the type (`create_pulse` is `Create Pulse`), with the event's
 * fields as properties. The challenge of a new URL is answered by its own body.
 *
 * The anonymousId is made of the monday.com user's id, which is in `context.externalId` as well. Calls without a user cannot
 * be mapped.
 *
 * Not verified: webhooks of a board are not signed, and those of an app have a token in the Authorization header, which
 * sources do not see. Whoever has the write key can send.
 *
 * https://developer.monday.com/api-reference/docs/webhooks (checked 2026-11-25)
 *
 * @example monday()
 */
export const monday = defineSource({
  name: 'monday',
  settings: {},
  map({ body, bytes }) {
    const payload = payloadOf(body)
    if (payload['challenge'] !== undefined)
      return { reply: { body: new TextDecoder().decode(bytes), contentType: 'application/json' } }
    const { userId, triggerTime, ...properties } = isRecord(payload['event']) ? payload['event'] : {}
    if (typeof userId !== 'number' && typeof userId !== 'string') throw new TypeError('UserId not found')
    return [
      draftOf(vendor, {
        type: 'track',
        event: titleOf(String(properties['type'] ?? '')),
        anonymousId: anonymousIdOf(userId),
        originalTimestamp: stampOf(triggerTime),
        context: { externalId: [{ type: 'mondayUserId', id: userId }] },
        properties,
      }),
    ]
  },
})
