import { isRecord } from '../core/json.ts'
import { payloadsOf } from './shared/fields.ts'
import { defineSource } from '../configure/define-source.ts'

/**
 * Takes the events that MoEngage forwards by its RudderStack integration: those of `batch`, or the body itself, unchanged.
 *
 * Not verified: MoEngage documents no signature. Whoever has the write key can send.
 *
 * https://www.rudderstack.com/docs/sources/event-streams/cloud-apps/moengage/ (checked 2026-11-25)
 *
 * @example moengage()
 */
export const moengage = defineSource({
  name: 'moengage',
  settings: {},
  map: ({ body }) => payloadsOf(isRecord(body) && Array.isArray(body['batch']) ? body['batch'] : body),
})
