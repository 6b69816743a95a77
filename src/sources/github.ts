import { type Draft, type WebhookCall } from '../core/webhook-source.ts'
import { parseJsonKeepingDigits } from '../core/json-parse.ts'
import { isRecord } from '../core/json.ts'
import { draftOf, payloadOf, valueAt } from './shared/fields.ts'
import { anonymousIdOf } from './shared/hash.ts'
import { hmacFault, signaturesIn } from './shared/signature.ts'
import { defineSource } from '../configure/define-source.ts'

const vendor = 'GitHub'

/**
 * Takes what GitHub's webhooks send: one track per delivery, named after the event and its action (`issues.opened`, `push`).
 * A ping makes no event.
 *
 * The user is the sender: userId is the number that stays when somebody is renamed, `context.traits.username` the login. The
 * messageId is that of the delivery; a delivery that is sent anew by hand has the same. Properties are the payload without
 * the sender and without addresses of GitHub's API, which make up most of it and would push a pull request past the limit
 * of an event.
 *
 * With a secret, calls must have `X-Hub-Signature-256`. It has no time in it.
 *
 * https://docs.github.com/en/webhooks/webhook-events-and-payloads,
 * https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries (checked 2026-11-25)
 *
 * @example github({ secret: env.GITHUB_SECRET })
 */
export const github = defineSource({
  name: 'github',
  settings: {
    secret: { type: 'secrets', about: "The webhook's secret.", secret: true, optional: true },
  },
  verify: ({ headers, bytes }, { secret }, { now }) =>
    secret === undefined
      ? undefined
      : hmacFault(
          { signatures: signaturesIn(headers['x-hub-signature-256'], 'sha256='), content: bytes },
          { secrets: secret, now: now() },
        ),
  map(hook, _, { uuid }) {
    const { 'x-github-event': name, 'x-github-delivery': delivery = uuid() } = hook.headers
    if (name === undefined) throw new TypeError('The header X-GitHub-Event is missing')
    if (name === 'ping') return []
    const { sender, ...rest } = payloadOf(jsonOf(hook))
    const { action } = rest
    return [
      draftOf(vendor, {
        type: 'track',
        event: typeof action === 'string' ? `${name}.${action}` : name,
        messageId: delivery,
        ...senderOf(sender, valueAt(rest, 'repository.id') ?? delivery),
        properties: withoutApi(rest),
      }),
    ]
  },
})

/** A webhook with the content type of a form has its JSON in the field `payload`. */
function jsonOf({ body }: WebhookCall): unknown {
  const payload = isRecord(body) ? body['payload'] : undefined
  return typeof payload === 'string' ? parseJsonKeepingDigits(payload) : body
}

/** Who did it; a few events come from GitHub itself and have but their repository. */
function senderOf(sender: unknown, other: unknown): Draft {
  if (!isRecord(sender) || typeof sender['id'] !== 'number') return { anonymousId: anonymousIdOf(String(other)) }
  const { id, login, type } = sender
  return {
    userId: String(id),
    context: { externalId: [{ type: 'githubUserId', id: String(id) }], traits: { username: login, type } },
  }
}

/** Where GitHub's own API is, or that of an Enterprise server. */
const api = /^https:\/\/(?:api\.github\.com|[^/]+\/api\/v3)\//

/** Copies a payload without them. What lies deeper than an event may be stays as it is: the edge refuses it for that. */
function withoutApi(value: unknown, levels = 100): unknown {
  if (levels === 0) return value
  if (Array.isArray(value)) return value.map((one) => withoutApi(one, levels - 1))
  if (!isRecord(value)) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(
        ([key, one]) => key !== '_links' && !(typeof one === 'string' && /(?:^|_)url$/.test(key) && api.test(one)),
      )
      .map(([key, one]) => [key, withoutApi(one, levels - 1)]),
  )
}
