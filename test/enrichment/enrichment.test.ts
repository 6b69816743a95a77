import { describe, expect, test } from 'vitest'
import { writeKey } from '../support/fake-edge.ts'
import { orderCompleted } from '../support/sample-events.ts'
import { address, agents, bremen, send } from '../support/send-events.ts'

const withAgent = (userAgent: string, more: Record<string, unknown> = {}) =>
  orderCompleted({ context: { userAgent, ...more } })

describe('geo', () => {
  test('the geo of an event is the place and the network of the connection, by default', async () => {
    const { contexts, facts } = await send([orderCompleted()], { cf: { ...bremen, colo: 'HAM' } })
    expect(contexts[0]?.['geo']).toEqual(bremen)
    expect(facts).toEqual({ ip: address, country: 'DE', region: 'Bremen', city: 'Bremen', asn: 3320 })
  })

  test('the geo of an event is left out when it is switched off', async () => {
    const { events, facts } = await send([orderCompleted()], { cf: bremen, source: { enrich: { geo: false } } })
    expect(JSON.stringify(events)).not.toMatch(/Bremen|geo/)
    expect(facts).toEqual({ ip: address })
  })

  test("the geo of the connection says nothing of an event that came from another address, nor against a client's word", async () => {
    const { contexts } = await send(
      [orderCompleted({ context: { ip: '198.51.100.4' } }), orderCompleted({ context: { geo: { country: 'NO' } } })],
      { cf: bremen },
    )
    expect(contexts.map(({ geo }) => geo)).toEqual([undefined, { country: 'NO' }])
  })
})

