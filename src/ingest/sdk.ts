import { Hono } from 'hono'
import type { AppContext } from '../core/app-context.ts'
import { type EventRoute, handleEvents } from './event-route.ts'

/** Routes that bring one event of their own type. */
const singles = ['identify', 'track', 'page', 'screen', 'group', 'alias', 'merge'] as const
/** Routes that bring many; `import` is what Segment's Java SDK calls. */
const batches = ['batch', 'import'] as const
/** Segment's short names. */
const short = { t: 'track', p: 'page', i: 'identify', g: 'group', a: 'alias', s: 'screen' } as const

/** Where server and browser SDKs send events, as RudderStack and Segment lay it out. */
export const sdk = new Hono<{ Bindings: AppContext }>()

// One handler a path, for all verbs: with a single match Hono composes no middleware.
for (const type of singles) serve(`/v1/${type}`, { type })
for (const path of batches) serve(`/v1/${path}`, {})
for (const [path, type] of Object.entries(short)) serve(`/v1/${path}`, { type })
serve('/v1/b', {})
/** For `navigator.sendBeacon`, which can set no header. */
serve('/beacon/v1/batch', { keyIn: 'query' })

function serve(path: string, how: EventRoute): void {
  for (const slash of ['', '/']) sdk.all(`${path}${slash}`, (c) => handleEvents(c.req.raw, how, c.env))
}
