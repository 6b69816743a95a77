import { describe, expect, test } from 'vitest'
import type { BotRules } from '../../src/core/enrichment.ts'
import { webhook } from '../../src/sources/webhook.ts'
import { writeKey } from '../support/fake-edge.ts'
import { orderCompleted } from '../support/sample-events.ts'
import { agents, bremen, send } from '../support/send-events.ts'

/** Amazon's network. */
const cloud = { ...bremen, asn: 16509, asOrganization: 'Amazon.com, Inc.' }
const scored = (score: number, more: object = {}) => ({ ...bremen, botManagement: { score, ...more } })
const browser = { 'user-agent': agents.chrome, origin: 'https://shop.example' }
const server = { 'user-agent': agents.requests }

/** What `context` says of the bot; undefined when it says nothing. */
async function flagged(
  event: Record<string, unknown>,
  { bots, ...sending }: Parameters<typeof send>[1] & { bots?: BotRules } = {},
) {
  const { contexts } = await send([event], {
    ...sending,
    ...(bots === undefined ? {} : { source: { enrich: { bots } } }),
  })
  const { isBot, bot } = contexts[0] ?? {}
  expect(isBot).toBe(bot === undefined ? undefined : true)
  return bot
}

const seenBy = (userAgent: string, more: Record<string, unknown> = {}) =>
  orderCompleted({ context: { userAgent, ...more } })

describe('a user agent', () => {
  test.each<[string, object]>([
    [agents.googlebot, { name: 'Googlebot', url: 'http://www.google.com/bot.html' }],
    [agents.headless, { name: 'HeadlessChrome' }],
    [agents.requests, { name: 'python-requests', isInvalidBrowser: true }],
    [
      'Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)',
      { name: 'GPTBot', url: 'https://openai.com/gptbot' },
    ],
    ['Mozilla/5.0', { isInvalidBrowser: true }],
  ])('the user agent %s is that of a bot', async (userAgent, expected) => {
    expect(await flagged(seenBy(userAgent))).toEqual({ ...expected, reason: 'user agent' })
  })

  test.each([
    ['of Chrome', seenBy(agents.chrome)],
    ['of an iPhone', seenBy(agents.iphone)],
    ["of Gmail, which fetches a mail's images for its reader", seenBy(agents.gmail)],
    ['of an Android app', seenBy('Dalvik/2.1.0 (Linux; U; Android 13; Pixel 7 Build/TQ3A.230901.001)')],
    ["of an app's HTTP library", seenBy('okhttp/4.12.0', { device: { id: '7e32188a4dab669f' } })],
    ['that an app made up', orderCompleted({ channel: 'mobile', context: { userAgent: 'MyShop' } })],
    ['that is no text', orderCompleted({ context: { userAgent: 7 } })],
  ])('the user agent %s is not that of a bot', async (_what, event) => {
    expect(await flagged(event)).toBeUndefined()
  })

  test('the user agent of a phone that calls itself a crawler is still that of a bot', async () => {
    expect(await flagged(seenBy(agents.googlebot, { device: { id: 'd-1', model: 'Nexus 5X' } }))).toBeDefined()
  })

  test('the user agent of the request tells a bot when the event has none and a browser sent it', async () => {
    expect(await flagged(orderCompleted(), { headers: { 'user-agent': agents.headless } })).toMatchObject({
      name: 'HeadlessChrome',
    })
    expect(await flagged(orderCompleted(), { headers: { ...server, origin: 'https://shop.example' } })).toBeDefined()
    expect(await flagged(seenBy(agents.chrome), { headers: { 'user-agent': agents.headless } })).toBeUndefined()
  })

  test('a user agent of a server SDK says nothing about its users', async () => {
    for (const userAgent of [agents.requests, 'analytics-node/3.1.0', 'Go-http-client/1.1', 'curl/8.5.0'])
      expect(await flagged(orderCompleted(), { headers: { 'user-agent': userAgent }, cf: cloud })).toBeUndefined()
  })
})

