import { createHash, generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cyrb53 } from '../../src/transforms/rs/hash-v1.ts'
import type { Event } from '../../src/core/event.ts'
import { type ContractWorker, startContract, type Way } from '../support/contract.ts'
import { code } from './contract/code.ts'

let worker: ContractWorker
let url: string
const server = createServer((request, response) => {
  const json = (value: unknown) => response.setHeader('content-type', 'application/json').end(JSON.stringify(value))
  const { url: path = '', method } = request
  if (path === '/json') json({ plan: 'pro' })
  else if (path === '/text') response.end('plain')
  else if (path === '/redirect') response.writeHead(302, { location: '/json' }).end()
  else if (path === '/redirect-away') response.writeHead(302, { location: 'http://169.254.169.254/latest' }).end()
  else if (path === '/geoip/203.0.113.7') json({ city: 'Berlin' })
  else if (path === '/geoip/203.0.113.8' || path === '/never') return
  else if (path === '/half') response.write('{')
  else if (path === '/geoip/203.0.113.9') response.writeHead(503).end()
  else if (path === '/post') {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => json({ got: Buffer.concat(parts).toString(), method, header: request.headers['x-a'] }))
  } else response.writeHead(404).end()
})
beforeAll(async () => {
  worker = await startContract(code, ['returns', 'batch', 'not-json', 'slow'])
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(async () => {
  await worker.stop()
  server.closeAllConnections()
  server.close()
})

const ways: readonly Way[] = ['plain', 'inline', 'isolated']

const order = (returns: string, messageId = 'order-1843'): Event => ({
  type: 'track',
  event: 'Order Completed',
  messageId,
  userId: 'ada',
  properties: { returns },
})

/** What `transformEvent` returns, and what becomes of its event: events, `dropped`, or the message of the error. */
const returned: readonly (readonly [returns: string, becomes: string | readonly object[]])[] = [
  ['itself', [{ event: 'Order Completed', messageId: 'order-1843' }]],
  ['another', [{ event: 'Another', messageId: 'order-1843' }]],
  ['null', 'dropped'],
  ['undefined', 'dropped'],
  ['nothing', 'dropped'],
  ['empty array', 'dropped'],
  [
    'array',
    [
      { event: 'Order Completed', messageId: 'order-1843' },
      { event: 'Second', messageId: 'order-1843~1' },
    ],
  ],
  ['array with text', 'returned event in events array from transformEvent(event) is not an object'],
  ['array with null', 'returned event in events array from transformEvent(event) is not an object'],
  [
    'array with a promise',
    'returned event in events array from transformEvent(event) is a promise; await it, as in: return Promise.all(events)',
  ],
  ['nested array', 'returned event in events array from transformEvent(event) is not an object'],
  ['text', 'returned event from transformEvent(event) is not an object'],
  ['number', 'returned event from transformEvent(event) is not an object'],
  ['true', 'returned event from transformEvent(event) is not an object'],
  ['function', 'returned event from transformEvent(event) is not an object'],
  ['throws', 'no total'],
  ['throws text', 'plain text'],
  ['throws what fetchV2 does', 'no answer'],
  ['then that throws', 'no then'],
  ['revoked', "Cannot perform 'get' on a proxy that has been revoked"],
  ['throws an object', '{"code":7,"message":"seven"}'],
  ['reference error', 'notThere is not defined'],
  ['no id', [{ messageId: 'order-1843' }]],
  ['empty id', [{ messageId: 'order-1843' }]],
  ['number as id', [{ messageId: 'order-1843' }]],
  ['other id', [{ messageId: 'of-my-own' }]],
  ['array with a hole', 'returned event in events array from transformEvent(event) is not an object'],
  ['inherits', [{ messageId: 'order-1843' }]],
  ['hidden id', [{ event: 'Order Completed', messageId: 'order-1843' }]],
  ['toJSON without id', [{ event: 'Of toJSON', messageId: 'order-1843' }]],
  ['toJSON with a number as id', [{ event: 'Of toJSON', messageId: 'order-1843' }]],
  ['toJSON with another id', [{ event: 'Of toJSON', messageId: 'of-my-own' }]],
  ['toJSON of text', 'returned event from a transform is not an object'],
]

const notAnArray = 'returned events from transformBatch(event) is not an array'
const isPromised =
  'returned event in events array from transformBatch(events) is a promise; await it, as in: return Promise.all(events)'

/** What `transformBatch` returns for two events, and what becomes of them. */
const batches: readonly (readonly [returns: string, becomes: object])[] = [
  [
    'itself',
    {
      events: [
        [0, 'order-1'],
        [1, 'order-2'],
      ],
    },
  ],
  [
    'reversed',
    {
      events: [
        [1, 'order-2'],
        [0, 'order-1'],
      ],
    },
  ],
  ['one', { events: [[1, 'order-2']], dropped: [0] }],
  ['empty array', { dropped: [0, 1] }],
  [
    'object',
    {
      failed: [
        [0, notAnArray],
        [1, notAnArray],
      ],
    },
  ],
  [
    'null',
    {
      failed: [
        [0, notAnArray],
        [1, notAnArray],
      ],
    },
  ],
  [
    'promises',
    {
      failed: [
        [0, isPromised],
        [1, isPromised],
      ],
    },
  ],
  [
    'with text',
    {
      events: [[1, 'order-2']],
      failed: [[0, 'returned event in events array from transformBatch(events) is not an object']],
    },
  ],
  [
    'throws',
    {
      failed: [
        [0, 'no batch today'],
        [1, 'no batch today'],
      ],
    },
  ],
  [
    'one more',
    {
      events: [
        [0, 'order-1'],
        [1, 'order-2'],
        [0, 'order-1~1'],
      ],
    },
  ],
  [
    'lost ids',
    {
      events: [
        [0, 'order-1'],
        [0, 'order-1~1'],
      ],
      dropped: [1],
    },
  ],
  [
    'new ids',
    {
      events: [
        [0, 'new-0'],
        [0, 'new-1'],
      ],
      dropped: [1],
    },
  ],
]

/** Values that are not plain JSON: `properties` of the event, or the message of the error. */
const notJson: readonly (readonly [value: string, becomes: object | string])[] = [
  ['undefined', {}],
  ['function', {}],
  ['symbol', {}],
  ['nested', { value: {} }],
  ['array', { value: [null, null, null] }],
  ['nan', { value: null }],
  ['infinity', { value: null }],
  ['negativeZero', { value: 0 }],
  ['date', { value: '1970-01-01T00:00:00.000Z' }],
  ['url', { value: 'https://example.com/a' }],
  ['toJSON', { value: 'own' }],
  ['boxed', { value: 'text' }],
  ['map', { value: {} }],
  ['set', { value: {} }],
  ['regexp', { value: {} }],
  ['error', { value: {} }],
  ['promise', { value: {} }],
  ['bytes', { value: { 0: 1, 1: 2 } }],
  ['bigint', 'Do not know how to serialize a BigInt'],
  ['cycle', 'Converting circular structure to JSON'],
  ['getter', 'from a getter'],
]

describe.each(ways)('the contract of transforms, %s', (way) => {
  test('transformEvent: each return value has the outcome that RudderStack gives it, and harms no other', async () => {
    const events = returned.map(([returns], i) => order(returns, `order-${i}`))
    const together = await worker.run({ transforms: ['returns'], way, events })
    for (const [i, [returns, becomes]] of returned.entries()) {
      const ids = (one: object): object => JSON.parse(JSON.stringify(one).replace('order-1843', `order-${i}`)) as object
      const found = {
        events: together.events.filter(({ index }) => index === i).map(({ text }) => JSON.parse(text) as Event),
        dropped: together.dropped.some(({ index }) => index === i),
        error: together.failed.find(({ index }) => index === i)?.error.message,
      }
      expect(found, `returns ${returns}`).toMatchObject(
        becomes === 'dropped'
          ? { events: [], dropped: true, error: undefined }
          : typeof becomes === 'string'
            ? { events: [], dropped: false, error: becomes }
            : { events: becomes.map(ids), dropped: false, error: undefined },
      )
    }
  })

  test.each(batches)('transformBatch: what becomes of a batch for which it returns %s', async (returns, becomes) => {
    const events = ['order-1', 'order-2'].map((id) => order(returns, id))
    const ran = await worker.run({ transforms: ['batch'], way, events })
    expect({
      events: ran.events.map(({ index, event }) => [index, event.messageId]),
      dropped: ran.dropped.map(({ index }) => index),
      failed: ran.failed.map(({ index, error }) => [index, error.message]),
    }).toEqual({ events: [], dropped: [], failed: [], ...becomes })
  })

  test('a result that is not plain JSON is what JSON.stringify writes; what it cannot write fails that event', async () => {
    const events = notJson.map(([value]) => ({ ...order('', value), properties: { value } }))
    const ran = await worker.run({ transforms: ['not-json'], way, events })
    const found = notJson.map(([value], i) => [
      value,
      ran.failed.find(({ index }) => index === i)?.error.message.split('\n')[0] ??
        ran.events.find(({ index }) => index === i)?.event.properties,
    ])
    expect(found).toEqual(notJson)
  })

  test('a promise that never settles fails its event at the deadline, and no other', async () => {
    const events = [{ ...order('', 'hangs'), properties: { never: true } }, order('', 'goes-on')]
    const ran = await worker.run({ transforms: ['slow'], way, events, userCodeMs: 100 })
    expect(ran.events.map(({ event }) => event.messageId)).toEqual(['goes-on'])
    expect(ran.failed).toMatchObject([
      { index: 0, error: { message: 'transformEvent did not settle within 100 ms (limits.userCodeMs)' } },
    ])
  })

  test('metadata of an event has its fields; of an event that is not known it has none', async () => {
    const given = {
      ...order('metadata'),
      rudderId: 'r-1',
      recordId: 'row-7',
      context: { sources: { job_run_id: 'j-1' } },
    }
    const ran = await worker.run({ transforms: ['returns'], way, events: [given, order('metadata of another', 'm-2')] })
    expect(ran.events.map(({ event }) => event.properties)).toEqual([
      {
        messageId: 'order-1843',
        sourceId: 'web',
        sourceName: 'web',
        destinationId: 'crm',
        destinationName: 'crm',
        sourceType: 'HTTP',
        destinationType: 'WEBHOOK',
        workspaceId: 'sluiceway',
        transformationId: 'returns',
        receivedAt: '2026-11-28T10:00:00.000Z',
        eventType: 'track',
        eventName: 'Order Completed',
        rudderId: 'r-1',
        recordId: 'row-7',
        sourceJobRunId: 'j-1',
      },
      {},
    ])
  })
})

describe.each(['inline', 'isolated'] as const)('what RudderStack gives code beside its events, %s', (way) => {
  const reaches = () => ({ fetch: ['127.0.0.1'], allowPrivate: true })
  const ask = async (asks: string, options: Readonly<Record<string, unknown>> = {}): Promise<unknown> => {
    const context = { ip: '198.51.100.4', geo: { city: 'Paris', country: 'FR', latitude: '48.85', longitude: '2.35' } }
    const event = { ...order('', asks), context, properties: { asks, url } }
    const ran = await worker.run({ transforms: ['globals'], way, events: [event], options })
    expect(ran.failed).toEqual([])
    return ran.events[0]?.event.properties?.['answer']
  }

  test.each([
    ['log', [null]],
    ['credential', 'k-1'],
    ['unknown credential', [null, null, null, null]],
    ['no key', { thrown: 'Key should be valid and defined', isError: true, name: 'TypeError' }],
    ['null key', { thrown: 'Key should be valid and defined', isError: true, name: 'TypeError' }],
    ['library', [42, 'a library', 'a helper']],
    ['fetch nothing', 'ERROR'],
    ['fetchV2 nothing', { thrown: 'fetch url is required', isError: false }],
    ['fetchV2 ftp', { thrown: 'invalid protocol, only http and https are supported', isError: false }],
    ['fetchV2 private', { thrown: expect.stringContaining('10.0.0.1 is '), isError: false }],
    ['fetchV2 metadata', { thrown: expect.stringContaining('169.254.169.254 is '), isError: false }],
    ['fetch private', 'ERROR'],
    ['geolocation of nothing', { thrown: 'ip address is required', isError: true, name: 'Error' }],
    ['geolocation of text', { thrown: 'invalid ip address', isError: true, name: 'Error' }],
    ['geolocation of another', { thrown: 'geolocation is not available right now', isError: true, name: 'Error' }],
    ['geolocation of the event', { ip: '198.51.100.4', city: 'Paris', country: 'FR', location: '48.85,2.35' }],
  ])('user code that asks for %s gets what RudderStack gives', async (asks, answer) => {
    expect(await ask(asks, { credentials: { apiKey: 'k-1' } })).toEqual(answer)
  })

  test('its globals are there at the top level of the module, too', async () => {
    const names = ['log', 'fetch', 'fetchV2', 'geolocation', 'getCredential', 'atTopLevel']
    expect(await ask('types')).toEqual({
      ...Object.fromEntries(names.map((name) => [name, 'function'])),
      global: 'object',
    })
  })

  test.each([
    ['fetch', { plan: 'pro' }],
    ['fetch text', 'ERROR'],
    ['fetchV2 text', { status: 200, body: 'plain' }],
    ['fetch redirect', expect.objectContaining({ status: 200, body: { plan: 'pro' } })],
    [
      'fetch redirect away',
      { thrown: expect.stringContaining('169.254.169.254 is not among the hosts'), isError: false },
    ],
    [
      'fetchV2',
      {
        status: 200,
        body: { got: '{"a":1}', method: 'POST', header: 'b' },
        path: '/post',
        type: 'application/json',
      },
    ],
  ])('user code may ask a host that the options name: %s', async (asks, answer) => {
    expect(await ask(asks, reaches())).toEqual(answer)
  })

  test('geolocation asks the service that the options name', async () => {
    const options = { geolocation: url, allowPrivate: true }
    expect(await ask('geolocation of another', options)).toEqual({ city: 'Berlin' })
    expect(await ask('geolocation that fails', options)).toEqual({
      thrown: 'request to fetch geolocation failed with status code: 503',
      isError: true,
      name: 'Error',
    })
  })

  test('geolocation is given up after a second, and fetchV2 where its signal says so: both reject', async () => {
    const options = { ...reaches(), geolocation: url }
    expect(await ask('geolocation that hangs', options)).toMatchObject({ isError: true, name: 'TimeoutError' })
    for (const asks of ['fetchV2 with a signal', 'fetchV2 of a half with a signal'])
      expect(await ask(asks, options)).toMatchObject({ thrown: expect.stringMatching(/abort/i) })
  })

  test('built-in libraries and packages of npm', async () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 })
    const key = publicKey.export({ type: 'spki', format: 'pem' })
    const ran = await worker.run({ transforms: ['built-ins'], way, events: [{ ...order(''), properties: { key } }] })
    expect(ran.failed).toEqual([])
    expect(ran.events[0]?.event.properties).toEqual({
      sha256: createHash('sha256').update('ada@example.com').digest('hex'),
      md5: createHash('md5').update('ada@example.com').digest('hex'),
      cyrb53: cyrb53('ada'),
      encrypted: 172,
      browser: 'Chrome',
      query: '2',
      device: 'iPhone 13 Pro',
      isBot: true,
    })
  })

  test('a transform in TypeScript runs, and so do its enums', async () => {
    const ran = await worker.run({ transforms: ['typed'], way, events: [{ ...order(''), properties: { total: 7 } }] })
    expect(ran.events[0]?.event.properties).toEqual({ kind: 'Small' })
  })

  test('stacks have the lines of the files that the user wrote, libraries too', async () => {
    const events = [
      { ...order(''), properties: {} },
      { ...order('', 'order-2'), properties: { total: -1 } },
    ]
    const ran = await worker.run({ transforms: ['typed'], way, events })
    expect(ran.failed.map(({ error }) => worker.shown(error.stack))).toEqual([
      'TypeError: no total\n    at transformEvent (transforms/typed.ts:9:40)',
      'Error: from the library\n    at fails (transforms/libraries/math-helpers.js:4:36)\n    at transformEvent (transforms/typed.ts:10:27)',
    ])
  })

  test('what fetchV2 rejects with, and nobody catches, is the reason with its stack', async () => {
    const ran = await worker.run({ transforms: ['asks-in-vain'], way, events: [order('')] })
    expect(ran.failed).toMatchObject([{ error: { message: 'invalid protocol, only http and https are supported' } }])
    const stack = ran.failed[0]?.error.stack ?? ''
    const lines = (way === 'isolated' ? stack : worker.shown(stack)).split('\n')
    expect([lines[0], lines.at(-1)]).toEqual([
      'Error: invalid protocol, only http and https are supported',
      expect.stringContaining('at transformEvent (transforms/asks-in-vain.js:3:29)'),
    ])
  })

  test('an export that has the name of the function and is none fails its events, with that name', async () => {
    const ran = await worker.run({ transforms: ['no-function'], way, events: [order('')] })
    expect(ran.failed.map(({ error }) => error)).toEqual([
      { message: 'transformEvent is not a function', stack: 'transformEvent is not a function' },
    ])
  })

  test('a module that throws while it is evaluated fails its events, with what it threw', async () => {
    const ran = await worker.run({ transforms: ['broken'], way, events: [order(''), order('', 'order-2')] })
    expect(ran.failed.map(({ index, error }) => [index, error.message])).toEqual([
      [0, 'at the top level'],
      [1, 'at the top level'],
    ])
  })

  test('one that does not build is a problem of the config that says what is missing, where', async () => {
    const ran = await worker.run({ transforms: ['built-in'], way, events: [order('')] })
    expect(ran.failed[0]?.error.message).toBe(
      'transforms/built-in.js does not build: import from noSuchLibrary failed. Module not found. (transforms/built-in.js:7:21)',
    )
  })
})

