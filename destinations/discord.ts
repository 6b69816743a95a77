import {
  defineDestination,
  isRecord,
  makeMapping,
  mappingProblem,
  perIsolate,
  type Verdict,
} from 'sluiceway/destination'
import type { Json } from 'sluiceway/event'
import { cutText, makeMessageText, textSettings } from './slack/message-text.ts'

/** Characters of a message. */
const longestContent = 2_000

/**
 * Tells a Discord channel about events, one message each, by a webhook.
 *
 * What comes from an event is escaped, and no message mentions anybody. Discord says in its 429 how long to wait. It has no
 * place for a messageId in webhooks: a retry may tell something twice.
 *
 * https://discord.com/developers/docs/resources/webhook#execute-webhook,
 * https://discord.com/developers/docs/topics/rate-limits (checked 2026-11-29)
 *
 * @param input `webhookUrl`, and optionally `text`, `texts`, `embeds`, `username`
 * @returns the destination, for `destinations` in the config
 * @example discord({ webhookUrl: env.DISCORD_URL, text: '${userId} did ${event}' })
 */
export const discord = defineDestination({
  name: 'discord',
  settings: {
    webhookUrl: { type: 'url', about: 'The URL of a webhook of the channel.', secret: true },
    ...textSettings,
    embeds: {
      type: 'json',
      about: 'Up to 10 embeds of the message, with expressions such as $.properties.total.',
      optional: true,
      check: (embeds: Json) =>
        Array.isArray(embeds) && embeds.length <= 10
          ? mappingProblem(embeds as Json)
          : 'must be a list of at most 10 embeds',
    },
    username: { type: 'string', about: 'The name under which the message stands.', optional: true },
  },
  limits: { events: 1, parallel: 1 },
  encode: ({ id, event }, settings) => {
    const { textOf, embeds } = planOf(settings)
    const content = textOf(event)
    if (content === undefined) return null
    const { username } = settings
    const message = {
      content: cutText(content, longestContent),
      ...(embeds === undefined ? {} : { embeds: embeds(event) }),
      ...(username === undefined ? {} : { username }),
      allowed_mentions: { parse: [] },
    }
    return { id, text: JSON.stringify(message) }
  },
  request: (items, { webhookUrl }) => {
    const url = new URL(webhookUrl)
    // Without it, a message that is not kept gives no error.
    url.searchParams.set('wait', 'true')
    return {
      method: 'POST',
      url: url.href,
      headers: { 'user-agent': 'Sluiceway', 'content-type': 'application/json' },
      body: items[0]?.text ?? '',
    }
  },
  verdicts: ({ status, headers, body }): Verdict | undefined => {
    if (status !== 429 || headers['retry-after'] !== undefined) return undefined
    const afterSeconds = secondsIn(body)
    return { kind: 'retry', reason: 'HTTP 429', ...(afterSeconds === undefined ? {} : { afterSeconds }) }
  },
})

function secondsIn(body: string): number | undefined {
  try {
    const answer: unknown = JSON.parse(body)
    const after = isRecord(answer) ? answer['retry_after'] : undefined
    return typeof after === 'number' && after >= 0 ? Math.ceil(after) : undefined
  } catch {
    return undefined
  }
}

/** Characters of Discord's Markdown. */
const escapeText = (part: string): string => part.replaceAll(/[\\*_~`|>#[\]()]/g, String.raw`\$&`)

const planOf = perIsolate((settings: { text?: string; texts?: Readonly<Record<string, string>>; embeds?: Json }) => ({
  textOf: makeMessageText(settings, escapeText),
  embeds: settings.embeds === undefined ? undefined : makeMapping(settings.embeds),
}))
