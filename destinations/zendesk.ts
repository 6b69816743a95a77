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
 * Creates and updates users (identify) and organizations (group) of Zendesk Support, and tells about what users do (track) where
 * `sendEvents` is on.
 *
 * Users and organizations are known by `external_id`, the userId and the groupId, so that a repeat changes nothing. Events have
 * no such id: a retry may tell something twice. They need a plan with the Events API (Suite Team and above). Requests over the limit of the
 * plan are answered with 429 and `Retry-After`.
 *
 * https://developer.zendesk.com/api-reference/ticketing/users/users/#create-or-update-user,
 * https://developer.zendesk.com/api-reference/ticketing/organizations/organizations/#create-or-update-organization,
 * https://developer.zendesk.com/api-reference/ticketing/users/users/#bulk-delete-users,
 * https://developer.zendesk.com/documentation/ticketing/events/getting-started-with-events/,
 * https://developer.zendesk.com/documentation/ticketing/events/tracking-events/ (checked 2026-11-29)
 *
 * @param input `subdomain`, `email`, `apiToken`, and optionally `userFields`, `organizationFields`, `verifyEmail`,
 *   `sendEvents`, `eventSource`
 * @returns the destination, for `destinations` in the config
 * @example zendesk({ subdomain: 'shop', email: 'admin@example.com', apiToken: env.ZENDESK_TOKEN })
 */
export const zendesk = defineDestination({
  name: 'zendesk',
  settings: {
    subdomain: {
      type: 'string',
      about: 'The part before .zendesk.com.',
      check: (name: string) => (/^[a-z0-9-]{1,63}$/i.test(name) ? undefined : 'must be the part before .zendesk.com'),
    },
    email: { type: 'string', about: 'Email of the agent whose token it is.' },
    apiToken: { type: 'string', about: 'API token of that agent.', secret: true },
    userFields: {
      type: 'json',
      about: 'Fields of users by their keys, with expressions such as $.traits.plan.',
      optional: true,
      check: (fields: Json) => (isRecord(fields) ? mappingProblem(fields) : 'must be an object of fields'),
    },
    organizationFields: {
      type: 'json',
      about: 'Fields of organizations by their keys, with expressions.',
      optional: true,
      check: (fields: Json) => (isRecord(fields) ? mappingProblem(fields) : 'must be an object of fields'),
    },
    verifyEmail: { type: 'boolean', about: 'Lets Zendesk ask new users to verify their email.', default: false },
    sendEvents: {
      type: 'boolean',
      about: 'Sends track events to the Events API, which shows them beside the user.',
      default: false,
    },
    eventSource: {
      type: 'string',
      about: 'What Zendesk calls the place that events come from, with sendEvents.',
      default: 'sluiceway',
      check: (name: string) => (/^[\w-]{1,40}$/.test(name) ? undefined : 'must be letters, digits, "_" and "-"'),
    },
  },
  limits: { events: 1, parallel: 4 },
  encode: ({ id, event }, settings) => itemOf(id, callOf(event, settings)),
  request: (items, settings) => requestOf(items, { url: baseUrl(settings.subdomain), headers: headersOf(settings) }),
  verdicts: ({ status, body }): Verdict | undefined => {
    // Two requests created the same record at once: the later one updates it.
    if (status === 409) return { kind: 'retry', reason: 'HTTP 409: changed at the same time', afterSeconds: 1 }
    if (status !== 400 && status !== 422) return undefined
    return {
      kind: 'dead',
      reason: `HTTP ${status}: ${answerText(body, 'error') ?? answerText(body, 'error', 'title') ?? 'refused'}`,
    }
  },
  forget: ({ userId }, settings) => {
    if (userId === undefined) throw new Error('Zendesk deletes by userId (its external_id), which is not known')
    // Ids are separated by commas.
    if (userId.includes(',')) throw new Error('Zendesk cannot delete a user whose userId has a comma in it')
    return {
      method: 'DELETE',
      url: `${baseUrl(settings.subdomain)}/users/destroy_many?external_ids=${encodeURIComponent(userId.toWellFormed())}`,
      headers: headersOf(settings),
    }
  },
})

