import { defineDestination, valueAt } from 'sluiceway/destination'
import { gaEventOf, type GaEvent, nameProblem } from './google-analytics-4/event.ts'
import { userPropertiesOf, userPropertiesProblem } from './google-analytics-4/user-properties.ts'

/** Events that are older than this would stand in reports at another time. */
const oldestMs = 72 * 3_600_000
/** Bytes of a request; Google answers 204 to a larger one, too. */
const mostBytes = 130_000
const encoder = new TextEncoder()
const hosts: Readonly<Record<string, string>> = {
  global: 'www.google-analytics.com',
  eu: 'region1.google-analytics.com',
}

/** What of a request one event decides. */
interface Payload {
  readonly client_id?: string
  readonly app_instance_id?: string
  readonly user_id?: string
  readonly timestamp_micros?: number
  readonly user_properties?: Readonly<Record<string, unknown>>
  readonly events: readonly GaEvent[]
}

/**
 * Sends events to a property of Google Analytics 4 by the Measurement Protocol, one a request: a request is about one client.
 *
 * Google answers 204 whatever it gets, and leaves out what is against its rules. So what would be left out is a dead letter
 * here: reserved names, events of more than 72 hours ago, events without a client. Parameters beyond the 25th are not sent,
 * texts are cut to their longest. The protocol has no place for a messageId; purchases are known by their `transaction_id`.
 *
 * https://developers.google.com/analytics/devguides/collection/protocol/ga4/sending-events (limits),
 * https://developers.google.com/analytics/devguides/collection/protocol/ga4/reference (fields, reserved names),
 * https://developers.google.com/analytics/devguides/collection/ga4/reference/events (checked 2026-11-29)
 *
 * @param input `apiSecret` and `measurementId` or `firebaseAppId`; optionally `events`, `userProperties`, `region`
 * @returns the destination, for `destinations` in the config
 * @example googleAnalytics4({ apiSecret: env.GA4_SECRET, measurementId: 'G-ABCDEFGHIJ' })
 */
export const googleAnalytics4 = defineDestination({
  name: 'google-analytics-4',
  settings: {
    apiSecret: { type: 'string', about: 'API secret of the Measurement Protocol, of the data stream.', secret: true },
    measurementId: {
      type: 'string',
      about: 'Id of a web stream, as G-ABCDEFGHIJ.',
      optional: true,
      check: (id: string) => (/^G-[A-Z0-9]{4,20}$/.test(id) ? undefined : 'must be as G-ABCDEFGHIJ'),
    },
    firebaseAppId: { type: 'string', about: 'Firebase id of an app stream.', optional: true },
    events: {
      type: 'texts',
      about: 'Names of Google Analytics by the names of track events, beside those of shops, which are known.',
      optional: true,
      check: (events: Readonly<Record<string, string>>) =>
        Object.values(events)
          .map((name) => nameProblem(name))
          .find((problem) => problem !== undefined),
    },
    userProperties: {
      type: 'list',
      about: 'Traits that are sent as user properties; Google forbids names, addresses and the like.',
      optional: true,
      check: userPropertiesProblem,
    },
    region: { type: 'choice', choices: ['global', 'eu'], about: 'Where the data is collected.', default: 'global' },
  },
  check: ({ measurementId, firebaseAppId }) =>
    (measurementId === undefined) === (firebaseAppId === undefined)
      ? ['give either "measurementId" (of a web stream) or "firebaseAppId" (of an app stream)']
      : [],
  limits: { events: 1 },
  encode: ({ id, event }, { events, userProperties = [], measurementId }) => {
    const made = gaEventOf(event, events)
    if (made === undefined) return null
    const asked = (name: string) =>
      valueAt(event, `integrations.GA4.${name}`, `integrations.Google Analytics 4 (GA4).${name}`)
    const client =
      measurementId === undefined
        ? valueAt(
            { a: asked('appInstanceId'), b: event },
            'a',
            'b.context.app.instanceId',
            'b.properties.app_instance_id',
          )
        : valueAt({ a: asked('clientId'), b: event }, 'a', 'b.anonymousId', 'b.userId')
    if (typeof client !== 'string')
      throw new Error(
        measurementId === undefined
          ? 'Google Analytics needs an app instance: integrations.GA4.appInstanceId or properties.app_instance_id'
          : 'Google Analytics needs a client: anonymousId, userId or integrations.GA4.clientId',
      )
    const time = Date.parse(event.timestamp ?? event.originalTimestamp ?? '')
    const properties = userPropertiesOf(event, userProperties)
    const payload: Payload = {
      ...(measurementId === undefined ? { app_instance_id: client } : { client_id: client }),
      ...(typeof event.userId === 'string' && event.userId !== '' ? { user_id: event.userId.slice(0, 256) } : {}),
      ...(Number.isNaN(time) ? {} : { timestamp_micros: time * 1_000 }),
      ...(properties === undefined ? {} : { user_properties: properties }),
      events: [made],
    }
    const text = JSON.stringify(payload)
    if (text.length > mostBytes / 3 && encoder.encode(text).byteLength >= mostBytes)
      throw new Error('Google Analytics takes requests of less than 130 KB: the event has too many items')
    return { id, text }
  },
  request: (items, { apiSecret, measurementId, firebaseAppId, region }, { now }) => {
    const body = items[0]?.text ?? ''
    const { timestamp_micros: micros } = JSON.parse(body) as Payload
    if (micros !== undefined && micros / 1_000 < now - oldestMs)
      throw new Error('Google Analytics takes events of the last 72 hours only')
    const query = new URLSearchParams({
      ...(measurementId === undefined ? {} : { measurement_id: measurementId }),
      ...(firebaseAppId === undefined ? {} : { firebase_app_id: firebaseAppId }),
      api_secret: apiSecret,
    })
    return {
      method: 'POST',
      url: `https://${hosts[region] ?? ''}/mp/collect?${query.toString()}`,
      headers: { 'user-agent': 'Sluiceway', 'content-type': 'application/json' },
      body,
    }
  },
})
