import { isRecord } from '../core/json.ts'
import { draftOf, idOf, payloadOf, valueAt } from './shared/fields.ts'
import { sha256 } from './shared/hash.ts'
import { flatten } from './shared/leaves.ts'
import { stampOf } from './shared/time.ts'
import { defineSource } from '../configure/define-source.ts'

const vendor = 'Mailmodo'

/**
 * Takes Mailmodo's webhooks, of journeys and of forms in emails: a track named after what triggered it, else `Form Submitted`.
 * Its properties are the fields of the call, flat (`triggerData.eventProperty.Price`, `elements[0]`).
 *
 * The anonymousId is the SHA-256 of the recipient's email address, without which a call cannot be mapped; Mailmodo's own id is
 * in `context.externalId`, the recipient's data in `context.traits`.
 *
 * Not verified: Mailmodo documents no signature. Whoever has the write key can send.
 *
 * https://www.rudderstack.com/docs/sources/event-streams/cloud-apps/mailmodo/ (checked 2026-11-25)
 *
 * @example mailmodo()
 */
export const mailmodo = defineSource({
  name: 'mailmodo',
  settings: {},
  map({ body }) {
    const payload = payloadOf(body)
    const email = emails.map((path) => idOf(valueAt(payload, path))).find((one) => one !== undefined)
    if (email === undefined) throw new TypeError("The recipient's email is missing")
    const { recipientData, recordedAt, recipientEmail: _, ...rest } = payload
    const id = idOf(valueAt(payload, 'triggerData.userId'))
    return [
      draftOf(vendor, {
        type: 'track',
        event: idOf(valueAt(payload, 'triggerData.triggerSource')) ?? 'Form Submitted',
        anonymousId: sha256(email),
        originalTimestamp: stampOf(
          valueAt(recordedAt, 'ts') ?? valueAt(rest, 'triggerData.formSubmissionData.recordedAt.ts'),
        ),
        context: {
          integration: { name: vendor, version: '1.0.0' },
          traits: { ...(isRecord(recipientData) ? recipientData : {}), email },
          ...(id === undefined ? {} : { externalId: [{ type: 'mailmodoUserId', id }] }),
        },
        properties: Object.fromEntries(Object.entries(flatten(rest)).filter(([path]) => !personal.has(path))),
      }),
    ]
  },
})

/** Where a call may have the address, the surest place first. */
const emails = ['triggerData.email', 'recipientData.email', 'recipientEmail', 'email']

/** What is told of the person elsewhere in the event. */
const personal: ReadonlySet<string> = new Set(['email', 'userId', 'triggerData.email', 'triggerData.userId'])
