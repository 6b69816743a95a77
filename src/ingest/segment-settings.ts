import { Hono } from 'hono'
import { SluicewayError } from '../core/errors.ts'
import type { AppContext } from '../core/app-context.ts'
import { jsonResponse } from './responses.ts'
import { serve } from './serve.ts'
import { textOf } from '../platform/body.ts'
import { eventSource } from './event-route.ts'
import { parseJson } from './json.ts'
import { isSecure } from './secure.ts'
import { isRecord } from '../core/json.ts'
import type { Source } from '../core/resolved-config.ts'

/**
 * What `@segment/analytics-next` asks of its `cdnURL` and sends beside events: the settings of its source, and metrics of
 * itself.
 *
 * A source that is disabled, or that does not exist, is an error: the SDK stops at that. With settings that name no host it
 * would send to Segment's.
 */
export const segmentSettings = new Hono<{ Bindings: AppContext }>()

serve(segmentSettings, '/v1/projects/:key/settings', ['GET', 'HEAD'], (c) => {
  const request = c.req.raw
  const settings = settingsOf(eventSource([c.req.param('key')], c.env), request, c.env)
  return jsonResponse(request, JSON.stringify(settings), {
    headers: { 'cache-control': 'private, max-age=60', vary: 'Origin' },
  })
})
serve(segmentSettings, '/v1/m', ['POST'], (c) => takeMetrics(c.req.raw, c.env))

/** Bytes of an event that surely fit into the 64 KiB that browsers let be under way with keepalive. */
const mostKeptAlive = 60_000

/** Answers the SDK's metrics, which nobody stores; anything else would be lost here, and is refused. */
async function takeMetrics(request: Request, app: AppContext): Promise<Response> {
  const body = parseJson(await textOf(request, app.resolved.limits.bodyBytes))
  if (!isRecord(body) || !Array.isArray(body['series']))
    throw new SluicewayError('bad_request', '/v1/m takes metrics of an SDK only; send events to /v1/batch')
  return jsonResponse(request, '{"success":true}')
}

/** Members that the SDK reads: CDNSettings in `src/browser/settings.ts` of @segment/analytics-next 1.84 (checked 2026-11-25). */
function settingsOf({ writeKey, identityCookie }: Source, request: Request, { resolved }: AppContext) {
  const { host } = new URL(request.url)
  const apiHost = `${host}${resolved.paths.ingest}/v1`
  return {
    integrations: {
      'Segment.io': {
        apiKey: writeKey,
        apiHost,
        protocol: isSecure(request) ? 'https' : 'http',
        // An event that is sent while the page is left still arrives. A page's own deliveryStrategy takes its place. Browsers fail
        // larger requests with keepalive, over and over; our own script knows when to do without, that of npm does not.
        deliveryStrategy: {
          strategy: 'standard',
          config: {
            ...(resolved.limits.eventBytes <= mostKeptAlive ? { keepalive: true } : {}),
            ...(identityCookie === undefined ? {} : { credentials: 'include' }),
          },
        },
        retryQueue: true,
        unbundledIntegrations: [],
        bundledConfigIds: [],
        unbundledConfigIds: [],
        maybeBundledConfigIds: {},
        versionSettings: { version: '4.4.7', componentTypes: ['browser'] },
      },
    },
    plan: {
      track: { __default: { enabled: true, integrations: {} } },
      identify: { __default: { enabled: true } },
      group: { __default: { enabled: true } },
    },
    edgeFunction: {},
    analyticsNextEnabled: true,
    middlewareSettings: { routingRules: [] },
    enabledMiddleware: {},
    metrics: { sampleRate: 0, host: apiHost },
    legacyVideoPluginsEnabled: false,
    remotePlugins: [],
    autoInstrumentationSettings: { disableTraffic: false, sampleRate: 0 },
  }
}
