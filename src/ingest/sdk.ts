import { Hono } from 'hono'
import type { AppContext } from '../core/app-context.ts'
import { type EventRoute, takeEvents } from './event-route.ts'
import { serve } from './serve.ts'

/** Routes that bring one event of their own type. */
const singles = ['identify', 'track', 'page', 'screen', 'group', 'alias', 'merge'] as const
/** Routes that bring many; `import` is what Segment's Java SDK calls. */
const batches = ['batch', 'import'] as const
/** Segment's short names. */
const short = { t: 'track', p: 'page', i: 'identify', g: 'group', a: 'alias', s: 'screen' } as const

/** Where server and browser SDKs send events, as RudderStack and Segment lay it out. */
export const sdk = new Hono<{ Bindings: AppContext }>()

for (const type of singles) addRoute(`/v1/${type}`, { type })
for (const path of batches) addRoute(`/v1/${path}`, {})
for (const [path, type] of Object.entries(short)) addRoute(`/v1/${path}`, { type })
addRoute('/v1/b', {})
/** For `navigator.sendBeacon`, which can set no header. */
addRoute('/beacon/v1/batch', { keyIn: 'query' })

function addRoute(path: string, route: EventRoute): void {
  serve(sdk, path, ['POST'], (c) => takeEvents(c.req.raw, route, c.env))
}
