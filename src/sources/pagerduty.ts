import { type Draft } from '../core/webhook-source.ts'
import { isRecord } from '../core/json.ts'
import { draftOf, idOf, payloadOf, valueAt } from './shared/fields.ts'
import { anonymousIdOf } from './shared/hash.ts'
import { titleOf } from './shared/names.ts'
import { hmacFault, signaturesIn } from './shared/signature.ts'
import { stampOf } from './shared/time.ts'
import { defineSource } from '../configure/define-source.ts'

const vendor = 'PagerDuty'

/**
 * Takes PagerDuty's webhooks, version 3: a track named after the event's type (`incident.priority_updated` is
 * `Incident Priority Updated`), with what it is about in `properties.data`. A ping makes no event.
 *
 * The userId is the id of who did it, be it a person or a service, and `context.traits` is what is told of them; a person is
 * in `context.externalId` as well. Without them, the anonymousId is made of the incident's id. The messageId is the event's
 * id, so that a repeat counts once.
 *
 * With a secret, calls must have `X-PagerDuty-Signature`; one of several is enough. It has no time in it.
 *
 * https://developer.pagerduty.com/docs/webhooks-overview, https://developer.pagerduty.com/docs/verifying-signatures (as
 * others describe them, checked 2026-11-25)
 *
 * @example pagerduty({ secret: env.PAGERDUTY_SECRET })
 */
export const pagerduty = defineSource({
  name: 'pagerduty',
  settings: {
    secret: { type: 'secrets', about: "The subscription's signing secret.", secret: true, optional: true },
  },
  verify: ({ headers, bytes }, { secret }, { now }) =>
    secret === undefined
      ? undefined
      : hmacFault(
          { signatures: signaturesIn(headers['x-pagerduty-signature'], 'v1='), content: bytes },
          { secrets: secret, now: now() },
        ),
  map({ body }, _, { uuid }) {
    const { event } = payloadOf(body)
    if (!isRecord(event) || typeof event['event_type'] !== 'string')
      throw new TypeError('The body is no event of PagerDuty, version 3')
    const { id, event_type: type, resource_type: resourceType, occurred_at: at, agent, client, data } = event
    if (type === 'pagey.ping') return []
    const user = idOf(valueAt(agent, 'id'))
    const about = valueAt(data, 'incident.id') ?? valueAt(data, 'id')
    return [
      draftOf(vendor, {
        type: 'track',
        event: titleOf(type as string),
        ...(typeof id === 'string' ? { messageId: id } : {}),
        ...(user === undefined
          ? { anonymousId: typeof about === 'string' ? anonymousIdOf(about) : uuid() }
          : { userId: user }),
        originalTimestamp: stampOf(at),
        context: personOf(agent),
        properties: { resourceType, client, data },
      }),
    ]
  },
})

function personOf(agent: unknown): Draft {
  if (!isRecord(agent)) return {}
  const { id, type } = agent
  return { ...(type === 'user_reference' ? { externalId: [{ type: 'pagerdutyUserId', id }] } : {}), traits: agent }
}
