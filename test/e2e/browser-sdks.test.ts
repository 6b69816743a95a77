import { type Browser, type BrowserContext, chromium as playwright, type Page } from 'playwright-core'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import { chromium, chromiumFlags } from '../support/chromium.ts'
import { blocks } from '../support/documents.ts'
import { Server } from '../support/server.ts'
import { Sink, sinkSecret } from '../support/sink.ts'
import { Site } from './site.ts'
import { until } from '../support/until.ts'

if (chromium === undefined && process.env.CI === undefined)
  console.warn('No Chromium on this machine: the tests of the browser SDKs are skipped. Install one, or set CHROMIUM.')

/** A call of a browser SDK: its name and arguments. */
type Call = readonly [method: string, ...args: unknown[]]

/** Where a page finds Sluiceway. */
interface Place {
  /** Before `/v1/…`. */
  readonly ingest: string
  /** Folder of the SDKs. */
  readonly sdk: string
}

interface Setup extends Place {
  readonly writeKey: string
  readonly options?: Readonly<Record<string, unknown>>
}

/** How one of the SDKs is loaded, and what it is called in the page. */
interface Sdk {
  readonly name: string
  readonly global: string
  readonly library: string
  /** Script that loads it. */
  readonly start: (setup: Setup) => string
  /** Script that waits until it is ready. */
  readonly ready: string
  /** Script for a call before it is ready. */
  readonly early: (call: Call) => string
  /** Options that make it send events in batches: of `size`, or after a while. */
  readonly batching: (size: number) => Readonly<Record<string, unknown>>
  /** Options with which it sends everything when the page is left. */
  readonly leaving: Readonly<Record<string, unknown>>
  /** Options with which it tries again soon. */
  readonly retrying: Readonly<Record<string, unknown>>
  /** Whether its events bring cookies to another origin. */
  readonly sendsCookies: boolean
  readonly reset: Call
  /** What it gives as userId of an alias to `ada-lovelace`. */
  readonly aliased: string
  /** Expression for the anonymousId that it knows. */
  readonly anonymousId: string
  readonly batchPath: RegExp
  /** Script that leaves the page once the SDK has the events: before one was sent, or while they are under way. */
  readonly leave: Readonly<Record<'one by one' | 'in a batch', string>>
  readonly more: readonly Call[]
}

const script = (src: string) => `await new Promise((loaded, failed) => {
  const script = document.createElement('script')
  Object.assign(script, { src: ${JSON.stringify(src)}, onload: loaded, onerror: () => failed(new Error('not loaded')) })
  document.head.append(script)
})`

const leave = `(location.href = '/cart')`

const rudder: Sdk = {
  name: '@rudderstack/analytics-js',
  global: 'rudderanalytics',
  library: 'RudderLabs JavaScript SDK',
  start: ({ ingest, sdk, writeKey, options }) => `${script(`${sdk}/a.js`)}
    rudderanalytics.load(${JSON.stringify(writeKey)}, ${JSON.stringify(ingest)}, ${JSON.stringify({
      configUrl: ingest,
      polyfillIfRequired: false,
      ...options,
    })})`,
  ready: 'await new Promise((ready) => rudderanalytics.ready(ready))',
  early: ([method, ...args]) => `rudderanalytics.${method}(...${JSON.stringify(args)})`,
  batching: (size) => ({ queueOptions: { batch: { enabled: true, maxItems: size, flushInterval: 60_000 } } }),
  leaving: { useBeacon: true, beaconQueueOptions: { maxItems: 50, flushQueueInterval: 60_000 } },
  retrying: { queueOptions: { minRetryDelay: 200 } },
  sendsCookies: false,
  reset: ['reset', { entries: { anonymousId: true } }],
  aliased: 'ada-lovelace',
  anonymousId: 'rudderanalytics.getAnonymousId()',
  batchPath: /\/v1\/batch$/,
  leave: { 'one by one': leave, 'in a batch': leave },
  more: [],
}

