import { defineDestination } from 'sluiceway/destination'

/** Bytes of one event. */
const eventBytes = 32_000
const encoder = new TextEncoder()
const types: ReadonlySet<string> = new Set(['identify', 'track', 'page', 'screen', 'group', 'alias', 'merge'])
const apiHosts: Readonly<Record<string, string>> = { us: 'api.rudderstack.com', eu: 'api.eu.rudderstack.com' }

/**
 * Sends events to another data plane of RudderStack (or of Sluiceway), as they are, in batches.
 *
 * A batch has at most 4 MB, an event at most 32 KB; a larger one is a dead letter. RudderStack knows repeats by the messageId
 * where its deduplication is on.
 *
 * https://www.rudderstack.com/docs/api/http-api/ and, for deletion,
 * https://www.rudderstack.com/docs/api/user-suppression-api/ (checked 2026-11-29)
 *
 * @param input `dataPlaneUrl`, `writeKey`, and optionally what deletes users
 * @returns the destination, for `destinations` in the config
 * @example rudderstack({ dataPlaneUrl: 'https://rs.example.com', writeKey: env.RUDDER_WRITE_KEY })
 */
export const rudderstack = defineDestination({
  name: 'rudderstack',
  settings: {
    dataPlaneUrl: { type: 'url', about: 'Where the data plane is.', insecureWhen: 'allowPrivate' },
    writeKey: { type: 'string', about: 'Write key of a source there.', secret: true },
    accessToken: {
      type: 'string',
      about: 'Service access token of the workspace, to delete users (RudderStack Cloud).',
      secret: true,
      optional: true,
    },
    forgetDestinationIds: {
      type: 'list',
      about: 'Ids of the destinations of that workspace in which users are deleted.',
      optional: true,
    },
    region: { type: 'choice', choices: ['us', 'eu'], about: 'Where the workspace is, for deletion.', default: 'us' },
    allowPrivate: {
      type: 'boolean',
      about: 'Allows http and hosts that are not public, for tests on one machine.',
      default: false,
    },
  },
  // Code units of the text: each may be three bytes in UTF-8.
  limits: { events: 500, bytes: 1_300_000, timeoutSeconds: 30 },
  encode: ({ id, text, event }) => {
    if (!types.has(event.type)) return null
    if (text.length > eventBytes / 3 && encoder.encode(text).byteLength > eventBytes)
      throw new Error('RudderStack takes events of at most 32 KB')
    return { id, text }
  },
  request: (items, { dataPlaneUrl, writeKey }, { now }) => ({
    method: 'POST',
    url: `${dataPlaneUrl.replace(/\/+$/, '')}/v1/batch`,
    headers: {
      'user-agent': 'Sluiceway',
      'content-type': 'application/json',
      authorization: `Basic ${btoa(`${writeKey}:`)}`,
    },
    body: `{"batch":[${items.map(({ text }) => text).join(',')}],"sentAt":"${new Date(now).toISOString()}"}`,
  }),
  forget: ({ userId }, { accessToken, forgetDestinationIds, region }) => {
    if (accessToken === undefined || forgetDestinationIds === undefined)
      throw new Error('"accessToken" and "forgetDestinationIds" of the destination are not set')
    if (userId === undefined) throw new Error('RudderStack deletes by userId, which is not known')
    return {
      method: 'POST',
      url: `https://${apiHosts[region] ?? ''}/v2/regulations`,
      headers: {
        'user-agent': 'Sluiceway',
        'content-type': 'application/json',
        authorization: `Bearer ${accessToken}`,
      },
      body: JSON.stringify({
        regulationType: 'suppress_with_delete',
        destinationIds: forgetDestinationIds,
        users: [{ userId }],
      }),
    }
  },
})
