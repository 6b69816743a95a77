import { type Draft, type WebhookCall } from '../core/webhook-source.ts'
import { auth0Events } from './shared/auth0-events.ts'
import { parseJsonKeepingDigits } from '../core/json-parse.ts'
import { isRecord } from '../core/json.ts'
import { draftOf, eachOf, mapFields, type FieldMapping, valueAt } from './shared/fields.ts'
import { anonymousIdOf } from './shared/hash.ts'
import { stampOf } from './shared/time.ts'
import { defineSource } from '../configure/define-source.ts'

const vendor = 'Auth0'

/**
 * Takes a log stream of Auth0 to a custom webhook, as JSON lines, an array or an object: sign-ups become identifies, members
 * that are added to an organisation become groups (one per member), everything else a track by Auth0's name for the code.
 *
 * The userId is the log entry's; entries without a user get an anonymousId made of their own id. The messageId is the log_id.
 *
 * Not verified: log streams are not signed; their token comes in the Authorization header, which sources do not see (the
 * write key may be that token).
 *
 * https://auth0.com/docs/customize/log-streams/custom-log-streams,
 * https://auth0.com/docs/deploy-monitor/logs/log-event-type-codes (checked 2026-11-25)
 *
 * @example auth0()
 */
export const auth0 = defineSource({
  name: 'auth0',
  settings: {},
  map: (hook, _, { uuid }) => entriesOf(hook).flatMap((entry) => eventsOf(entry, uuid)),
})

/** The log entries of a call, without the envelope that each comes in. */
function entriesOf(hook: WebhookCall): Draft[] {
  // A call that was kept because it could not be mapped comes back with the text as its body.
  const body = hook.body === undefined || typeof hook.body === 'string' ? linesOf(hook.bytes) : hook.body
  const logs = valueAt(body, 'logs')
  const list: unknown[] = Array.isArray(logs) ? logs : [body].flat()
  return eachOf(list).map((one) => {
    if (!isRecord(one)) throw new TypeError('Malformed JSON in request body')
    return isRecord(one['data']) ? { log_id: one['log_id'], ...one['data'] } : one
  })
}

function linesOf(bytes: Uint8Array): unknown[] {
  const lines = new TextDecoder().decode(bytes).split('\n')
  try {
    return lines.filter((line) => line.trim() !== '').map((line) => parseJsonKeepingDigits(line))
  } catch {
    throw new TypeError('Malformed JSON in request body')
  }
}

function eventsOf(entry: Draft, uuid: () => string): Draft[] {
  const { type, description, log_id: id } = entry
  if (type === 'ss') return [eventOf(entry, { type: 'identify' }, uuid)]
  if (type !== 'sapi' || description !== 'Add members to an organization') {
    const code = typeof type === 'string' ? type : ''
    return [eventOf(entry, { type: 'track', event: auth0Events.get(code) ?? code }, uuid)]
  }
  const groupId = /\/organizations\/([^/?]+)/.exec(String(valueAt(entry, 'details.request.path')))?.[1]
  const members = valueAt(entry, 'details.request.body.members')
  if (!Array.isArray(members) || members.length === 0) return [eventOf(entry, { type: 'group', groupId }, uuid)]
  // The entry's user is who added them.
  const { user_id: _, user_name: __, ...rest } = entry
  return eachOf<unknown>(members, rest).map((member) => {
    const added = { type: 'group', groupId, userId: member, messageId: `${String(id)}:${String(member)}` }
    return eventOf(rest, added, uuid)
  })
}

const mapping: FieldMapping = [
  ['log_id', ['messageId', 'properties.log_id']],
  ['type', 'properties.source_type'],
  ['user_id', ['userId', 'context.traits.userId']],
  ['user_name', 'context.traits.user_name'],
  ['details.auth.user.email', 'context.traits.email'],
  ['details.auth.user.name', 'context.traits.name'],
  ['user_agent', 'context.userAgent'],
  // The place of an event is told by `context.ip`; without it, that of Auth0's server would count.
  ['ip', ['context.request_ip', 'context.ip']],
  ['connection', 'traits.connection'],
  ['connection_id', 'traits.connection_id'],
  ['client_id', 'properties.client_id'],
  ['client_name', 'properties.client_name'],
  ['description', 'properties.description'],
  ['details', 'properties.details'],
  ['auth0_client', 'properties.auth0_client'],
  ['isMobile', 'properties.is_mobile'],
]

function eventOf(entry: Draft, fields: Draft, uuid: () => string): Draft {
  const at = stampOf(entry['date'])
  const draft = draftOf(vendor, { ...fields, originalTimestamp: at, sentAt: at })
  mapFields(draft, entry, mapping)
  if (typeof draft['userId'] !== 'string' || draft['userId'] === '') {
    const id = entry['log_id']
    draft['anonymousId'] = typeof id === 'string' ? anonymousIdOf(id) : uuid()
  }
  return draft
}
