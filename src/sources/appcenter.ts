import { type Draft } from '../core/webhook-source.ts'
import { draftOf, idOf, mapFields, type FieldMapping, payloadOf } from './shared/fields.ts'
import { anonymousIdOf } from './shared/hash.ts'
import { stampOf } from './shared/time.ts'
import { defineSource } from '../configure/define-source.ts'

const vendor = 'APPCENTER'

/**
 * Takes the webhooks of Visual Studio App Center: a track `Build Succeeded`, `Build Failed`, `Released Version 2.0.0` or
 * `App Crashed`, with the whole payload as its properties. A test, which is but a text, is answered by its own body.
 *
 * There is nobody in these events: the anonymousId is made of the app's id or name, so that those of an app stay in order.
 *
 * Not verified: App Center documents no signature, and was to be retired in 2025.
 *
 * https://learn.microsoft.com/en-us/appcenter/dashboard/webhooks/ (checked 2026-11-25)
 *
 * @example appcenter()
 */
export const appcenter = defineSource({
  name: 'appcenter',
  settings: {},
  map({ body, bytes }, _, { uuid }) {
    const payload = payloadOf(body)
    if (payload['text'] !== undefined)
      return { reply: { body: new TextDecoder().decode(bytes), contentType: 'application/json' } }
    const app = ['app_id', 'app_name', 'app_display_name'].map((name) => idOf(payload[name])).find(Boolean)
    const draft = draftOf(vendor, {
      type: 'track',
      event: eventOf(payload),
      anonymousId: app === undefined ? uuid() : anonymousIdOf(app),
      originalTimestamp: stampOf(payload['start_time'] ?? payload['uploaded_at']),
      sentAt: stampOf(payload['sent_at']),
      properties: payload,
    })
    return [mapFields(draft, payload, mapping)]
  },
})

/** Only a build has a status, only a release an id of its own, only a crash a trace. */
function eventOf(payload: Draft): string {
  const { build_status: status, release_id: release, short_version: version } = payload
  if (typeof status === 'string') return status === 'Succeeded' ? 'Build Succeeded' : 'Build Failed'
  if (idOf(release) !== undefined) return `Released Version ${idOf(version) ?? idOf(payload['version']) ?? ''}`.trim()
  if (payload['stack_trace'] !== undefined || payload['crash_count'] !== undefined) return 'App Crashed'
  throw new TypeError('The body is no notification of App Center')
}

const mapping: FieldMapping = [
  [['app_name', 'app_display_name'], 'context.app.name'],
  [['build_id', 'version'], 'context.app.build'],
  [['short_version', 'app_version'], 'context.app.version'],
  ['bundle_identifier', 'context.app.namespace'],
  [
    ['os', 'platform', 'app_platform'],
    ['context.device.type', 'context.os.name'],
  ],
]