describe('the connection', () => {
  const everything = { action: 'flag', dataCenters: true } as const
  const verified = { ...bremen, verifiedBotCategory: 'Search Engine Crawler' }

  test.each<[string, Parameters<typeof flagged>[1], unknown]>([
    ['of a bot that Cloudflare has verified', { cf: verified, headers: browser }, { reason: 'verified' }],
    ['of nobody special', { cf: { ...bremen, verifiedBotCategory: '' }, headers: browser }, undefined],
    ['with a low score', { cf: scored(29), headers: browser }, { reason: 'score' }],
    ['with the score that is asked for', { cf: scored(30), headers: browser }, undefined],
    ['with a score that was not computed', { cf: scored(0), headers: browser }, undefined],
    [
      'with a score above one of its own',
      { cf: scored(10), headers: browser, bots: { action: 'flag', score: 5 } },
      undefined,
    ],
    [
      'with a score that does not matter',
      { cf: scored(1), headers: browser, bots: { action: 'flag', score: 0 } },
      undefined,
    ],
    ['from a data center', { cf: cloud, headers: browser, bots: everything }, { reason: 'data center' }],
    ['from a data center, which is allowed', { cf: cloud, headers: browser }, undefined],
    [
      "through a company's proxy in a data center",
      { cf: { ...cloud, botManagement: { score: 80, corporateProxy: true } }, headers: browser, bots: everything },
      undefined,
    ],
    ['from a line at home', { cf: bremen, headers: browser, bots: everything }, undefined],
    ['of a server in a data center', { cf: cloud, headers: server, bots: everything }, undefined],
    ['of a server with a low score', { cf: scored(1), headers: server }, undefined],
    [
      'of a server that uses the fetch of Node',
      { cf: scored(1), headers: { 'user-agent': 'node', 'sec-fetch-mode': 'cors' } },
      undefined,
    ],
    ['of a server that Cloudflare has verified', { cf: verified, headers: server }, undefined],
    ['with fetch metadata only', { cf: scored(1), headers: { 'sec-fetch-site': 'same-site' } }, { reason: 'score' }],
  ])('a connection tells of a bot or not: one %s', async (_what, sending, expected) => {
    expect(await flagged(orderCompleted(), sending)).toEqual(expected)
  })

  test('the connection of a vendor that calls a webhook is no bot, and its place is not that of the customer', async () => {
    const { edge } = await send([], {
      path: `/v1/webhook?writeKey=${writeKey}`,
      source: { webhook: webhook(), enrich: { bots: { action: 'drop', dataCenters: true } } },
      headers: { 'user-agent': agents.googlebot },
      cf: { ...cloud, verifiedBotCategory: 'Webhooks', botManagement: { score: 1 } },
    })
    const [event] = edge.events()
    expect(event).toBeDefined()
    expect(event?.['context']).not.toHaveProperty('geo')
    expect(edge.counters).toEqual({})
  })
})

describe('the traffic of bots', () => {
  const batch = () => [
    orderCompleted({ messageId: 'human', context: { userAgent: agents.chrome } }),
    orderCompleted({ messageId: 'bot', context: { userAgent: agents.googlebot } }),
  ]
  const ids = (events: readonly Record<string, unknown>[]) => events.map(({ messageId }) => messageId)

  test('the traffic of bots is dropped where the source says so, counted, and told in the answer', async () => {
    const { edge, answer, events } = await send(batch(), { source: { enrich: { bots: 'drop' } } })
    expect(ids(events)).toEqual(['human'])
    expect(answer).toEqual({ success: true, accepted: 1, dropped: 1 })
    expect(edge.counters).toEqual({ 'dropped:bot': 1 })
  })

  test('the traffic of bots is flagged by default, and what the client said of the bot is kept', async () => {
    const claimed = orderCompleted({ context: { userAgent: agents.googlebot, bot: { owner: 'Google', name: 'G' } } })
    expect(await flagged(claimed)).toMatchObject({ owner: 'Google', name: 'Googlebot' })
    const { answer, contexts } = await send(batch())
    expect(answer).toEqual({ success: true, accepted: 2 })
    expect(contexts.map(({ isBot }) => isBot)).toEqual([undefined, true])
  })

  test('the traffic of bots is kept as it is when nobody asks to know', async () => {
    const { contexts } = await send(batch(), { source: { enrich: { bots: 'keep' } }, cf: scored(1) })
    expect(contexts.some((context) => 'isBot' in context || 'bot' in context)).toBe(false)
  })

  test('the traffic of bots is treated the same when the source has transforms', async () => {
    const transforms = [{ name: 'as-is', transformEvent: (event: object) => event }] as never
    const { edge, answer } = await send(batch(), { source: { enrich: { bots: 'drop' }, transforms } })
    expect(ids(edge.events())).toEqual(['human'])
    expect(answer).toEqual({ success: true, accepted: 1, dropped: 1 })
  })
})
