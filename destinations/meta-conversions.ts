import { defineDestination, isRecord, type Item, type Verdict } from 'sluiceway/destination'
import { serverEventOf } from './meta-conversions/event.ts'

/**
 * Sends events to a dataset (pixel) of Meta by the Conversions API, up to 1,000 a request.
 *
 * Personal data is normalized and hashed by SHA-256 as Meta wants it, before it leaves. `event_id` is the messageId: Meta knows
 * repeats by it, also those that its pixel in the browser sends with it as `eventID`. Meta refuses a whole request because of
 * one wrong event (of more than seven days ago, for example): it is then sent again in halves, until that event stands alone.
 *
 * https://developers.facebook.com/docs/marketing-api/conversions-api/using-the-api,
 * https://developers.facebook.com/docs/marketing-api/conversions-api/parameters,
 * https://developers.facebook.com/docs/graph-api/guides/error-handling (checked 2026-11-29)
 *
 * @param input `pixelId`, `accessToken`, and optionally `actionSource`, `events`, `limitedDataUse`, `testEventCode`
 * @returns the destination, for `destinations` in the config
 * @example metaConversions({ pixelId: '1234567890', accessToken: env.META_TOKEN })
 */
export const metaConversions = defineDestination({
  name: 'meta-conversions',
  settings: {
    pixelId: {
      type: 'string',
      about: 'Id of the dataset (pixel).',
      check: (id: string) => (/^\d{5,20}$/.test(id) ? undefined : 'must be digits'),
    },
    accessToken: { type: 'string', about: 'Access token of the Conversions API.', secret: true },
    actionSource: {
      type: 'choice',
      choices: ['website', 'app', 'email', 'phone_call', 'chat', 'physical_store', 'system_generated', 'other'],
      about: 'Where events happen. Of a website, Meta wants the user agent and the address of the page.',
      default: 'website',
    },
    events: {
      type: 'texts',
      about: 'Names of Meta by the names of track events, beside those of shops, which are known.',
      optional: true,
    },
    limitedDataUse: {
      type: 'boolean',
      about: 'Asks for Limited Data Use (data_processing_options LDU); Meta finds out the state.',
      default: false,
    },
    testEventCode: {
      type: 'string',
      about: 'Shows events under Test Events, and counts none of them.',
      optional: true,
    },
    apiVersion: {
      type: 'string',
      about: 'Version of the Graph API.',
      default: 'v25.0',
      check: (version: string) => (/^v\d{1,3}\.\d$/.test(version) ? undefined : 'must be as v25.0'),
    },
  },
  limits: { events: 1_000, bytes: 1_000_000, timeoutSeconds: 30 },
  encode: (envelope, settings) => {
    const event = serverEventOf(envelope, settings)
    return event === undefined ? null : { id: envelope.id, text: JSON.stringify(event) }
  },
  request: (items, { pixelId, accessToken, apiVersion, testEventCode }) => ({
    method: 'POST',
    url: `https://graph.facebook.com/${apiVersion}/${pixelId}/events`,
    headers: {
      'user-agent': 'Sluiceway',
      'content-type': 'application/json',
      // Not in the URL: addresses end up in logs.
      authorization: `Bearer ${accessToken}`,
    },
    body: bodyOf(items, testEventCode),
  }),
  verdicts: ({ status, body }) => (status >= 200 && status < 300 ? undefined : verdictOfError(status, body)),
})

const bodyOf = (items: readonly Item[], code: string | undefined): string =>
  `{"data":[${items.map(({ text }) => text).join(',')}]${code === undefined ? '' : `,"test_event_code":${JSON.stringify(code)}`}}`

/** Codes of the Graph API that pass: unknown error, service, and limits of calls by app, user, page, account and dataset. */
const passing: ReadonlySet<number> = new Set([1, 2, 4, 17, 32, 341, 368, 613, 80004, 80014])
/** Codes that speak of the token or of its permissions. */
const refusals: ReadonlySet<number> = new Set([3, 10, 102, 190, 459, 463, 464, 467])

/** The status is 400 for most errors; the code tells what they are. Undefined leaves it to the status. */
function verdictOfError(status: number, body: string): Verdict | undefined {
  const error = errorIn(body)
  const code = error?.['code']
  if (error === undefined || typeof code !== 'number') return undefined
  const { error_user_title: title, message, is_transient: isTransient } = error
  const told = typeof title === 'string' && title !== '' ? title : typeof message === 'string' ? message : 'no message'
  const reason = `Meta: ${told.slice(0, 200)} (code ${code})`
  if (isTransient === true || passing.has(code)) return { kind: 'retry', reason }
  if (refusals.has(code) || (code >= 200 && code < 300)) return { kind: 'pause', reason }
  if (code !== 100 || status !== 400) return undefined
  // The dataset is not there, or the token may not write there: of an event it says nothing.
  return error['error_subcode'] === 33 ? { kind: 'pause', reason } : { kind: 'dead', reason }
}

function errorIn(body: string): Record<string, unknown> | undefined {
  try {
    const answer: unknown = JSON.parse(body)
    return isRecord(answer) && isRecord(answer['error']) ? answer['error'] : undefined
  } catch {
    return undefined
  }
}
