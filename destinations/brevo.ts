import {
  defineDestination,
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
 * Creates and updates contacts of Brevo (identify), and tells about their events (track).
 *
 * A contact is known by its email and by `ext_id`, the userId. Brevo takes one contact or event a request here: its batch calls
 * do not say what became of each.
 *
 * https://developers.brevo.com/reference/create-contact, https://developers.brevo.com/reference/create-event,
 * https://developers.brevo.com/reference/delete-contact (checked 2026-11-29)
 *
 * @param input `apiKey`, and optionally `attributes`, `listIds`, `sendEvents`
 * @returns the destination, for `destinations` in the config
 * @example brevo({ apiKey: env.BREVO_KEY, attributes: { PLAN: '$.traits.plan' }, listIds: ['7'] })
 */
export const brevo = defineDestination({
  name: 'brevo',
  settings: {
    apiKey: { type: 'string', about: 'API key.', secret: true },
    attributes: {
      type: 'json',
      about:
        'Attributes of contacts, with expressions such as $.traits.plan; FIRSTNAME and LASTNAME are set without it.',
      optional: true,
      check: (attributes: Json) =>
        isRecord(attributes) ? mappingProblem(attributes) : 'must be an object of attributes',
    },
    listIds: {
      type: 'list',
      about: 'Ids of lists to which contacts are added.',
      optional: true,
      check: (ids: readonly string[]) =>
        ids.every((id) => /^\d{1,15}$/.test(id)) ? undefined : 'must be numbers, as texts',
    },
    sendEvents: { type: 'boolean', about: 'Sends track events.', default: true },
  },
  limits: { events: 1, parallel: 4 },
  encode: ({ id, event }, settings) => itemOf(id, callOf(event, settings)),
  request: (items, { apiKey }) => requestOf(items, { url: api, headers: headersOf(apiKey) }),
  verdicts: ({ status, body }): Verdict | undefined =>
    status === 400 ? { kind: 'dead', reason: `HTTP 400: ${answerText(body, 'code') ?? 'refused'}` } : undefined,
  forget: ({ userId, email }, { apiKey }) => {
    const [identifier, type] = email === undefined ? [userId, 'ext_id'] : [email.trim(), 'email_id']
    if (identifier === undefined) throw new Error('Brevo deletes by email or userId, neither of which is known')
    return {
      method: 'DELETE',
      url: `${api}/contacts/${encodeURIComponent(identifier.toWellFormed())}?identifierType=${type}`,
      headers: headersOf(apiKey),
    }
  },
})

const api = 'https://api.brevo.com/v3'

const headersOf = (apiKey: string) => ({
  'user-agent': 'Sluiceway',
  accept: 'application/json',
  'content-type': 'application/json',
  'api-key': apiKey,
})

interface CallSettings {
  readonly attributes?: Json
  readonly listIds?: readonly string[]
  readonly sendEvents: boolean
}

const usualAttributes: Json = {
  FIRSTNAME: '$.traits.firstName || $.traits.firstname || $.traits.first_name',
  LASTNAME: '$.traits.lastName || $.traits.lastname || $.traits.last_name',
}
const attributesOf = perIsolate(({ attributes }: CallSettings) =>
  makeMapping({ ...usualAttributes, ...(isRecord(attributes) ? (attributes as Record<string, Json>) : {}) }),
)

function callOf(event: Event, settings: CallSettings): ApiCall | undefined {
  const { listIds, sendEvents } = settings
  if (event.type !== 'identify' && !(event.type === 'track' && sendEvents)) return undefined
  const email = valueAt(event, 'traits.email', 'context.traits.email', 'properties.email')
  const extId = typeof event.userId === 'string' && event.userId !== '' ? event.userId : undefined
  const isEmail = typeof email === 'string' && email.includes('@')
  if (!isEmail && extId === undefined) throw new Error('Brevo needs the email or the userId of a contact')
  if (event.type === 'identify')
    return {
      path: '/contacts',
      body: {
        ...(isEmail ? { email: email.trim() } : {}),
        ...(extId === undefined ? {} : { ext_id: extId }),
        attributes: attributesOf(settings)(event),
        ...(listIds === undefined ? {} : { listIds: listIds.map(Number) }),
        updateEnabled: true,
      },
    }
  const time = Date.parse(event.timestamp ?? '')
  return {
    path: '/events',
    body: {
      event_name: nameOf(event),
      ...(Number.isNaN(time) ? {} : { event_date: new Date(time).toISOString() }),
      identifiers: {
        ...(isEmail ? { email_id: email.trim() } : {}),
        ...(extId === undefined ? {} : { ext_id: extId }),
      },
      event_properties: event.properties ?? {},
    },
  }
}

/** Letters, digits, "-" and "_", at most 255. */
function nameOf({ event = '' }: Event): string {
  const name = event
    .trim()
    .replaceAll(/[^\w-]+/g, '_')
    .slice(0, 255)
  if (!/[a-z0-9]/i.test(name)) throw new Error('Brevo needs a name with letters or digits for an event')
  return name
}
