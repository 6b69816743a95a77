import { type Draft } from '../core/webhook-source.ts'
import { isRecord } from '../core/json.ts'
import { draftOf, idOf, mapFields, type FieldMapping, payloadOf, valueAt } from './shared/fields.ts'
import { stampOf } from './shared/time.ts'
import { defineSource } from '../configure/define-source.ts'

const vendor = 'GAINSIGHTPX'

/**
 * Takes Gainsight PX's webhooks: a sign-up (`SIGN_UP`) becomes an identify, everything else a track named after the feature,
 * engagement, segment, custom event or category of feedback that it is about, with the kind of event as
 * `properties.category`. What a Segment server sent to Gainsight is a `SegmentIO Cloud Server` with its properties.
 *
 * The userId is the `identifyId`, the anonymousId Gainsight's own (`aptrinsicId`), which is in `context.externalId` as well;
 * who is not identified has the id of the session as anonymousId. The user is in `traits` of an identify, with place and
 * account, and in `context.traits` of a track. The messageId is the event's id.
 *
 * Not verified: Gainsight PX documents no signature. Whoever has the write key can send.
 *
 * https://support.gainsight.com/PX/Integrations/01Technology_Partner_Integrations/Integrate_with_Gainsight_PX_Using_Webhooks,
 * https://www.rudderstack.com/docs/sources/event-streams/cloud-apps/gainsight-px/ (checked 2026-11-25)
 *
 * @example gainsightpx()
 */
export const gainsightpx = defineSource({
  name: 'gainsightpx',
  settings: {},
  map({ body }, _, { uuid }) {
    const payload = payloadOf(body)
    const { event } = payload
    const type = idOf(valueAt(event, 'eventType'))
    if (!isRecord(event) || type === undefined) throw new TypeError('The body is no event of Gainsight PX')
    const draft = type === 'SIGN_UP' ? identifyOf(payload) : trackOf(payload, event)
    mapFields(draft, event, [['remoteHost', 'context.ip']])
    if (draft['userId'] === undefined) draft['anonymousId'] ??= uuid()
    return [draft]
  },
})

/** What both have in common: who, when and from where. */
function startOf(payload: Draft, fields: Draft): Draft {
  const user = isRecord(payload['user']) ? payload['user'] : {}
  const at = stampOf(valueAt(payload, 'event.date'))
  const id = idOf(user['aptrinsicId'])
  const userId = idOf(user['identifyId'])
  const session = userId === undefined ? idOf(valueAt(payload, 'event.sessionId')) : undefined
  const agent = user['lastVisitedUserAgentData']
  return draftOf(vendor, {
    timestamp: at,
    originalTimestamp: at,
    sentAt: at,
    ...fields,
    messageId: idOf(valueAt(payload, 'event.eventId')),
    userId,
    anonymousId: session ?? id,
    context: {
      ...(isRecord(fields['context']) ? fields['context'] : {}),
      ...(id === undefined ? {} : { externalId: [{ type: 'gainsightpxAptrinsicId', id }] }),
      ...(typeof agent === 'string' ? { userAgent: agent } : {}),
    },
  })
}

function identifyOf(payload: Draft): Draft {
  const { location, ...user } = isRecord(payload['user']) ? payload['user'] : {}
  const { account } = payload
  const joined = stampOf(user['signUpDate'])
  return startOf(payload, {
    type: 'identify',
    ...(joined === undefined ? {} : { originalTimestamp: joined }),
    traits: {
      ...(isRecord(location) ? location : {}),
      ...user,
      country: valueAt(location, 'countryName'),
      state: valueAt(location, 'stateName'),
      createdAt: joined,
      account,
      companyName: valueAt(account, 'name'),
    },
  })
}

function trackOf(payload: Draft, event: Draft): Draft {
  const { eventType: category, attributes } = event
  const draft = startOf(payload, {
    type: 'track',
    event: nameOf(event),
    properties: { ...(isRecord(attributes) ? attributes : {}), ...ofSegment(event), category },
    context: { traits: isRecord(payload['user']) ? { ...payload['user'] } : {} },
  })
  mapFields(draft, payload, about)
  if (category === 'SEGMENT_IO') return mapFields({ ...draft, properties: ofSegment(event) }, event, key)
  mapFields(draft, event, properties)
  return mapFields(draft, event, (typeof category === 'string' ? byCategory.get(category) : undefined) ?? engagement)
}

/** Where an event has its name, the surest place first. */
const named = ['featureName', 'engagementName', 'segmentName', 'eventName', 'eventType']

function nameOf(event: Draft): string | undefined {
  if (event['eventType'] === 'SEGMENT_IO') return 'SegmentIO Cloud Server'
  const category = event['eventType'] === 'FEEDBACK' ? idOf(event['category']) : undefined
  return category ?? named.map((name) => idOf(event[name])).find(Boolean)
}

/** What Segment's server sent to Gainsight PX. */
const ofSegment = ({ segmentIOEvent: sent }: Draft): Draft => (isRecord(sent) ? { ...sent } : {})

const about: FieldMapping = [
  ['user.location.countryName', 'context.traits.country'],
  ['account.id', 'context.traits.account.id'],
  ['account.name', 'context.traits.account.name'],
  ['account.numberOfEmployees', 'context.traits.account.numberOfEmployees'],
  ['account.numberOfUsers', 'context.traits.account.numberOfUsers'],
]

const key: FieldMapping = [['propertyKey', 'properties.propertyKey']]

const properties: FieldMapping = [
  ...key,
  ['url', ['properties.url', 'context.page.url']],
  ['remoteHost', 'properties.ip'],
  ['globalContext', 'properties.globalContext'],
  ['featureId', 'properties.featureId'],
  ['engagementId', 'properties.engagementId'],
  ['contentType', 'properties.contentType'],
  ['engagementType', 'properties.engagementType'],
  ['interaction', 'properties.interaction'],
  ['segmentId', 'properties.segmentId'],
]

const engagement: FieldMapping = [
  ['activation', 'properties.engagement.activation'],
  ['stepNumber', 'properties.engagement.stepNumber'],
]

const under = (holder: string, names: readonly string[]): FieldMapping =>
  names.map((name) => [name, `properties.${holder}.${name}`] as const)

const survey: FieldMapping = [
  ['surveyType', 'properties.surveyType'],
  ...under('survey', [
    'activation',
    'answers',
    'contactMeAllowed',
    'questionHtml',
    'questionId',
    'questionText',
    'questionType',
    'score',
    'scoreType',
    'stepNumber',
    'userInput',
  ]),
]

/** What the events of a kind have beside the others. */
const byCategory: ReadonlyMap<string, FieldMapping> = new Map([
  ['SURVEY', survey],
  ['FEEDBACK', under('feedback', ['subject', 'description', 'labels', 'source'])],
])
