import type { FieldChoice } from '../core/config.ts'
import { Envelope } from '../core/envelope.ts'
import { perIsolate } from '../core/per-isolate.ts'
import type { PrivacyRules } from '../core/privacy.ts'
import { applyPrivacyToFacts, privateEventOf } from './privacy.ts'

const rulesOf = perIsolate(({ allow, deny }: FieldChoice): PrivacyRules => ({
  ...(allow === undefined ? {} : { allow }),
  ...(deny === undefined ? {} : { drop: deny }),
}))

/**
 * Makes the envelope that a destination gets which is to have some fields only. The one given stays as it is; messageId and
 * ordering key stay, too.
 */
export function withFields(envelope: Envelope, fields: FieldChoice): Envelope {
  const rules = rulesOf(fields)
  const { header } = envelope
  const event = privateEventOf(envelope, rules)
  return new Envelope({ ...header, facts: applyPrivacyToFacts(header.facts, rules) }, JSON.stringify(event))
}
