import { type Browser, chromium as playwright, type Page } from 'playwright-core'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import { chromium, chromiumFlags } from '../support/chromium.ts'
import { Server } from '../support/server.ts'
import { d1Tables, type Row } from '../support/tables.ts'
import { until } from '../support/until.ts'

if (chromium === undefined && process.env.CI === undefined)
  console.warn('No Chromium on this machine: the tests of the demo page are skipped. Install one, or set CHROMIUM.')

/** The clicks, and what each of them sends, in this order. */
const clicks = [
  { button: '#login', sends: ['identify', 'Ada Lovelace'] },
  { button: '[data-product=wheel] [data-action=view]', sends: ['track', 'Product Viewed'] },
  { button: '[data-product=wheel] [data-action=add]', sends: ['track', 'Product Added'] },
  { button: '#order', sends: ['track', 'Order Completed'] },
] as const
const sent = [['page', 'Difference Engine Shop'], ...clicks.map(({ sends }) => [...sends])]

const nameOf = ({ type, event, name, traits, context }: Event): unknown =>
  type === 'identify' ? (traits?.['name'] ?? (context?.['traits'] as Row | undefined)?.['name']) : (event ?? name)

describe.skipIf(chromium === undefined && process.env.CI === undefined)('the demo page in a real browser', () => {
  let server: Server
  let browser: Browser
  let page: Page
  const hosts = new Set<string>()
  const complaints: string[] = []

  beforeAll(async () => {
    if (chromium === undefined)
      throw new Error('There is no Chromium; in CI the demo page must be tested. Install one, or set CHROMIUM.')
    server = await Server.start()
    browser = await playwright.launch({ executablePath: chromium, args: chromiumFlags })
    // Without its screen Chromium says so, and the shop's source drops bots.
    const userAgent = (await userAgentOf(browser)).replace('HeadlessChrome', 'Chrome')
    page = await browser.newPage({ userAgent })
    page.on('request', (request) => {
      const { protocol, host } = new URL(request.url())
      if (/^(https?|wss?):$/.test(protocol)) hosts.add(host)
    })
    page.on('requestfailed', (request) => complaints.push(`${request.url()} failed: ${request.failure()?.errorText}`))
    page.on('response', (response) => {
      if (response.status() >= 400) complaints.push(`${response.url()} answered ${response.status()}`)
    })
    page.on('pageerror', (error) => complaints.push(`thrown: ${error.message}`))
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning')
        complaints.push(`${message.type()}: ${message.text()}`)
    })
  })

  async function userAgentOf(browser: Browser): Promise<string> {
    const blank = await browser.newPage()
    const userAgent = await blank.evaluate('navigator.userAgent')
    await blank.close()
    return String(userAgent)
  }

  afterAll(async () => {
    await browser?.close()
    await server?.stop()
  })

  /** What the demo's own webhook sink was sent, in order. */
  const atSink = async () =>
    (await d1Tables(server.state).rows('demo_sink'))
      .toSorted((a, b) => Number(a['id']) - Number(b['id']))
      .map(({ body, signature }) => ({ event: JSON.parse(String(body)) as Event, signature }))

  const isLast = (name: string) =>
    until(`${name} was sent`, async () => (await page.locator('#last').innerText()) === name)

  test('the demo page sends a page view when it opens, and an event for each click', async () => {
    await page.goto(`${server.url}/demo`)
    await isLast('Page')
    for (const { button, sends } of clicks) {
      await page.click(button)
      await isLast(sends[1])
    }
    await page.waitForSelector('[data-step=webhook].good')
    await page.waitForSelector('[data-step=warehouse].good', { timeout: 60_000 })
    await page.click('#broken')
    await until('all is at the sink', async () => (await atSink()).length >= sent.length)
    await sleep(1_000)
  })

  test('the demo page shows every delivery with its signature, the dead letter and the rows', async () => {
    await until('all deliveries are shown', async () => (await page.locator('#deliveries .list > li').count()) >= 5)
    const deliveries = await page.locator('#deliveries .list > li').allInnerTexts()
    expect(deliveries.length).toBe(sent.length)
    for (const [i, [, name]] of sent.toReversed().entries()) {
      expect(deliveries[i]).toContain(name)
      expect(deliveries[i]).toContain('verified')
    }
    await until('the dead letter is shown', async () => (await page.locator('#dead .list > li').count()) >= 1)
    expect(await page.locator('#dead .list > li').allInnerTexts()).toEqual([
      expect.stringContaining('request neither has anonymousId nor userId'),
    ])
    await page.click('#warehouse .tables button:has-text("order_completed")')
    expect(await page.locator('#warehouse .tables button:has-text("order_completed") b').innerText()).toBe('1')
    expect(await page.locator('#warehouse .rows tbody tr').count()).toBe(1)
    expect(await page.locator('[data-node=webhook] b').innerText()).toBe(`${sent.length}`)
    expect(await page.locator('[data-node=dead] b').innerText()).toBe('1')
    expect(await page.locator('#notice').isHidden()).toBe(true)
  })

  test('the demo page has sent each event once: to the sink in order, and into the tables', async () => {
    const found = await atSink()
    expect(found.map(({ event }) => [event.type, nameOf(event)])).toEqual(sent)
    expect(found.map(({ signature }) => signature)).toEqual(sent.map(() => 'verified'))
    const visitor = found[0]?.event.anonymousId
    expect(visitor).toEqual(expect.any(String))
    for (const { event } of found) {
      expect(event.anonymousId).toBe(visitor)
      expect(event.context).toMatchObject({ library: { name: 'RudderLabs JavaScript SDK' } })
    }
    const tables = d1Tables(server.state)
    const idOf = (name: string) => found.find(({ event }) => nameOf(event) === name)?.event.messageId
    for (const [table, names] of [
      ['pages', ['Difference Engine Shop']],
      ['identifies', ['Ada Lovelace']],
      ['tracks', ['Product Viewed', 'Product Added', 'Order Completed']],
      ['product_viewed', ['Product Viewed']],
      ['product_added', ['Product Added']],
      ['order_completed', ['Order Completed']],
    ] as const)
      expect((await tables.rows(table)).map(({ id }) => String(id)).toSorted(), table).toEqual(
        names.map(idOf).toSorted(),
      )
    const [order] = await tables.rows('order_completed')
    // £12.50, a fifth of it tax, £3 shipping.
    expect(order).toMatchObject({ user_id: 'ada', revenue: 12.5, tax: 2.5, shipping: 3, total: 18, currency: 'GBP' })
    expect(await tables.rows('users')).toMatchObject([{ id: 'ada', context_traits_name: 'Ada Lovelace' }])
  })

  test('the demo tells a browser that calls itself headless that its visit was dropped and by what, counts it, and sends it nowhere', async () => {
    const headless = await browser.newPage()
    await headless.goto(`${server.url}/demo`)
    await headless.waitForSelector('[data-step=log].bad')
    const reason = 'the transform "drop-bots" of the source "web" dropped it'
    expect(await headless.locator('#status').textContent()).toBe(`Page: ${reason}`)
    expect(await headless.locator('[data-step=log] span').innerText()).toBe('dropped')
    expect((await server.lane('@edge')).counters['dropped:drop-bots']).toBe(1)
    expect(await headless.locator('#events .lane').innerText()).toBe('Held back: 1 dropped by the transform drop-bots.')
    await headless.close()
    expect((await atSink()).length).toBe(sent.length)
  })

  test('the demo page has called no other host and found nothing to complain of', () => {
    expect([...hosts]).toEqual([new URL(server.url).host])
    expect(complaints).toEqual([])
  })
})
