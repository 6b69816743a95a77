import { type Context, Hono } from 'hono'
import type { DemoConfig } from '../core/config.ts'
import { adminNameOf } from '../core/admin-name.ts'
import type { AppContext } from '../core/app-context.ts'
import { DemoSink, eventsOf } from './demo-sink.ts'
import { demoState } from './demo-state.ts'
import { checkSignature } from './signature.ts'

type DemoCall = Context<{ Bindings: AppContext }>

/** UTF-16 units of a request's body that the sink takes; a row of D1 has room for 2 MB. */
const sinkUnits = 500_000

const localNames = new Set(['localhost', '127.0.0.1', '[::1]'])

/** The page runs its own scripts only, and talks to this server only. */
const pageHeaders = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'referrer-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
}

/**
 * Serves the demo: a shop page with the browser SDK, its webhook sink, and what arrived where.
 *
 * For local use: everything answers 404 unless the config's `demo` is set, which `npm start` does. What shows events
 * (`/state`) and what takes them (`/sink`) answers only a request whose `Host` is this machine, so that neither a page that
 * rebinds its name in DNS nor somebody on the network (`--host`) reads them, or one that brings the admin token; the sink
 * also takes what is signed with its secret. With `demo.tokenOnly` the `Host` opens nothing, since a program can forge it.
 * The page itself and `config.json` hold no secret: a write key is public.
 */
export const demo = new Hono<{ Bindings: AppContext }>()

demo.use('*', async (c, next) => {
  if (c.env.resolved.demo === false) return refusalOf(c, 404, 'There is nothing here.')
  return next()
})

demo.get('/config.json', (c) => {
  const { sources, paths } = c.env.resolved
  const source = [...sources.values()].find(({ webhook }) => webhook === undefined)
  return c.json({ writeKey: source?.writeKey ?? null, dataPlaneUrl: paths.ingest }, 200, {
    'cache-control': 'no-store',
  })
})

demo.get('/state', async (c) => {
  if (!isLocal(c) && !(await hasToken(c)))
    return refusalOf(c, 403, 'What arrived is shown on the machine itself, or for the admin token.')
  return c.json(await demoState(c.env, c.req.query('last')), 200, { 'cache-control': 'no-store' })
})

demo.post('/sink', async (c) => {
  const { port, bindings } = c.env
  const body = await c.req.text()
  if (body.length > sinkUnits) return refusalOf(c, 413, 'The sink takes at most 500,000 characters.')
  const at = port.now()
  const signature = await checkSignature(
    { headers: c.req.raw.headers, body },
    { secret: optionsOf(c).sinkSecret, now: at },
  )
  if (!isLocal(c) && signature !== 'verified' && !(await hasToken(c)))
    return refusalOf(c, 403, 'The sink takes what is signed with its secret, or comes from the machine itself.')
  const events = eventsOf(body).length
  if (events === 0) return refusalOf(c, 400, 'The body must be an event, or an array of events, as JSON.')
  await new DemoSink(bindings.DB).add({ at, signature, headers: shownHeadersOf(c.req.raw.headers), body, events })
  return c.json({ success: true, events })
})

demo.get('*', async (c) => {
  const { ASSETS } = c.env.bindings
  const url = new URL(c.req.url)
  if (url.pathname === '/demo') url.pathname = '/demo/'
  const asset = await ASSETS?.fetch(new Request(url, { headers: c.req.raw.headers }))
  if (asset === undefined || asset.status === 404) return refusalOf(c, 404, `There is nothing at ${url.pathname}.`)
  const response = new Response(asset.body, asset)
  for (const [name, value] of Object.entries(pageHeaders)) response.headers.set(name, value)
  return response
})

function optionsOf(c: DemoCall): DemoConfig {
  const { demo: options } = c.env.resolved
  return typeof options === 'object' ? options : {}
}

const isLocal = (c: DemoCall): boolean =>
  optionsOf(c).tokenOnly !== true && localNames.has((c.req.header('host') ?? '').replace(/:\d+$/, '').toLowerCase())

async function hasToken(c: DemoCall): Promise<boolean> {
  const [scheme, token] = (c.req.header('authorization') ?? '').split(' ')
  return scheme?.toLowerCase() === 'bearer' && (await adminNameOf(token ?? '', c.env.resolved)) !== undefined
}

/** A credential that somebody configured for a webhook has no place on the page. */
const shownHeadersOf = (headers: Headers): Record<string, string> =>
  Object.fromEntries([...headers].filter(([name]) => name.startsWith('webhook-') || name === 'content-type'))

const refusalOf = (c: DemoCall, status: 400 | 403 | 404 | 413, message: string): Response =>
  c.json({ success: false, code: codes[status], message }, status)

const codes = { 400: 'bad_request', 403: 'unauthorized', 404: 'not_found', 413: 'body_too_large' } as const
