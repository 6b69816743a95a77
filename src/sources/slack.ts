import { type Draft } from '../core/webhook-source.ts'
import { isRecord } from '../core/json.ts'
import { draftOf, mapFields, payloadOf, valueAt } from './shared/fields.ts'
import { anonymousIdOf } from './shared/hash.ts'
import { eventNames, renameKeys } from './shared/names.ts'
import { hmacFault, signaturesIn, signedBody } from './shared/signature.ts'
import { stampOf } from './shared/time.ts'
import { defineSource } from '../configure/define-source.ts'

const vendor = 'Slack'

/**
 * Takes the Events API of a Slack app: `team_join` and `user_change` become identifies, everything else a track named after
 * the event's type, with the whole event as properties. The challenge of a new URL is answered.
 *
 * The anonymousId is made of the Slack user's id, which is in `context.externalId` as well; of a user's profile, email, name
 * and time zone go into the context. Events without a user cannot be mapped. The messageId is Slack's event_id, which stays
 * when Slack tries again.
 *
 * With a secret, calls must have `X-Slack-Signature`, and a timestamp of the last five minutes.
 *
 * https://api.slack.com/authentication/verifying-requests-from-slack (checked 2026-11-25)
 *
 * @param input `eventNames` renames events
 * @example slack({ secret: env.SLACK_SECRET, eventNames: 'reaction_added=Reaction Added' })
 */
export const slack = defineSource({
  name: 'slack',
  settings: {
    secret: { type: 'string', about: "The app's signing secret.", secret: true, optional: true },
    eventNames,
  },
  verify({ headers, bytes }, { secret }, { now }) {
    if (secret === undefined) return undefined
    const { 'x-slack-request-timestamp': at, 'x-slack-signature': signature } = headers
    const content = signedBody(`v0:${at ?? ''}:`, bytes)
    return hmacFault({ signatures: signaturesIn(signature, 'v0='), content, at }, { secret, now: now() })
  },
  map({ body }, settings) {
    const payload = payloadOf(body)
    const { type, challenge, event, event_id, event_time } = payload
    if (type === 'url_verification' && typeof challenge === 'string')
      return { reply: { body: JSON.stringify({ challenge }), contentType: 'application/json' } }
    if (!isRecord(event)) throw new TypeError('Missing the required event data')
    const user = idOf(event)
    const name = String(event['type'])
    const draft = draftOf(vendor, {
      ...(identifying.has(name)
        ? { type: 'identify' }
        : { type: 'track', event: renameKeys(name, settings.eventNames) }),
      ...(typeof event_id === 'string' ? { messageId: event_id } : {}),
      anonymousId: anonymousIdOf(user),
      originalTimestamp: stampOf(event['ts']) ?? stampOf(event['event_ts']) ?? stampOf(event_time),
      sentAt: stampOf(event_time),
      context: { externalId: [{ type: 'slackUserId', id: user }] },
      properties: event,
    })
    return [
      mapFields(draft, event, [
        ['user.profile.email', 'context.traits.email'],
        [['user.real_name', 'user.profile.real_name', 'user.name'], 'context.traits.name'],
        ['user.tz', 'context.timezone'],
      ]),
    ]
  },
})

const identifying: ReadonlySet<string> = new Set(['team_join', 'user_change'])

/** The user is an id, or an object with one. */
function idOf(event: Draft): string {
  const id = valueAt(event, 'user.id') ?? event['user']
  if (typeof id !== 'string' || id === '') throw new TypeError('UserId not found')
  return id
}