const segment: Sdk = {
  name: '@segment/analytics-next',
  global: 'analytics',
  library: 'analytics.js',
  start: ({ ingest, sdk, writeKey, options }) => `window.analytics = Object.assign([], ${JSON.stringify({
    _writeKey: writeKey,
    _loadOptions: options ?? {},
    // At the root it is where the script is from.
    ...(new URL(ingest).pathname === '/' ? {} : { _cdn: ingest }),
  })})
    ${script(`${sdk}/b.js`)}`,
  ready: 'while (analytics.initialized !== true) await new Promise((later) => setTimeout(later, 10))',
  early: (call) => `analytics.push(${JSON.stringify(call)})`,
  // What comes while a batch is under way waits for the timer.
  batching: (size) => delivery({ strategy: 'batching', config: { size, timeout: 1_000 } }),
  leaving: delivery({ strategy: 'batching', config: { size: 50, timeout: 60_000 } }),
  retrying: {},
  sendsCookies: true,
  reset: ['reset'],
  // It puts the user whom it knows there.
  aliased: 'ada',
  anonymousId: 'analytics.user().anonymousId()',
  batchPath: /\/v1\/b$/,
  // It hands calls on in tasks of its own; what is called in the task that leaves the page never gets out of the SDK.
  leave: {
    'one by one': `const { fetch } = window
      let left = made.length
      window.fetch = (...request) => {
        const answer = fetch(...request)
        if (--left === 0) ${leave}
        return answer
      }`,
    'in a batch': `Promise.all(made).then(() => ${leave})`,
  },
  more: [['screen', 'Shop', 'Checkout', { step: 'payment' }]],
}

function delivery(deliveryStrategy: unknown): Readonly<Record<string, unknown>> {
  return { integrations: { 'Segment.io': { deliveryStrategy } } }
}

const { version: segmentVersion } = JSON.parse(
  readFileSync('node_modules/@segment/analytics-next/package.json', 'utf8'),
) as { version: string }

const order = (number: number): Call => ['track', 'Order Completed', { order_id: `50314b8e-${number}`, revenue: 39.95 }]
const orders = (count: number): Call[] => Array.from({ length: count }, (_, i) => order(i + 1))

/** One of each call. */
const visit: readonly Call[] = [
  ['page', 'Shop', 'Home', { referral: 'newsletter' }],
  ['identify', 'ada', { name: 'Ada Lovelace', email: 'ada@example.com' }],
  order(1),
  ['group', 'analytical-society', { name: 'Analytical Society' }],
  ['alias', 'ada-lovelace', 'ada'],
]

const mounts = [
  { mount: 'on the site’s own host, under /e and /s', vars: { INGEST: '/e', SDK: '/s', BEACON: '/n' }, own: true },
  { mount: 'on another origin', vars: {}, own: false },
]

const orderOf = ({ properties }: Event) => String(properties?.['order_id'])

