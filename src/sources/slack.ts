import { type Draft, type Mapped } from '../core/webhook-source.ts'
import { parseJsonKeepingDigits } from '../core/json-parse.ts'
import { isRecord } from '../core/json.ts'
import { draftOf, idOf, mapFields, payloadOf, valueAt } from './shared/fields.ts'
import { anonymousIdOf } from './shared/hash.ts'
import { eventNames, renameKeys, titleOf } from './shared/names.ts'
import { hmacFault, signaturesIn, signedBody } from './shared/signature.ts'
import { stampOf } from './shared/time.ts'
import { defineSource } from '../configure/define-source.ts'

const vendor = 'SLACK'

/**
 * Takes what Slack sends to an app: the Events API, slash commands and interactions. `team_join` and `user_change` become
 * identifies, everything else a track in words (`reaction_added` is `Reaction Added`) or as `eventNames` says, with the whole
 * event as properties. The challenge of a new URL is answered, Slack's look at the certificate makes no event.
 *
 * The anonymousId is made of the Slack user's id, which is in `context.externalId` as well; of a user's profile, email, name
 * and time zone go into the context. What no user did has the id of the bot, the channel or the team in the same way. The
 * messageId is Slack's event_id, which stays when Slack tries again.
 *
 * A slash command is `Slash Command`, an interaction has the words of its type (`Block Actions`). Both are answered by an
 * empty body, since Slack shows any other to the user; what could be used to answer for the app (`token`, `response_url`,
 * `trigger_id`) is left out.
 *
 * With a secret, calls must have `X-Slack-Signature`, and a timestamp of the last five minutes.
 *
 * https://api.slack.com/authentication/verifying-requests-from-slack (checked 2026-11-25), https://api.slack.com/apis/events-api,
 * https://api.slack.com/interactivity/slash-commands, https://api.slack.com/interactivity/handling (as others describe them,
 * checked 2026-11-28)
 *
 * @param input `eventNames` renames events
 * @example slack({ secret: env.SLACK_SECRET, eventNames: 'reaction_added=Thumbs Up' })
 */
export const slack = defineSource({
  name: 'slack',
  settings: {
    secret: { type: 'secrets', about: "The app's signing secret.", secret: true, optional: true },
    eventNames,
  },
  verify({ headers, bytes, body }, { secret }, { now }) {
    // A look at the certificate makes no event, whoever it comes from.
    if (secret === undefined || isCheck(body)) return undefined
    const { 'x-slack-request-timestamp': at, 'x-slack-signature': signature } = headers
    const content = signedBody(`v0:${at ?? ''}:`, bytes)
    return hmacFault({ signatures: signaturesIn(signature, 'v0='), content, at }, { secrets: secret, now: now() })
  },
  map({ body }, settings, { uuid }): Mapped {
    if (isCheck(body)) return []
    const payload = payloadOf(body)
    const { type, challenge } = payload
    if (type === 'url_verification' && typeof challenge === 'string')
      return { reply: { body: JSON.stringify({ challenge }), contentType: 'application/json' } }
    const named = (name: string): string => {
      const renamed = renameKeys(name, settings.eventNames)
      return renamed === name ? titleOf(name) : renamed
    }
    const { command, payload: interaction } = payload
    if (typeof command === 'string' || typeof interaction === 'string') {
      const sent = typeof interaction === 'string' ? interactionOf(interaction) : payload
      const name = typeof command === 'string' ? 'slash_command' : (idOf(sent['type']) ?? 'interaction')
      const { token: _, response_url: __, response_urls: ___, trigger_id: ____, ...properties } = sent
      const events = [trackOf({ name: named(name), event: properties, payload: sent }, uuid)]
      return { reply: { body: '', contentType: 'text/plain' }, events }
    }
    if (isRecord(payload['event'])) {
      const { event } = payload
      const name = idOf(event['type'])
      if (name === undefined) throw new TypeError('The event has no type')
      const draft = trackOf({ name: named(name), event, payload }, uuid)
      return [identifying.has(name) ? { ...draft, type: 'identify' } : draft]
    }
    if (type !== 'app_rate_limited') throw new TypeError('Missing the required event data')
    const { token: _, ...properties } = payload
    return [trackOf({ name: named('app_rate_limited'), event: properties, payload }, uuid)]
  },
})

const identifying: ReadonlySet<string> = new Set(['team_join', 'user_change'])

/** Slack looks at the certificate of a URL for slash commands by a form that has nothing else in it. */
const isCheck = (body: unknown): boolean =>
  isRecord(body) && idOf(body['ssl_check']) === '1' && body['command'] === undefined

function interactionOf(text: string): Draft {
  try {
    return payloadOf(parseJsonKeepingDigits(text))
  } catch {
    throw new TypeError('The payload of the interaction is no JSON')
  }
}

/** Something that happened: the event, and the call's own fields around it. */
interface SlackHappening {
  readonly name: string
  readonly event: Draft
  readonly payload: Draft
}

function trackOf({ name, event, payload }: SlackHappening, uuid: () => string): Draft {
  const { event_id, event_time, minute_rate_limited } = payload
  const who = whoOf(event) ?? whoOf(payload)
  const sent = stampOf(event_time)
  const times = [event['ts'], event['event_ts'], event['action_ts'], event_time, minute_rate_limited]
  const draft = draftOf(vendor, {
    type: 'track',
    event: name,
    messageId: idOf(event_id),
    anonymousId: who === undefined ? uuid() : anonymousIdOf(who.id),
    originalTimestamp: times.map(stampOf).find((time) => time !== undefined),
    sentAt: sent,
    ...(who === undefined ? {} : { context: { externalId: [who] } }),
    properties: event,
  })
  return mapFields(draft, event, [
    ['user.profile.email', 'context.traits.email'],
    [['user.real_name', 'user.profile.real_name', 'user.name'], 'context.traits.name'],
    ['user.tz', 'context.timezone'],
  ])
}

/** Where an event or a call has who or what it is about, a person before all else. */
const places = [
  ['slackUserId', ['user.id', 'user', 'user_id', 'message.user', 'previous_message.user']],
  ['slackBotId', ['bot_id', 'message.bot_id', 'previous_message.bot_id', 'bot.id']],
  ['slackChannelId', ['channel.id', 'channel', 'channel_id']],
  ['slackTeamId', ['team_id', 'team.id', 'team']],
] as const

function whoOf(holder: Draft): { readonly type: string; readonly id: string } | undefined {
  for (const [type, paths] of places)
    for (const path of paths) {
      const id = idOf(valueAt(holder, path))
      if (id !== undefined) return { type, id }
    }
  return undefined
}