describe('the user agent', () => {
  const source = { enrich: { userAgent: true } }

  test.each<[keyof typeof agents, object]>([
    [
      'chrome',
      {
        os: { name: 'Windows', version: '10' },
        browser: { name: 'Chrome', version: '140.0.0.0' },
        device: { type: 'desktop' },
      },
    ],
    [
      'iphone',
      {
        os: { name: 'iOS', version: '18.3' },
        browser: { name: 'Safari', version: '18.3' },
        device: { type: 'mobile', manufacturer: 'Apple', model: 'iPhone' },
      },
    ],
    [
      'pixel',
      {
        os: { name: 'Android', version: '15' },
        browser: { name: 'Chrome', version: '140.0.0.0' },
        device: { type: 'mobile', manufacturer: 'Google', model: 'Pixel 9' },
      },
    ],
    [
      'reducedAndroid',
      {
        os: { name: 'Android', version: '10' },
        browser: { name: 'Chrome', version: '140.0.0.0' },
        device: { type: 'mobile' },
      },
    ],
  ])('the user agent of %s tells its browser, system and device', async (name, expected) => {
    const { contexts } = await send([withAgent(agents[name])], { source })
    expect(contexts[0]).toEqual({ userAgent: agents[name], ip: address, ...expected })
  })

  test('the user agent of an app tells its system and model at most', async () => {
    const { contexts } = await send([withAgent('Dalvik/2.1.0 (Linux; U; Android 13; SM-X700 Build/TP1A.220624.014)')], {
      source,
    })
    expect(contexts[0]).toMatchObject({
      os: { name: 'Android', version: '13' },
      device: { manufacturer: 'Samsung', model: 'SM-X700' },
    })
    expect(contexts[0]).not.toHaveProperty('browser')
  })

  test.each<[string, string, object, object]>([
    [
      'Windows 11',
      agents.chrome,
      { platform: 'Windows', platformVersion: '15.0.0' },
      { os: { name: 'Windows', version: '11' } },
    ],
    [
      'Windows 10',
      agents.chrome,
      { platform: 'Windows', platformVersion: '10.0.0' },
      { os: { name: 'Windows', version: '10' } },
    ],
    [
      'the model of a phone',
      agents.reducedAndroid,
      { platform: 'Android', platformVersion: '15.0.0', model: 'SM-S921B', mobile: true },
      {
        os: { name: 'Android', version: '15.0.0' },
        device: { type: 'mobile', manufacturer: 'Samsung', model: 'SM-S921B' },
      },
    ],
    [
      'Brave',
      agents.chrome,
      { brands: [{ brand: 'Brave', version: '140' }], platform: 'Windows' },
      { browser: { name: 'Brave', version: '140' }, os: { name: 'Windows', version: '10' } },
    ],
    [
      'no other system than the user agent',
      agents.iphone,
      { platform: 'macOS', platformVersion: '15.1.0' },
      { os: { name: 'iOS', version: '18.3' } },
    ],
    [
      'nothing when they are nonsense',
      agents.chrome,
      { brands: [7, { brand: {} }, null], platform: [], platformVersion: '15.0.0', model: {} },
      { os: { name: 'Windows', version: '10' }, browser: { name: 'Chrome', version: '140.0.0.0' } },
    ],
  ])('client hints of the request tell %s', async (_what, userAgent, userAgentData, expected) => {
    const { contexts } = await send([withAgent(userAgent, { userAgentData })], { source })
    expect(contexts[0]).toMatchObject({ userAgentData, ...expected })
  })

  test('the user agent fills what is absent or empty, and leaves what the client said', async () => {
    const { contexts } = await send(
      [
        withAgent(agents.chrome, { os: { name: '', version: '' }, browser: null, device: { id: 'd-1' } }),
        withAgent(agents.chrome, { os: { name: 'Haiku' }, browser: 'NetSurf', device: { model: 'Analytical Engine' } }),
      ],
      { source },
    )
    expect(contexts).toMatchObject([
      { os: { name: 'Windows' }, browser: { name: 'Chrome' }, device: { id: 'd-1', type: 'desktop' } },
      { os: { name: 'Haiku' }, browser: 'NetSurf', device: { model: 'Analytical Engine' } },
    ])
    expect(contexts[1]?.['os']).toEqual({ name: 'Haiku' })
  })

  test("the user agent is that of the request when the event has none and a browser sent it, but not a server's", async () => {
    const from = async (userAgent: string, more: Record<string, string> = {}) => {
      const { contexts } = await send([orderCompleted()], { source, headers: { 'user-agent': userAgent, ...more } })
      expect(contexts).toHaveLength(1)
      return contexts[0]?.['os']
    }
    expect(await from(agents.iphone)).toEqual({ name: 'iOS', version: '18.3' })
    expect(await from('', { origin: 'https://shop.example' })).toBeUndefined()
    expect(await from('okhttp/4.12.0 (Linux; Android 15; Pixel 9)')).toBeUndefined()
  })

  test('the user agent is not looked at unless it is switched on', async () => {
    const { contexts } = await send([withAgent(agents.chrome)])
    expect(contexts[0]).toEqual({ userAgent: agents.chrome, ip: address })
  })
})

describe('the campaign', () => {
  const source = { enrich: { campaign: true } }
  const url =
    'https://shop.example/cart?utm_campaign=Spring%20Sale&utm_source=newsletter&utm_medium=email&utm_term=board+games&utm_content=hero&utm_id=c-7&utm_nooverride=1&gclid=x#utm_source=fragment'
  const campaign = {
    name: 'Spring Sale',
    source: 'newsletter',
    medium: 'email',
    term: 'board games',
    content: 'hero',
    id: 'c-7',
  }

  test.each<[string, Record<string, unknown>, unknown]>([
    ["comes from the page's URL", { page: { url } }, campaign],
    ['else from its search', { page: { url: 'https://shop.example/', search: '?utm_source=x' } }, { source: 'x' }],
    ['fills an empty one', { page: { url }, campaign: { name: '', source: null } }, campaign],
    ["is the client's where it has any", { page: { url }, campaign: { name: 'Summer' } }, { name: 'Summer' }],
    ['stays away without parameters', { page: { url: 'https://shop.example/utm_source/' } }, undefined],
    ['stays away with empty ones', { page: { url: 'https://shop.example/?utm_source=&utm_medium=%20' } }, undefined],
    ['is not read from the fragment', { page: { url: 'https://shop.example/#?utm_source=x' } }, undefined],
    ['survives a page that is no object', { page: 'utm_source=x' }, undefined],
    ['survives parameters that are no UTF-8', { page: { url: '?utm_source=%ff%' } }, { source: '\ufffd%' }],
  ])('the campaign of an event is read from its page: %s', async (_what, context, expected) => {
    const { contexts } = await send([orderCompleted({ context })], { source })
    expect(contexts[0]?.['campaign']).toEqual(expected)
  })

  test('the campaign is not looked for unless it is switched on', async () => {
    const { contexts } = await send([orderCompleted({ context: { page: { url } } })])
    expect(contexts[0]).not.toHaveProperty('campaign')
  })
})

