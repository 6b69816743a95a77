import { defineDestination, type Item } from 'sluiceway/destination'

/** Bytes of one event, which Segment would leave out with status 200. */
const eventBytes = 32_000
const encoder = new TextEncoder()
const types: ReadonlySet<string> = new Set(['identify', 'track', 'page', 'screen', 'group', 'alias'])
const hosts: Readonly<Record<string, { readonly tracking: string; readonly publicApi: string }>> = {
  us: { tracking: 'api.segment.io', publicApi: 'api.segmentapis.com' },
  eu: { tracking: 'events.eu1.segmentapis.com', publicApi: 'eu1.api.segmentapis.com' },
}

/**
 * Sends events to a source of a Segment workspace, as they are, in batches.
 *
 * A batch has at most 2,500 events and 500 KB, an event at most 32 KB: Segment answers 200 and leaves out what is larger, so
 * that a larger event is a dead letter here. Segment knows repeats by the messageId (of fewer than 100 characters).
 *
 * https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/ and, for deletion,
 * https://docs.segmentapis.com/tag/Deletion-and-Suppression (checked 2026-11-29)
 *
 * @param input `writeKey`, and optionally `region`, `publicApiToken`
 * @returns the destination, for `destinations` in the config
 * @example segment({ writeKey: env.SEGMENT_WRITE_KEY, region: 'eu' })
 */
export const segment = defineDestination({
  name: 'segment',
  settings: {
    writeKey: { type: 'string', about: 'Write key of an HTTP API source.', secret: true },
    region: { type: 'choice', choices: ['us', 'eu'], about: 'Where the workspace is.', default: 'us' },
    publicApiToken: {
      type: 'string',
      about: 'Token of the Public API, to delete users in the workspace.',
      secret: true,
      optional: true,
    },
  },
  // Code units of the text: each may be three bytes in UTF-8.
  limits: { events: 500, bytes: 160_000, timeoutSeconds: 20 },
  encode: ({ id, text, event }) => {
    if (!types.has(event.type)) return null
    if (text.length > eventBytes / 3 && encoder.encode(text).byteLength > eventBytes)
      throw new Error('Segment takes events of at most 32 KB')
    return { id, text }
  },
  request: (items, { writeKey, region }, { now }) => ({
    method: 'POST',
    url: `https://${hosts[region]?.tracking ?? ''}/v1/batch`,
    headers: {
      'user-agent': 'Sluiceway',
      'content-type': 'application/json',
      authorization: `Basic ${btoa(`${writeKey}:`)}`,
    },
    // Segment adds the time between sentAt and its own clock to the timestamps of events.
    body: `{"batch":[${textsOf(items)}],"sentAt":"${new Date(now).toISOString()}"}`,
  }),
  forget: ({ userId }, { publicApiToken, region }) => {
    if (publicApiToken === undefined) throw new Error('"publicApiToken" of the destination is not set')
    if (userId === undefined) throw new Error('Segment deletes by userId, which is not known')
    return {
      method: 'POST',
      url: `https://${hosts[region]?.publicApi ?? ''}/regulations`,
      headers: {
        'user-agent': 'Sluiceway',
        'content-type': 'application/json',
        authorization: `Bearer ${publicApiToken}`,
      },
      body: JSON.stringify({ regulationType: 'SUPPRESS_WITH_DELETE', subjectType: 'USER_ID', subjectIds: [userId] }),
    }
  },
})

const textsOf = (items: readonly Item[]): string => items.map(({ text }) => text).join(',')