describe.skipIf(chromium === undefined && process.env.CI === undefined).each(mounts)(
  'browser SDKs, with Sluiceway $mount:',
  ({ vars, own }) => {
    let sink: Sink
    let server: Server
    let site: Site
    /** What stands before Sluiceway: the site itself, or another host. */
    let front: Site
    let place: Place
    let browser: Browser
    let userAgent: string
    let context: BrowserContext
    let page: Page
    const hosts = new Set<string>()
    const thrown: string[] = []

    beforeAll(async () => {
      if (chromium === undefined)
        throw new Error('There is no Chromium; in CI the browser SDKs must be tested. Install one, or set CHROMIUM.')
      sink = await Sink.open()
      server = await Server.start({
        config: 'browser-sdks.config.ts',
        vars: { SINK: sink.url, WEBHOOK_SECRET: sinkSecret, ...vars },
      })
      site = await Site.open(server.url)
      front = own ? site : await Site.open(server.url)
      place = { ingest: `${front.url}${vars.INGEST ?? ''}`, sdk: `${front.url}${vars.SDK ?? '/sdk'}` }
      browser = await playwright.launch({ executablePath: chromium, args: chromiumFlags })
      const blank = await browser.newPage()
      userAgent = String(await blank.evaluate('navigator.userAgent')).replace('HeadlessChrome', 'Chrome')
      await blank.close()
    })

    afterAll(async () => {
      await browser?.close()
      if (front !== site) await front?.close()
      await site?.close()
      await server?.stop()
      await sink?.close()
    })

    beforeEach(async () => {
      sink.received.length = 0
      front.passed.length = 0
      front.troubles.length = 0
      thrown.length = 0
      context = await browser.newContext({ userAgent })
      context.on('request', (request) => {
        const { protocol, host } = new URL(request.url())
        if (/^(https?|wss?):$/.test(protocol)) hosts.add(host)
      })
      page = await open()
    })

    afterEach(() => context.close())

    async function open(): Promise<Page> {
      const opened = await context.newPage()
      opened.on('pageerror', (error) => thrown.push(error.message))
      await opened.goto(`${site.url}/`)
      return opened
    }

    const run = (script: string) => page.evaluate(`(async () => { ${script} })()`)
    const load = (sdk: Sdk, options: Setup['options'] = {}, writeKey = server.writeKey) =>
      run(`${sdk.start({ ...place, writeKey, options })}
${sdk.ready}`)
    const make = (sdk: Sdk, calls: readonly Call[], then = '') =>
      run(`const made = ${JSON.stringify(calls)}.map(([name, ...args]) => ${sdk.global}[name](...args));\n${then}`)

    /** All that the sink has, once nothing comes any more; each event was there once. */
    async function atSink(count: number): Promise<readonly Event[]> {
      await until(`${count} events are at the sink`, () => sink.delivered.length >= count)
      // Whatever would come twice has come by now.
      await sleep(1_200)
      const found = sink.delivered
      expect(new Set(found.map(({ messageId }) => messageId)).size).toBe(found.length)
      return found
    }

    async function expectOrders(count: number): Promise<void> {
      const found = await atSink(count)
      expect(found.map(orderOf).toSorted()).toEqual(
        orders(count)
          .map((call) => (call[2] as { order_id: string }).order_id)
          .toSorted(),
      )
    }

    const posts = () => front.passed.filter(({ method }) => method === 'POST')

    describe.each([rudder, segment])('$name', (sdk) => {
      test(`${sdk.name} sends each of its calls once, with what was said in it`, async () => {
        await load(sdk)
        await make(sdk, [...visit, ...sdk.more, sdk.reset, ['track', 'Logged Out', {}]])
        const found = await atSink(visit.length + sdk.more.length + 1)
        expect(found.map(({ type }) => type).toSorted()).toEqual(
          [...visit, ...sdk.more, ['track']].map(([method]) => method).toSorted(),
        )
        const one = (type: string, event?: string) =>
          found.find((each) => each.type === type && (event === undefined || each.event === event))
        expect(one('page')).toMatchObject({
          name: 'Home',
          properties: { referral: 'newsletter', path: '/', title: 'Difference Engine Shop' },
        })
        const identify = one('identify')
        expect(identify?.userId).toBe('ada')
        expect(identify?.traits ?? identify?.context?.['traits']).toMatchObject({
          name: 'Ada Lovelace',
          email: 'ada@example.com',
        })
        expect(one('track', 'Order Completed')).toMatchObject({
          userId: 'ada',
          properties: { order_id: '50314b8e-1', revenue: 39.95 },
        })
        expect(one('group')).toMatchObject({ groupId: 'analytical-society', userId: 'ada' })
        expect(one('alias')).toMatchObject({ userId: sdk.aliased, previousId: 'ada' })
        if (sdk.more.length > 0)
          expect(one('screen')).toMatchObject({ name: 'Checkout', properties: { step: 'payment' } })
        const loggedOut = one('track', 'Logged Out')
        expect(loggedOut?.userId ?? '').toBe('')
        expect(loggedOut?.anonymousId).not.toBe(identify?.anonymousId)
        for (const event of found) {
          expect(event.context).toMatchObject({
            library: { name: sdk.library, version: expect.any(String) },
            page: { path: '/', title: 'Difference Engine Shop', url: `${site.url}/` },
            userAgent,
          })
          for (const field of ['messageId', 'anonymousId', 'originalTimestamp', 'timestamp', 'receivedAt'])
            expect(event[field], `${field} of ${event.type}`).toEqual(expect.any(String))
        }
        expect(sink.received.every(({ verified }) => verified)).toBe(true)
        // A browser asks before it sends Authorization across origins.
        expect(front.passed.some(({ method }) => method === 'OPTIONS')).toBe(!own)
        expect(thrown).toEqual([])
      })

      test(`${sdk.name} sends its calls in batches`, async () => {
        await load(sdk, sdk.batching(5))
        await make(sdk, orders(10))
        await expectOrders(10)
        expect(posts().length).toBeLessThanOrEqual(3)
        for (const { url, status } of posts())
          expect([url, status]).toEqual([expect.stringMatching(sdk.batchPath), 200])
      })

      test.each(['one by one', 'in a batch'] as const)(
        `${sdk.name} loses nothing when the page is left for another one while it sends %s`,
        async (how) => {
          await load(sdk, how === 'in a batch' ? sdk.leaving : {})
          await make(sdk, orders(7), sdk.leave[how])
          await page.waitForURL('**/cart')
          // The next page sends again what the SDKs do not know to have arrived.
          await load(sdk)
          await expectOrders(7)
        },
      )

      test(`${sdk.name} loses nothing when the tab is closed`, async () => {
        await load(sdk, sdk.leaving)
        await make(sdk, orders(7))
        await page.close({ runBeforeUnload: true })
        await expectOrders(7)
      })

      test(`${sdk.name} tries again what was answered with 429 or 503, and it is there once`, async () => {
        await load(sdk, sdk.retrying)
        front.troubles.push({ status: 503 }, { status: 429 }, { status: 503, late: true }, { status: 429, late: true })
        await make(sdk, orders(3))
        await until('all troubles are over', () => front.troubles.length === 0)
        await expectOrders(3)
        const failed = posts().filter(({ status }) => status !== 200)
        expect(failed.map(({ status }) => status).toSorted()).toEqual([429, 429, 503, 503])
      })

      test(`${sdk.name} stops for a source that is disabled`, async () => {
        await run(`${sdk.start({ ...place, writeKey: 'keyOfTheClosedShop' })}
          ${sdk.early(order(1))}`)
        await until('it has asked', () => front.passed.some(({ url }) => /sourceConfig|settings/.test(url)))
        await sleep(1_000)
        expect(posts()).toEqual([])
      })

      test.skipIf(!own && !sdk.sendsCookies)(
        `${sdk.name} gets its visitor back from the identity cookie after its storage was cleared`,
        async () => {
          await load(sdk, {}, 'keyOfTheVisitors')
          await make(sdk, [order(1)])
          const [first] = await atSink(1)
          const cookie = (await context.cookies(front.url)).find(({ name }) => name === 'sw_id')
          expect(cookie).toMatchObject({ value: first?.anonymousId, httpOnly: true, sameSite: 'Lax', secure: false })

          await page.goto(`${site.url}/blank`)
          await run(`localStorage.clear(); sessionStorage.clear()
          for (const pair of document.cookie.split('; ')) document.cookie = pair.split('=')[0] + '=; Max-Age=0; Path=/'`)
          expect(await page.evaluate('document.cookie')).toBe('')
          await page.goto(`${site.url}/`)
          await load(sdk, {}, 'keyOfTheVisitors')
          expect(await page.evaluate(sdk.anonymousId)).not.toBe(first?.anonymousId)
          await make(sdk, [order(2)])
          const found = await atSink(2)
          expect(found.map((event) => [orderOf(event), event.anonymousId])).toEqual([
            ['50314b8e-1', first?.anonymousId],
            ['50314b8e-2', first?.anonymousId],
          ])

          // A new visitor on the same device: the page resets both.
          await run(
            `await fetch(${JSON.stringify(`${place.ingest}/v1/reset?writeKey=keyOfTheVisitors`)}, { method: 'POST', credentials: 'include' })`,
          )
          await make(sdk, [sdk.reset, order(3)])
          const next = (await atSink(3)).find((event) => orderOf(event) === '50314b8e-3')
          expect(next?.anonymousId).toBe(await page.evaluate(sdk.anonymousId))
          expect(next?.anonymousId).not.toBe(first?.anonymousId)
        },
      )
    })

    test('@segment/analytics-next runs from the snippet’s own URL, and finds its chunks there', async () => {
      const src = `${place.ingest}/analytics.js/v1/${server.writeKey}/analytics.min.js`
      await run(`history.replaceState(null, '', '/?ajs_event=Coupon%20Opened&ajs_uid=grace')
        window.analytics = Object.assign([], { _cdn: ${JSON.stringify(place.ingest)} })
        ${script(src)}
        ${segment.ready}`)
      const found = await atSink(2)
      expect(found.map(({ type, event, userId }) => [type, event, userId])).toEqual(
        expect.arrayContaining([['track', 'Coupon Opened', 'grace']]),
      )
      expect(front.passed.some(({ url, status }) => /queryString\.bundle\.\w+\.js$/.test(url) && status === 200)).toBe(
        true,
      )
    })

    test('the page of docs/send.md with Segment’s SDK sends what was called before it was there', async () => {
      const example = blocks.find(({ file, text }) => file === 'docs/send.md' && text.includes('_writeKey'))?.text ?? ''
      const [, inline = '', src = ''] = /<script>\n([^]*?)<\/script>\n<script async src="([^"]+)"/.exec(example) ?? []
      const here = (text: string) =>
        text
          .replace('WRITE_KEY', server.writeKey)
          .replace('https://events.example.com/sdk', place.sdk)
          .replace('https://events.example.com', place.ingest)
      await page.addScriptTag({ content: here(inline) })
      await run(`analytics.track('Order Completed', { order_id: '1843' })
        ${script(here(src))}`)
      const found = await atSink(2)
      expect(found.map(({ type, event }) => [type, event])).toEqual(
        expect.arrayContaining([
          ['page', undefined],
          ['track', 'Order Completed'],
        ]),
      )
      expect(thrown).toEqual([])
    })

    test('@segment/analytics-next sends an event of 70 KB, and a burst that is larger than keepalive may be', async () => {
      await load(segment)
      const note = 'x'.repeat(70_000)
      await make(segment, [
        ['track', 'Note Taken', { note }],
        ...[1, 2, 3, 4, 5, 6].map((number): Call => ['track', 'Page Read', { number, text: 'y'.repeat(20_000) }]),
      ])
      const found = await atSink(7)
      expect(found.find(({ event }) => event === 'Note Taken')?.properties?.['note']).toBe(note)
      // Nothing was tried in vain.
      expect(posts().map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200, 200])
    })

    test('@rudderstack/analytics-js sends an event of 70 KB where it uses no beacons', async () => {
      await load(rudder)
      await make(rudder, [['track', 'Note Taken', { note: 'x'.repeat(70_000) }]])
      expect((await atSink(1))[0]).toMatchObject({ event: 'Note Taken', properties: { note: 'x'.repeat(70_000) } })
    })

    test.skipIf(!own)(
      '@rudderstack/analytics-js sends its beacons where a blocker of /beacon/ does not look',
      async () => {
        await context.route('**/beacon/**', (route) => route.abort())
        await load(rudder, rudder.leaving)
        await make(rudder, orders(2), leave)
        await page.waitForURL('**/cart')
        await expectOrders(2)
        expect(posts().map(({ url }) => url.split('?')[0])).toEqual(['/e/n/v1/batch'])
      },
    )

    test('the browser SDKs are served as files that browsers keep', async () => {
      for (const [file, cache] of [
        ['a.js', 'public, max-age=300'],
        ['b.js', 'public, max-age=300'],
        ['rudder-analytics.min.js', 'public, max-age=300'],
        [`b/${segmentVersion}/index.js`, 'public, max-age=31536000, immutable'],
      ] as const) {
        const answer = await fetch(`${place.sdk}/${file}`)
        expect([file, answer.status, answer.headers.get('cache-control')]).toEqual([file, 200, cache])
        expect(answer.headers.get('content-type')).toMatch(/^(text|application)\/javascript/)
        expect(answer.headers.get('access-control-allow-origin')).toBe('*')
        expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
        await answer.arrayBuffer()
        const again = await fetch(`${place.sdk}/${file}`, {
          headers: { 'if-none-match': `${answer.headers.get('etag')}` },
        })
        expect([file, again.status, again.headers.get('cache-control')]).toEqual([file, 304, cache])
      }
    })

    test('the pages with browser SDKs have called no other host', () => {
      expect([...hosts].toSorted()).toEqual(
        [...new Set([site.url, front.url])].map((url) => new URL(url).host).toSorted(),
      )
    })
  },
)
