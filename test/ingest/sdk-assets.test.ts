import { globSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { Script } from 'node:vm'
import { buildAssets } from '../../scripts/build/assets.ts'
import { limitKeepalive } from '../../scripts/build/keepalive.ts'
import { sdkAsset } from '../../src/ingest/sdk-assets.ts'
import { ingestRoutes } from '../../src/ingest/routes.ts'
import type { AppContext } from '../../src/core/app-context.ts'
import { fakeEdge, writeKey } from '../support/fake-edge.ts'

const root = resolve(import.meta.dirname, '../..')
const assets = join(root, 'dist/assets')
const versionOf = (name: string) =>
  (JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')) as { version: string }).version
const rudder = versionOf('@rudderstack/analytics-js')
const segment = versionOf('@segment/analytics-next')

beforeAll(() => buildAssets({ root, say: () => undefined }))

/** The asset worker: files, without headers of its own. */
const files = {
  async fetch(request: Request) {
    const file = join(assets, new URL(request.url).pathname)
    if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) return new Response('', { status: 404 })
    return new Response(readFileSync(file), { headers: { 'content-type': 'text/javascript' } })
  },
}

const contextWith = (
  paths: AppContext['resolved']['paths'] = { ingest: '', sdk: '/sdk', beacon: '/beacon' },
): AppContext => fakeEdge({ resolved: { paths }, bindings: { ASSETS: files } }).context

const get = (path: string, of = contextWith()) => sdkAsset(new Request(`https://shop.example${path}`), of)

/** What `_headers` puts on a path: placeholders and a splat, as Cloudflare matches them. */
function headersOf(path: string): Record<string, string>[] {
  const rules = readFileSync(join(assets, '_headers'), 'utf8').trim().split('\n\n')
  return rules.flatMap((rule) => {
    const [pattern = '', ...lines] = rule.split('\n')
    const matcher = new RegExp(`^${pattern.replaceAll(/:\w+/g, '[^/]+').replace('*', '.*')}$`)
    return matcher.test(path) ? [Object.fromEntries(lines.map((line) => line.trim().split(': ')))] : []
  })
}

const immutable = 'public, max-age=31536000, immutable'
const short = 'public, max-age=300'

describe('the browser SDKs', () => {
  test.each(['..%2f..%2fsdk/a.js', '..%2F..%2F_headers/x', '..%5c../a.js', '%2e%2e/a.js'])(
    'no path below that of the browser SDKs leads anywhere else: %s',
    async (path) => {
      const request = new Request(`https://shop.example/analytics.js/v1/${writeKey}/analytics-next/${path}`)
      expect((await ingestRoutes.fetch(request, contextWith())).status).toBe(404)
    },
  )

  test.each([
    ['/sdk/rudder-analytics.min.js', short, 'RudderLabs JavaScript SDK'],
    ['/sdk/a.js', short, 'RudderLabs JavaScript SDK'],
    [`/sdk/rudder-analytics/${rudder}/rsa.min.js`, immutable, 'RudderLabs JavaScript SDK'],
    [`/sdk/a/${rudder}.js`, immutable, 'RudderLabs JavaScript SDK'],
    ['/sdk/analytics-next.js', short, 'AnalyticsNext'],
    ['/sdk/b.js', short, 'AnalyticsNext'],
    [`/sdk/analytics-next/${segment}/standalone.js`, immutable, 'AnalyticsNext'],
    [`/sdk/b/${segment}/index.js`, immutable, 'AnalyticsNext'],
    [`/sdk/b/${segment}/LICENSE.txt`, immutable, 'The MIT License'],
    [`/sdk/a/${rudder}/LICENSE.txt`, immutable, 'MIT License'],
  ])('the file %s of the browser SDKs is served for any origin, cached %s', async (path, cache, text) => {
    const answer = await get(path)
    expect(answer?.status).toBe(200)
    expect(await answer?.text()).toContain(text)
    expect(answer?.headers.get('cache-control')).toBe(cache)
    expect(answer?.headers.get('access-control-allow-origin')).toBe('*')
    expect(answer?.headers.get('x-content-type-options')).toBe('nosniff')
  })

  test('the browser SDKs have the same headers where Cloudflare serves them without the Worker', async () => {
    const all = globSync('sdk/**/*.{js,txt}', { cwd: assets })
    expect(all.length).toBeGreaterThan(20)
    for (const path of all.map((one) => `/${one}`)) {
      const [rule, ...others] = headersOf(path)
      expect(others, `${path} matches one rule`).toEqual([])
      const { headers } = (await get(path)) as Response
      for (const [name, value] of Object.entries(rule ?? { none: 'none' })) expect(headers.get(name), path).toBe(value)
    }
  })

  test('the browser SDKs are found under another name where the config gives one', async () => {
    const answer = await get(`/s/b/${segment}/index.js`, contextWith({ ingest: '/e', sdk: '/s', beacon: '/beacon' }))
    expect([answer?.status, answer?.headers.get('cache-control')]).toEqual([200, immutable])
    expect(await get(`/s/b/${segment}/index.js`)).toBeUndefined()
  })

  test('the browser SDKs send beacons to the neutral name of the config, where they are under a path of their own', async () => {
    const neutral = contextWith({ ingest: '/e', sdk: '/s', beacon: '/n/b' })
    for (const path of ['/s/a.js', '/s/rudder-analytics.min.js', `/s/a/${rudder}.js`, '/s/a/3.1.0.js']) {
      const answer = (await get(path, neutral)) as Response
      const text = await answer.text()
      expect([path, text.includes('"n/b"'), /"beacon","\/"/.test(text)]).toEqual([path, true, false])
      // The name may change with the next deployment.
      expect(answer.headers.get('cache-control')).toBe(short)
      expect(answer.headers.get('content-type')).toContain('javascript')
    }
    const plain = await get(`/s/a/${rudder}.js`, contextWith({ ingest: '/e', sdk: '/s', beacon: '/beacon' }))
    expect(await plain?.text()).toMatch(/"beacon","\/"/)
    expect((await get('/s/b.js', neutral))?.headers.get('cache-control')).toBe(short)
  })

  test('the browser SDKs go on working for pages that name a version of before', async () => {
    for (const path of ['/sdk/a/3.1.0.js', '/sdk/rudder-analytics/3.1.0/rsa.min.js', '/sdk/b/1.70.0/index.js'])
      expect([path, (await get(path))?.status, (await get(path))?.headers.get('cache-control')]).toEqual([
        path,
        200,
        short,
      ])
  })

  test.each(['/sdk/c.js', '/sdk/b/1.70.0/auto-track.bundle.0.js', '/sdk/a/', '/sdk/../_headers', '/assets/a.js'])(
    'the path %s is none of the browser SDKs',
    async (path) => {
      expect(await get(path)).toBeUndefined()
    },
  )

  test('the script of Segment asks for keepalive only while less than 64 KiB are under way with it', async () => {
    const script = limitKeepalive(
      '!function(){function batch(){return(0,a.h)("/b",{credentials:null==n?1:2})}function one(f,i){return(0,f.h)("/t",{credentials:null==t?1:2,...i})}globalThis.sendOne=one}()',
    )
    const page: { sendOne?: (fetch: object, init: object) => Promise<unknown> } = {}
    new Script(script).runInNewContext({ globalThis: page, Blob, t: null })
    const asked: unknown[] = []
    const ends: (() => void)[] = []
    const h = (_url: string, { keepalive }: { keepalive: boolean }) => {
      asked.push(keepalive)
      return new Promise<void>((resolve) => ends.push(resolve))
    }
    const send = (size: number, more = {}) => page.sendOne?.({ h }, { body: 'é'.repeat(size / 2), ...more })
    for (const size of [20_000, 20_000, 20_000, 20_000, 1_000]) void send(size)
    void send(1_000, { keepalive: false })
    expect(asked).toEqual([true, true, true, false, true, false])
    for (const end of ends) end()
    await new Promise((later) => setTimeout(later, 1))
    void send(60_000)
    void send(70_000)
    expect(asked.slice(6)).toEqual([true, false])
  })

  test('a script that is not built as expected fails the build', () => {
    expect(() => limitKeepalive('!function(){fetch()}()')).toThrow('it sends at 0 places instead of 2')
  })

  test('the browser SDKs name no source map', async () => {
    for (const path of globSync('sdk/**/*.js', { cwd: assets }))
      expect(readFileSync(join(assets, path), 'utf8'), path).not.toContain('sourceMappingURL=')
  })
})

describe('the URL of Segment’s snippet', () => {
  const ask = (path: string) => ingestRoutes.fetch(new Request(`https://shop.example${path}`), contextWith())

  test.each(['analytics.min.js', 'platform/analytics.min.js'])(
    'the URL of Segment’s snippet brings the SDK with the write key in it: %s',
    async (name) => {
      const answer = await ask(`/analytics.js/v1/${writeKey}/${name}`)
      expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, short])
      expect(answer.headers.get('content-type')).toContain('text/javascript')
      const text = await answer.text()
      expect(text).toContain(`window.analyticsWriteKey="${writeKey}"`)
      expect(text).not.toContain('__WRITE_KEY__')
    },
  )

  test('the URL of Segment’s snippet has the chunks below it', async () => {
    const chunk = globSync(`sdk/analytics-next/${segment}/queryString.*.js`, { cwd: assets })[0]?.split('/').at(-1)
    const answer = await ask(`/analytics.js/v1/${writeKey}/analytics-next/${segment}/${chunk}`)
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, immutable])
  })

  test('the URL of Segment’s snippet is an error for a key that nobody has', async () => {
    expect((await ask('/analytics.js/v1/nobodysKey/analytics.min.js')).status).toBe(401)
  })
})