test('a module that awaits at its top level runs isolated, and is a problem of a config that has it inline', async () => {
  const [inline, isolated] = await Promise.all(
    (['inline', 'isolated'] as const).map((way) =>
      worker.run({ transforms: ['awaits-first'], way, events: [order('')] }),
    ),
  )
  expect(inline?.failed[0]?.error.message).toBe(
    'transforms/awaits-first.js does not build: "await" at the top level runs isolated alone; for inline, move it into the function (transforms/awaits-first.js:2:14)',
  )
  expect(isolated?.events[0]?.event.properties).toEqual({ rate: 2 })
})

describe('isolated', () => {
  const tries = async (what: string, options = {}, destination = 'crm'): Promise<unknown> => {
    const properties = { tries: what, port: Number(new URL(url).port) }
    const event = { ...order('', 'hostile'), properties }
    const ran = await worker.run({ transforms: ['hostile'], way: 'isolated', events: [event], options, destination })
    return ran.events[0]?.event.properties?.['answer']
  }

  test('hostile code finds no binding, no variable and no secret but its own', async () => {
    const credentials = { mine: 'k-1' }
    expect(await tries('environment', { credentials })).toEqual(['credentials', 'logs', 'rules'])
    expect(await tries('secrets', { credentials })).toContain('"credentials":{"mine":"k-1"}')
    expect(await tries('process', { credentials })).toEqual(['credentials', 'logs'])
  })

  test('hostile code sees what it kept of earlier events of its own place alone', async () => {
    const credentials = { of: 'this test' }
    const seen = [await tries('other events', { credentials }), await tries('other events', { credentials }, 'mail')]
    expect(seen).toEqual([1, 1])
  })

  test('hostile code opens no connection to this machine', async () => {
    expect(await tries('socket')).toEqual({ refused: expect.any(String) })
    expect(await tries('socket', { fetch: ['api.example.com'] })).toEqual({ refused: expect.any(String) })
  })

  test('hostile code spoils its own prototypes and globals, and those of nobody else', async () => {
    await tries('poisons prototypes', { credentials: { a: 'poisoned' } })
    const event = order('itself')
    for (const way of ways) {
      const { events } = await worker.run({ transforms: ['returns'], way, events: [event] })
      expect(events.map((one) => one.event)).toEqual([event])
    }
    expect(await tries('is poisoned')).toBe('undefinedundefined')
  })

  test('an event whose result is larger than a call may be fails alone', async () => {
    const tooLarge = { ...order('', 'too-large'), properties: { tries: 'large', length: 34_000_000 } }
    const failing = await worker.run({ transforms: ['hostile'], way: 'isolated', events: [order(''), tooLarge] })
    expect(failing.failed.map(({ index }) => index)).toEqual([1])
  })
})
