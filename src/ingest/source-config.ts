import { Hono } from 'hono'
import type { Source } from '../core/resolve.ts'
import type { World } from '../core/world.ts'
import { answer, failure, preflight, wrongMethod } from './answer.ts'
import { sourceOf, writeKeyOf } from './write-key.ts'

/**
 * What browser and mobile SDKs ask before they send: who their source is and which destinations run in the client.
 *
 * All destinations run behind the edge, so there are none in the client.
 */
export const sourceConfig = new Hono<{ Bindings: World }>()

for (const path of ['/sourceConfig', '/sourceConfig/'])
  sourceConfig.all(path, (c) => {
    const request = c.req.raw
    if (request.method === 'OPTIONS') return preflight(request, 'GET, HEAD')
    if (request.method !== 'GET' && request.method !== 'HEAD') return wrongMethod(request, 'GET, HEAD')
    try {
      const key = writeKeyOf(request) ?? new URL(request.url).searchParams.get('writeKey') ?? undefined
      return answer(request, JSON.stringify(configOf(sourceOf(key, c.env.resolved))))
    } catch (error) {
      return failure(request, error)
    }
  })

/** The object that `@rudderstack/analytics-js` 3 insists on, with everything that it reads. */
const configOf = ({ name, writeKey, enabled }: Source) => ({
  source: {
    id: name,
    name,
    writeKey,
    enabled,
    workspaceId: 'sluiceway',
    config: { statsCollection: { errors: { enabled: false }, metrics: { enabled: false } } },
    connections: [],
    destinations: [],
    dataplanes: {},
    sourceDefinition: { name: 'Javascript', displayName: 'JavaScript' },
  },
  consentManagementMetadata: { providers: [] },
})