describe('the address', () => {
  const events = () => [
    orderCompleted({ messageId: 'own' }),
    orderCompleted({ messageId: 'forwarded', context: { ip: '2001:db8:85a3:8d3:1319:8a2e:370:7348' } }),
    orderCompleted({ messageId: 'odd', context: { ip: '198.51.100.4, 10.0.0.1' } }),
  ]

  test.each<['keep' | 'truncate' | 'drop', (string | undefined)[], string | undefined]>([
    ['keep', [address, '2001:db8:85a3:8d3:1319:8a2e:370:7348', '198.51.100.4, 10.0.0.1'], address],
    ['truncate', ['203.0.113.0', '2001:db8:85a3::', undefined], '203.0.113.0'],
    ['drop', [undefined, undefined, undefined], undefined],
  ])(
    'the address of an event, by the rule "%s", is the same in context.ip, request_ip and the facts',
    async (ip, inContext, elsewhere) => {
      const sent = await send(events(), { source: { enrich: { ip } }, cf: bremen })
      expect(sent.contexts.map((context) => context['ip'])).toEqual(inContext)
      expect(sent.events.map((event) => event['request_ip'])).toEqual([elsewhere, elsewhere, elsewhere])
      expect(sent.facts?.ip).toBe(elsewhere)
      if (ip !== 'keep') expect(JSON.stringify(sent.edge.appends)).not.toMatch(/203\.0\.113\.9|370:7348|198\.51/)
      expect(sent.contexts.map(({ geo }) => geo)).toEqual([bremen, undefined, undefined])
    },
  )

  test('the address is anonymized in the dead letter of a refused event too', async () => {
    const refused = { type: 7, userId: 'ada', request_ip: '198.51.100.4', context: { ip: '198.51.100.4' } }
    const { edge } = await send([refused], { source: { enrich: { ip: 'truncate' } } })
    expect(JSON.parse(edge.deadLetters[0]?.event ?? '')).toMatchObject({
      request_ip: '198.51.100.0',
      context: { ip: '198.51.100.0' },
    })
  })

  test.each<[string, unknown]>([
    ['in a list', [{ userId: 'ada', request_ip: '198.51.100.4', context: { ip: '198.51.100.4' } }]],
    ['as the context itself', { type: 'track', userId: 'ada', context: '198.51.100.4' }],
  ])('the address is anonymized in a dead letter also %s', async (_where, refused) => {
    const { edge } = await send([refused], { source: { enrich: { ip: 'truncate' } } })
    expect(edge.deadLetters).toHaveLength(1)
    expect(edge.deadLetters[0]?.event).not.toContain('198.51.100.4')
  })
})

describe('a pixel', () => {
  const sending = { path: `/pixel/v1/page?writeKey=${writeKey}&anonymousId=anon-ada`, method: 'GET' } as const

  test("a pixel has its browser's data, though it says nothing itself", async () => {
    const source = { enrich: { userAgent: true } }
    const { contexts } = await send([], { ...sending, source, headers: { 'user-agent': agents.iphone } })
    expect(contexts[0]).toMatchObject({ device: { model: 'iPhone' } })
  })

  test('a pixel that a bot fetches is told as a bot, even one that pretends to be no browser', async () => {
    const { contexts } = await send([], { ...sending, headers: { 'user-agent': 'facebookexternalhit/1.1' } })
    expect(contexts[0]).toMatchObject({ isBot: true, bot: { name: 'facebookexternalhit' } })
  })
})
