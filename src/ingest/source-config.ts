import { Hono } from 'hono'
import { SluicewayError } from '../core/errors.ts'
import type { AppContext } from '../core/app-context.ts'
import { jsonResponse } from './responses.ts'
import { serve } from './serve.ts'
import { eventSource } from './event-route.ts'
import { findSource, type GivenKeys, queryKeyOf, writeKeyOf } from './write-key.ts'
import { workspaceId } from '../core/metadata.ts'
import type { Source } from '../core/resolved-config.ts'

/**
 * What RudderStack's browser and mobile SDKs ask before they send: who their source is and which destinations run in the
 * client. All destinations run behind the edge, so there are none in the client.
 *
 * A source that is disabled is told so with status 200 and `enabled: false`: the SDKs stop at that, where they would ask
 * again, or go on with what they were told last, after an error.
 */
export const sourceConfig = new Hono<{ Bindings: AppContext }>()

serve(sourceConfig, '/sourceConfig', ['GET', 'HEAD'], (c) => {
  const request = c.req.raw
  const config = configOf(sourceFor([writeKeyOf(request), queryKeyOf(request)], c.env))
  return jsonResponse(request, JSON.stringify(config), { headers: { 'cache-control': 'private, no-cache' } })
})

function sourceFor(keys: GivenKeys, app: AppContext): Source {
  try {
    return eventSource(keys, app)
  } catch (error) {
    const source = findSource(keys, app.resolved)
    if (source === undefined || !(error instanceof SluicewayError) || error.code !== 'source_disabled') throw error
    return source
  }
}

/**
 * The object that `@rudderstack/analytics-js` 3 insists on, with everything that it reads, and what the mobile SDKs' parsers
 * demand: `writeKey`, `workspaceId`, `updatedAt` and `statsCollection` of SourceConfig in rudder-sdk-kotlin and
 * rudder-sdk-swift, the rest of RudderServerConfigSource in rudder-sdk-android and rudder-sdk-ios (checked 2026-11-25).
 */
const configOf = ({ name, writeKey, enabled }: Source) => ({
  isHosted: true,
  source: {
    id: name,
    name,
    writeKey,
    enabled,
    workspaceId,
    // Nobody compares it with anything: the SDKs ask at every start.
    updatedAt: '2026-01-01T00:00:00.000Z',
    config: { statsCollection: { errors: { enabled: false }, metrics: { enabled: false } } },
    connections: [],
    destinations: [],
    dataplanes: {},
    sourceDefinition: { name: 'Javascript', displayName: 'JavaScript' },
  },
  consentManagementMetadata: { providers: [] },
})
