import {
  defineDestination,
  type ForgottenUser,
  isRecord,
  makeMapping,
  mappingProblem,
  perIsolate,
  valueAt,
  type Verdict,
} from 'sluiceway/destination'
import type { Event, Json } from 'sluiceway/event'
import { answerText, type ApiCall, itemOf, requestOf } from './brevo/api-call.ts'

/**
 * Adds and updates members of a Mailchimp audience, and tells about their events where `sendEvents` is on.
 *
 * A member that is there keeps its subscription: `status` is for new ones (`status_if_new`). The batch call of Mailchimp has no
 * such field and would subscribe again who has unsubscribed, so that each event is a request of its own. Mailchimp allows ten
 * connections at once. It takes tags of new members only: of others they are set by another call, which is not made here
 * (https://github.com/mailchimp/APIv3-examples/issues/52).
 *
 * https://mailchimp.com/developer/marketing/api/list-members/add-or-update-list-member/,
 * https://mailchimp.com/developer/marketing/api/list-member-events/add-event/,
 * https://mailchimp.com/developer/marketing/api/list-members/delete-list-member/,
 * https://mailchimp.com/developer/marketing/docs/errors/ (checked 2026-11-29)
 *
 * @param input `apiKey`, `audienceId`, and optionally `status`, `mergeFields`, `tags`, `sendEvents`
 * @returns the destination, for `destinations` in the config
 * @example mailchimp({ apiKey: env.MAILCHIMP_KEY, audienceId: '26d8e9db1e', mergeFields: { PLAN: '$.traits.plan' } })
 */
export const mailchimp = defineDestination({
  name: 'mailchimp',
  settings: {
    apiKey: {
      type: 'string',
      about: 'API key; the part behind its hyphen is the data center.',
      secret: true,
      check: (key: string) => (/-[a-z]{2,4}\d{1,3}$/.test(key) ? undefined : 'must end with its data center, as -us21'),
    },
    audienceId: {
      type: 'string',
      about: 'Id of the audience (list).',
      check: (id: string) => (/^[a-z0-9]{6,20}$/i.test(id) ? undefined : 'must be letters and digits'),
    },
    status: {
      type: 'choice',
      choices: ['subscribed', 'pending', 'unsubscribed', 'transactional'],
      about: 'Status of new members; pending asks them to confirm first.',
      default: 'subscribed',
    },
    mergeFields: {
      type: 'json',
      about: 'Merge fields, with expressions such as $.traits.plan; FNAME and LNAME are set without it.',
      optional: true,
      check: (fields: Json) => (isRecord(fields) ? mappingProblem(fields) : 'must be an object of merge fields'),
    },
    tags: { type: 'list', about: 'Tags that new members get.', optional: true },
    sendEvents: { type: 'boolean', about: 'Sends track events as events of the member.', default: false },
  },
  limits: { events: 1, parallel: 4 },
  encode: ({ id, event }, settings) => itemOf(id, callOf(event, settings)),
  request: (items, { apiKey, audienceId }) =>
    requestOf(items, { url: audienceUrl(apiKey, audienceId), headers: headersOf(apiKey) }),
  verdicts: ({ status, body }): Verdict | undefined => {
    if (status !== 400) return undefined
    // Its detail names the address.
    return { kind: 'dead', reason: `HTTP 400: ${answerText(body, 'title') ?? 'refused'}` }
  },
  forget: (user: ForgottenUser, { apiKey, audienceId }) => {
    if (user.email === undefined) throw new Error('Mailchimp deletes by the email of a user: give it, too')
    return {
      method: 'POST',
      url: `${audienceUrl(apiKey, audienceId)}/members/${memberOf(user.email)}/actions/delete-permanent`,
      headers: headersOf(apiKey),
    }
  },
})

const audienceUrl = (apiKey: string, audienceId: string): string =>
  `https://${apiKey.slice(apiKey.lastIndexOf('-') + 1)}.api.mailchimp.com/3.0/lists/${audienceId}`

const headersOf = (apiKey: string) => ({
  'user-agent': 'Sluiceway',
  'content-type': 'application/json',
  authorization: `Basic ${btoa(`sluiceway:${apiKey}`)}`,
})

/** In place of the MD5 of the address in lower case, the API takes the address. */
const memberOf = (email: string): string => encodeURIComponent(email.trim().toLowerCase().toWellFormed())

interface CallSettings {
  readonly status: string
  readonly mergeFields?: Json
  readonly tags?: readonly string[]
  readonly sendEvents: boolean
}

const usualFields: Json = {
  FNAME: '$.traits.firstName || $.traits.firstname || $.traits.first_name',
  LNAME: '$.traits.lastName || $.traits.lastname || $.traits.last_name',
}
const mergeFieldsOf = perIsolate(({ mergeFields }: CallSettings) =>
  makeMapping({ ...usualFields, ...(isRecord(mergeFields) ? (mergeFields as Record<string, Json>) : {}) }),
)

function callOf(event: Event, settings: CallSettings): ApiCall | undefined {
  const isMember = event.type === 'identify'
  if (!isMember && !(event.type === 'track' && settings.sendEvents)) return undefined
  const email = valueAt(event, 'traits.email', 'context.traits.email', 'properties.email')
  if (typeof email !== 'string' || !email.includes('@')) throw new Error('Mailchimp needs the email of a user')
  const { status, tags } = settings
  if (isMember)
    return {
      method: 'PUT',
      path: `/members/${memberOf(email)}?skip_merge_validation=true`,
      body: {
        email_address: email.trim(),
        status_if_new: status,
        merge_fields: mergeFieldsOf(settings)(event),
        ...(tags === undefined ? {} : { tags }),
      },
    }
  return { method: 'POST', path: `/members/${memberOf(email)}/events`, body: memberEvent(event) }
}

/** Names have 2 to 30 characters, of a to z, digits, "_" and "-"; properties are texts. */
function memberEvent(event: Event): Record<string, unknown> {
  const name = (event.event ?? '')
    .trim()
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]+/g, '_')
    .slice(0, 30)
  if (!/[a-z0-9]/.test(name) || name.length < 2)
    throw new Error('Mailchimp needs a name of at least 2 letters for an event')
  const properties = Object.entries(event.properties ?? {})
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)])
  const time = Date.parse(event.timestamp ?? '')
  return {
    name,
    properties: Object.fromEntries(properties) as Record<string, string>,
    ...(Number.isNaN(time) ? {} : { occurred_at: new Date(time).toISOString().replace(/\.\d+Z$/, '+00:00') }),
  }
}
