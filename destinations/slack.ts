import { defineDestination, makeMapping, mappingProblem, perIsolate } from 'sluiceway/destination'
import type { Json } from 'sluiceway/event'
import { cutText, makeMessageText, textSettings } from './slack/message-text.ts'

/** Slack cuts longer texts by itself at 40,000; nobody reads these. */
const longestText = 4_000

/**
 * Tells a Slack channel about events, one message each, by an incoming webhook.
 *
 * What comes from an event is escaped, so that it mentions nobody. Slack takes about one message a second for a webhook, and
 * answers 429 with `Retry-After` above it. It has no place for a messageId: a retry may tell something twice.
 *
 * https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks,
 * https://docs.slack.dev/apis/web-api/rate-limits (checked 2026-11-29)
 *
 * @param input `webhookUrl`, and optionally `text`, `texts`, `blocks`
 * @returns the destination, for `destinations` in the config
 * @example slack({ webhookUrl: env.SLACK_URL, texts: { 'Order Completed': 'Order of ${properties.total} ${properties.currency}' } })
 */
export const slack = defineDestination({
  name: 'slack',
  settings: {
    webhookUrl: { type: 'url', about: 'The URL of an incoming webhook.', secret: true },
    ...textSettings,
    blocks: {
      type: 'json',
      about: 'Blocks of the message (Block Kit), with expressions such as $.properties.total.',
      optional: true,
      check: (blocks: Json) => (Array.isArray(blocks) ? mappingProblem(blocks) : 'must be a list of blocks'),
    },
  },
  limits: { events: 1, parallel: 1 },
  encode: ({ id, event }, settings) => {
    const { textOf, blocks } = planOf(settings)
    const text = textOf(event)
    if (text === undefined) return null
    return {
      id,
      text: JSON.stringify({
        text: cutText(text, longestText),
        ...(blocks === undefined ? {} : { blocks: blocks(event) }),
      }),
    }
  },
  request: (items, { webhookUrl }) => ({
    method: 'POST',
    url: webhookUrl,
    headers: { 'user-agent': 'Sluiceway', 'content-type': 'application/json' },
    body: items[0]?.text ?? '',
  }),
})

/** https://docs.slack.dev/messaging/formatting-message-text#escaping: nothing else can mention somebody. */
const escapeText = (part: string): string =>
  part.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

const planOf = perIsolate((settings: { text?: string; texts?: Readonly<Record<string, string>>; blocks?: Json }) => ({
  textOf: makeMessageText(settings, escapeText),
  blocks: settings.blocks === undefined ? undefined : makeMapping(settings.blocks, escapeText),
}))
