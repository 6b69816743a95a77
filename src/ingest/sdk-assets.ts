import { Hono } from 'hono'
import type { AppContext } from '../core/app-context.ts'
import { SluicewayError } from '../core/errors.ts'
import { jsonResponse, errorResponse, notFoundResponse } from './responses.ts'
import { countRefusal } from './refuse.ts'
import { sdkAliases, sdkFolder, sdkHeaders } from './sdk-headers.ts'
import { renameBeacon } from './beacon-name.ts'
import { eventSource } from './event-route.ts'

/** `/<folder>/<version>/<file>`, or `/<folder>/<version>.js`. */
const versioned = /^\/([a-z-]+)\/\d[\w.-]*?(?:\.js|\/(?:rsa\.min|standalone|index)\.js)$/

/** RudderStack's script under any of its names. */
const rudderScript = /^\/(?:a|rudder-analytics\.min|a\/\d[\w.-]*|rudder-analytics\/\d[\w.-]*\/rsa\.min)\.js$/

/**
 * Serves the browser SDKs under `paths.sdk`, and under the folder where they are.
 *
 * A version that is not deployed any more is answered with the one that is, for a short time only: a page that names an old
 * version goes on working after an upgrade.
 *
 * @param request a GET or HEAD
 * @returns undefined when its path is not one of theirs
 */
export async function sdkAsset(request: Request, app: AppContext): Promise<Response | undefined> {
  const { pathname } = new URL(request.url)
  const base = [app.resolved.paths.sdk, sdkFolder].find((one) => pathname.startsWith(`${one}/`))
  if (base === undefined) return undefined
  const path = pathname.slice(base.length)
  const { beacon } = app.resolved.paths
  if (beacon !== '/beacon' && rudderScript.test(path)) return renamedScript(request, beacon, app)
  const found = await fileAt(request, path, app)
  if (found !== undefined) return found
  const alias = sdkAliases[versioned.exec(path)?.[1] ?? '']
  return alias === undefined ? undefined : fileAt(request, `/${alias}`, app)
}

/** RudderStack's script with the config's name of `/beacon`, which may change with each deployment. */
async function renamedScript(request: Request, beacon: string, app: AppContext): Promise<Response | undefined> {
  const path = `/${sdkAliases['a']}`
  const file = await fileAt(new Request(request.url), path, app)
  if (file === undefined) return undefined
  const headers = new Headers(file.headers)
  const etag = headers.get('etag')
  // It is another file than the one that has this name.
  if (etag !== null) headers.set('etag', `W/${etag.replace(/^W\//, '').slice(0, -1)}${beacon}"`)
  if (etag !== null && request.headers.get('if-none-match') === headers.get('etag'))
    return new Response(null, { status: 304, headers })
  headers.delete('content-length')
  return new Response(request.method === 'HEAD' ? null : renameBeacon(await file.text(), beacon), { headers })
}

/** A file of the SDKs with its headers: the ones that Cloudflare puts on it when it serves it without the Worker. */
async function fileAt(request: Request, path: string, { bindings }: AppContext): Promise<Response | undefined> {
  const url = new URL(`${sdkFolder}${path}`, request.url)
  // A part of the path may be `..` once it is decoded.
  if (url.pathname !== `${sdkFolder}${path}`) return undefined
  const file = await bindings.ASSETS?.fetch(new Request(url, request))
  if (file === undefined || (!file.ok && file.status !== 304)) return undefined
  const response = new Response(file.body, file)
  for (const [name, value] of Object.entries(sdkHeaders(path))) response.headers.set(name, value)
  return response
}

/**
 * The URL that Segment's snippet loads: `analytics-next` with the write key in it, so that a page changes the snippet's host
 * and nothing else. Its chunks are below the same path.
 */
export const analyticsJs = new Hono<{ Bindings: AppContext }>()

for (const name of ['analytics.min.js', 'analytics.js'])
  for (const platform of ['', '/platform'])
    analyticsJs.get(`/analytics.js/v1/:key${platform}/${name}`, async (c) => {
      const request = c.req.raw
      try {
        const { writeKey } = eventSource([c.req.param('key')], c.env)
        // Without the page's conditions: the answer is not the file.
        const file = await fileAt(new Request(request.url), `/${sdkAliases['analytics-next']}`, c.env)
        if (file === undefined) return notFoundResponse(request)
        const text = (await file.text()).replace('"__WRITE_KEY__"', () => JSON.stringify(writeKey))
        const headers = { ...sdkHeaders('/analytics.js'), 'content-type': 'text/javascript; charset=utf-8' }
        return jsonResponse(request, text, { headers })
      } catch (error) {
        countRefusal(error instanceof SluicewayError ? error.code : 'internal', c.env)
        return errorResponse(request, error)
      }
    })

for (const platform of ['', '/platform'])
  analyticsJs.get(`/analytics.js/v1/:key${platform}/analytics-next/:version/:file`, async (c) => {
    const { version, file } = c.req.param()
    return (await fileAt(c.req.raw, `/analytics-next/${version}/${file}`, c.env)) ?? notFoundResponse(c.req.raw)
  })