const baseUrl = (subdomain: string): string => `https://${subdomain.toLowerCase()}.zendesk.com/api/v2`

const headersOf = ({ email, apiToken }: { readonly email: string; readonly apiToken: string }) => ({
  'user-agent': 'Sluiceway',
  'content-type': 'application/json',
  authorization: `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(`${email}/token:${apiToken}`)))}`,
})

interface CallSettings {
  readonly userFields?: Json
  readonly organizationFields?: Json
  readonly verifyEmail: boolean
  readonly sendEvents: boolean
  readonly eventSource: string
}

const mappingsOf = perIsolate(({ userFields, organizationFields }: CallSettings) => ({
  user: userFields === undefined ? undefined : makeMapping(userFields),
  organization: organizationFields === undefined ? undefined : makeMapping(organizationFields),
}))

/** The first text that is more than blanks: Zendesk takes no empty name, and an empty id would be that of many. */
function textAt(event: Event, ...paths: readonly string[]): string | undefined {
  for (const path of paths) {
    const value = valueAt(event, path)
    const text = typeof value === 'string' || typeof value === 'number' ? `${value}`.trim() : ''
    if (text !== '') return text
  }
  return undefined
}

function callOf(event: Event, settings: CallSettings): ApiCall | undefined {
  if (event.type === 'identify') return userCall(event, settings)
  if (event.type === 'group') return organizationCall(event, settings)
  return event.type === 'track' && settings.sendEvents ? eventCall(event, settings) : undefined
}

/** Zendesk finds the user by the identifiers of the profile, and creates one where there is none. */
function eventCall(event: Event, { eventSource: source }: CallSettings): ApiCall {
  const identifiers = [
    ['external_id', textAt(event, 'userId')],
    ['email', textAt(event, 'context.traits.email', 'properties.email')],
  ].flatMap(([type, value]) => (value === undefined ? [] : [{ type, value }]))
  if (identifiers.length === 0) throw new Error('Zendesk needs the userId or the email of a user')
  const name = (event.event ?? '').trim()
  if (name === '') throw new Error('Zendesk needs the name of an event')
  const time = Date.parse(event.timestamp ?? '')
  return {
    path: '/user_profiles/events',
    body: {
      event: {
        source,
        type: name,
        ...(Number.isNaN(time) ? {} : { created_at: new Date(time).toISOString() }),
        properties: event.properties ?? {},
      },
      profile: { source, type: 'customer', identifiers },
    },
  }
}

function userCall(event: Event, settings: CallSettings): ApiCall {
  const email = textAt(event, 'traits.email', 'context.traits.email')
  const externalId = textAt(event, 'userId')
  if (externalId === undefined && email === undefined)
    throw new Error('Zendesk needs the userId or the email of a user')
  const both = ['first', 'last']
    .flatMap((part) => textAt(event, `traits.${part}Name`, `traits.${part}name`, `traits.${part}_name`) ?? [])
    .join(' ')
  const name = textAt(event, 'traits.name') ?? (both === '' ? (email ?? externalId) : both)
  const phone = textAt(event, 'traits.phone')
  const fields = mappingsOf(settings).user?.(event)
  return {
    path: '/users/create_or_update',
    body: {
      user: {
        ...(externalId === undefined ? {} : { external_id: externalId }),
        name,
        ...(email === undefined ? {} : { email }),
        ...(phone === undefined ? {} : { phone }),
        ...(fields === undefined ? {} : { user_fields: fields }),
        skip_verify_email: !settings.verifyEmail,
      },
    },
  }
}

function organizationCall(event: Event, settings: CallSettings): ApiCall {
  const externalId = textAt(event, 'groupId')
  if (externalId === undefined) throw new Error('Zendesk needs the groupId of an organization')
  const fields = mappingsOf(settings).organization?.(event)
  return {
    path: '/organizations/create_or_update',
    body: {
      organization: {
        external_id: externalId,
        name: textAt(event, 'traits.name') ?? externalId,
        ...(fields === undefined ? {} : { organization_fields: fields }),
      },
    },
  }
}
