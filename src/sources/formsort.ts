import { isRecord } from '../core/json.ts'
import { draftOf, idOf, mapFields, payloadOf } from './shared/fields.ts'
import { isHmac } from './shared/signature.ts'
import { stampOf } from './shared/time.ts'
import { defineSource } from '../configure/define-source.ts'

const vendor = 'Formsort'

/**
 * Takes Formsort's webhooks: a track `FlowFinalized` when the form was finished, else `FlowLoaded`, with the answers as its
 * properties. Answers may be under `doesAnswer` or beside the other fields, as the integration has been set.
 *
 * The userId is the responder's UUID; without it, the anonymousId is a random one.
 *
 * With a secret, calls must have `X-Formsort-Signature`. It has no time in it.
 *
 * https://docs.formsort.com/handling-data/integration-reference/webhooks,
 * https://docs.formsort.com/handling-data/getting-data-out/signed-requests (checked 2026-11-25)
 *
 * @example formsort({ secret: env.FORMSORT_KEY })
 */
export const formsort = defineSource({
  name: 'formsort',
  settings: {
    secret: { type: 'secrets', about: "The webhook's signing key.", secret: true, optional: true },
  },
  verify({ headers, bytes }, { secret }) {
    if (secret === undefined) return undefined
    const signature = headers['x-formsort-signature']
    if (signature === undefined) return 'the signature is missing'
    // URL-safe base64 without padding, which decoding takes as well.
    return isHmac(signature, bytes, { secrets: secret, encoding: 'base64' }) ? undefined : 'the signature is wrong'
  },
  map({ body }, _, { uuid }) {
    const payload = payloadOf(body)
    const { answers, ...rest } = payload
    const responder = idOf(payload['responder_uuid'])
    const draft = draftOf(vendor, {
      type: 'track',
      event: payload['finalized'] === true ? 'FlowFinalized' : 'FlowLoaded',
      ...(responder === undefined ? { anonymousId: uuid() } : { userId: responder }),
      originalTimestamp: stampOf(payload['created_at']),
      properties: isRecord(answers)
        ? answers
        : { ...Object.fromEntries(Object.entries(rest).filter(([name]) => !about.has(name))), answers },
    })
    return [
      mapFields(draft, payload, [
        ['flow_label', 'context.page.title'],
        ['variant_label', 'context.variantLabel'],
        ['variant_uuid', 'context.variantUuid'],
      ]),
    ]
  },
})

/** What a call says about the form and the responder, beside the answers. */
const about: ReadonlySet<string> = new Set([
  'responder_uuid',
  'flow_label',
  'variant_label',
  'variant_uuid',
  'finalized',
  'created_at',
])
