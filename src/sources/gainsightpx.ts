import { type Draft } from '../core/webhook-source.ts'
import { isRecord } from '../core/json.ts'
import { draftOf, idOf, mapFields, type FieldMapping, payloadOf, valueAt } from './shared/fields.ts'
import { stampOf } from './shared/time.ts'
import { defineSource } from '../configure/define-source.ts'

const vendor = 'Gainsight PX'

/**
 * Takes Gainsight PX's webhooks: a sign-up (`SIGN_UP`) becomes an identify, everything else a track named after the feature,
 * engagement, segment or custom event that it is about, with the kind of event as `properties.category`.
 *
 * The userId is the `identifyId`, the anonymousId Gainsight's own (`aptrinsicId`), which is in `context.externalId` as well. The
 * user is in `traits` of an identify, with place and account, and in `context.traits` of a track. The messageId is the
 * event's id.
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
  const agent = user['lastVisitedUserAgentData']
  return draftOf(vendor, {
    ...fields,
    messageId: idOf(valueAt(payload, 'event.eventId')),
    userId: idOf(user['identifyId']),
    anonymousId: id,
    timestamp: at,
    originalTimestamp: at,
    sentAt: at,
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
  return startOf(payload, {
    type: 'identify',
    traits: {
      ...(isRecord(location) ? location : {}),
      ...user,
      country: valueAt(location, 'countryName'),
      state: valueAt(location, 'stateName'),
      createdAt: stampOf(user['signUpDate']),
      account,
      companyName: valueAt(account, 'name'),
    },
  })
}

function trackOf(payload: Draft, event: Draft): Draft {
  const { eventType: category, attributes } = event
  const named = ['featureName', 'engagementName', 'segmentName', 'eventName', 'eventType']
  const draft = startOf(payload, {
    type: 'track',
    event: named.map((name) => idOf(event[name])).find(Boolean),
    properties: { ...(isRecord(attributes) ? attributes : {}), category },
    context: { traits: isRecord(payload['user']) ? payload['user'] : {} },
  })
  return mapFields(mapFields(draft, event, properties), event, category === 'SURVEY' ? survey : engagement)
}

const properties: FieldMapping = [
  ['url', ['properties.url', 'context.page.url']],
  ['remoteHost', 'properties.ip'],
  ['globalContext', 'properties.globalContext'],
  ['featureId', 'properties.featureId'],
  ['engagementId', 'properties.engagementId'],
  ['contentType', 'properties.contentType'],
  ['engagementType', 'properties.engagementType'],
  ['interaction', 'properties.interaction'],
  ['segmentId', 'properties.segmentId'],
  ['activation', 'properties.engagement.activation'],
]

const engagement: FieldMapping = [['stepNumber', 'properties.engagement.stepNumber']]

const survey: FieldMapping = [
  'answers',
  'contactMeAllowed',
  'questionHtml',
  'questionId',
  'questionText',
  'questionType',
  'score',
  'scoreType',
  'stepNumber',
  'surveyType',
  'userInput',
].map((name) => [name, `properties.survey.${name}`] as const)
