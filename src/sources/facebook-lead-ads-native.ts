import { type Draft, type WebhookCall, type Mapped } from '../core/webhook-source.ts'
import { isRecord } from '../core/json.ts'
import { draftOf, eachOf, firstOf, idOf, payloadOf } from './shared/fields.ts'
import { hmacFault, isSame, signaturesIn } from './shared/signature.ts'
import { stampOf } from './shared/time.ts'
import { defineSource } from '../configure/define-source.ts'

const vendor = 'Facebook Lead Ads'

/**
 * Takes the `leadgen` webhook of a Facebook app: one identify per lead, with what Facebook tells of it in `context.traits`: the
 * ids of the lead, its form, ad and page. The GET by which Facebook verifies a new URL is answered.
 *
 * What somebody wrote into the form is not in it: it has to be fetched from the Graph API with a token of the page, which a
 * source cannot do. So the anonymousId is the lead's id, which is in `context.externalId` as well, until a transform or a
 * later identify tells more. The messageId is `facebook_lead_ads_native-` and the lead's id. A change that does not name lead,
 * page and form is passed over.
 *
 * With a secret, calls must have `X-Hub-Signature-256`; it has no time in it. With a `verifyToken`, the GET must have that
 * token.
 *
 * https://developers.facebook.com/docs/graph-api/webhooks/getting-started,
 * https://developers.facebook.com/docs/graph-api/webhooks/getting-started/webhooks-for-leadgen (checked 2026-11-25)
 *
 * @example facebookLeadAdsNative({ secret: env.FACEBOOK_APP_SECRET, verifyToken: env.FACEBOOK_VERIFY_TOKEN })
 */
export const facebookLeadAdsNative = defineSource({
  name: 'facebook_lead_ads_native',
  settings: {
    secret: { type: 'secrets', about: "The app's secret.", secret: true, optional: true },
    verifyToken: {
      type: 'secrets',
      about: "The verify token of the app's webhook.",
      secret: true,
      optional: true,
    },
  },
  takesGet: true,
  verify({ method, query, headers, bytes }, { secret, verifyToken }, { now }) {
    if (method === 'GET')
      return verifyToken === undefined || verifyToken.some((token) => isSame(firstOf(query['hub.verify_token']), token))
        ? undefined
        : 'the verify token is wrong'
    const signatures = signaturesIn(headers['x-hub-signature-256'], 'sha256=')
    return secret === undefined ? undefined : hmacFault({ signatures, content: bytes }, { secrets: secret, now: now() })
  },
  map(hook) {
    if (hook.method === 'GET') return challengeOf(hook)
    const { object, entry } = payloadOf(hook.body)
    if (object !== 'page') throw new TypeError('The body is no notification about a page')
    return eachOf(listOf(entry).flatMap(leadsOf))
  },
})

/** Facebook's challenge is a number; nothing that a browser could take for more is sent back. */
function challengeOf({ query }: WebhookCall): Mapped {
  const challenge = firstOf(query['hub.challenge'])
  if (challenge === undefined || !/^[\w-]{1,128}$/.test(challenge)) return []
  return { reply: { body: challenge, contentType: 'text/plain' } }
}

const listOf = (value: unknown): Draft[] => (Array.isArray(value) ? value.filter(isRecord) : [])

/** The leads of an entry: its changes that name lead, page and form. */
function leadsOf({ changes, time }: Draft): Draft[] {
  return listOf(changes).flatMap(({ field, value }) => {
    const traits = isRecord(value) ? value : {}
    const { leadgen_id: lead, page_id: page, form_id: form, created_time } = traits
    const id = idOf(lead)
    if (field !== 'leadgen' || id === undefined || idOf(page) === undefined || idOf(form) === undefined) return []
    const draft = draftOf(vendor, {
      type: 'identify',
      messageId: `facebook_lead_ads_native-${id}`,
      anonymousId: id,
      originalTimestamp: stampOf(created_time),
      sentAt: stampOf(time),
      context: { traits, externalId: [{ type: 'facebookLeadId', id }] },
    })
    return [draft]
  })
}
