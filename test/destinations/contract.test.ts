import { globSync, readFileSync } from 'node:fs'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo } from 'node:net'
import { basename, resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ourFiles } from '../../scripts/ours.ts'
import type { Destination, ForgottenUser } from '../../src/core/destination.ts'
import { Envelope } from '../../src/core/envelope.ts'
import type { Event } from '../../src/core/event.ts'
import { valueAt } from '../../src/core/mapping.ts'
import type { Verdict } from '../../src/core/verdict.ts'
import { deliver } from '../../src/lanes/deliver.ts'
import { fakePort, now } from '../support/fake-context.ts'
import { headerOf } from '../support/sample-events.ts'

/** `test/destinations/contract/<name>.json`: what every destination is held to, and what of it is particular to this one. */
interface Contract {
  readonly settings: Readonly<Record<string, unknown>>
  /** Values of the settings that must never be shown. */
  readonly secrets: readonly string[]
  /** Types of events that it sends; others it skips. */
  readonly types: readonly string[]
  /** Statuses that it reads in another way than `usual`, by status. */
  readonly verdicts?: Readonly<Record<string, Verdict['kind']>>
  /** What the vendor documents: the most items and bytes of a request, and where in its body the items are (`lines`, or a path). */
  readonly vendor?: { readonly items: number; readonly bytes?: number; readonly itemsAt?: string }
  /** Where the vendor gets the messageId, by which it knows repeats; left out where the vendor has no place for it. */
  readonly messageIds?: 'body' | 'headers'
  /** Why no request of it goes over this test's server. */
  readonly sendsItself?: string
  readonly forget:
    | 'none'
    | {
        readonly user: ForgottenUser
        readonly method: string
        readonly url: string
        readonly body?: unknown
        /** What must be known of a user; without it, the message says so. */
        readonly needs: string
      }
}

const usual: Readonly<Record<string, Verdict['kind']>> = {
  200: 'done',
  400: 'dead',
  401: 'pause',
  403: 'pause',
  404: 'pause',
  408: 'retry',
  413: 'dead',
  422: 'dead',
  429: 'retry',
  500: 'retry',
  503: 'retry',
}

interface Arrived {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** A compressed one as its text. */
  readonly body: string
}

const root = resolve(import.meta.dirname, '../..')
const isOurs = ourFiles(root)
const files = globSync('destinations/*.ts', { cwd: root }).filter(isOurs).toSorted()

let server: Server
let sink = ''
let arrived: Arrived[] = []
let answer: (response: ServerResponse) => void

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url = '', headers } = request
      const bytes = Buffer.concat(chunks)
      const body = (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString()
      arrived.push({ method, url, headers, body })
      answer(response)
    })
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  sink = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterAll(() => {
  server.closeAllConnections()
  server.close()
})

beforeEach(() => {
  arrived = []
  answer = (response) => void response.writeHead(200).end()
})

/** Requests go over a real connection, to this test's server in place of the vendor's. */
const port = fakePort({
  fetch: async (request) => {
    const { pathname, search } = new URL(request.url)
    const body = request.body === null ? undefined : await request.arrayBuffer()
    return fetch(`${sink}${pathname}${search}`, {
      method: request.method,
      headers: request.headers,
      signal: request.signal,
      redirect: 'manual',
      ...(body === undefined ? {} : { body }),
    })
  },
})

const envelopeOf = (event: Event, key = 'ada') =>
  new Envelope(headerOf(event.messageId, { key }), JSON.stringify(event))

/** An event of each type, as whole as people send them. */
const eventOf = (type: string, messageId: string, more: Partial<Event> = {}): Event => ({
  type,
  messageId,
  anonymousId: 'anon-ada',
  userId: 'ada',
  timestamp: '2026-11-22T09:59:58.000Z',
  receivedAt: '2026-11-22T10:00:00.500Z',
  ...(type === 'track'
    ? {
        event: 'Order Completed',
        properties: {
          order_id: '50314b8e',
          total: 39.95,
          revenue: 39.95,
          currency: 'EUR',
          products: [{ product_id: '45790', name: 'Monopoly', price: 19.95, quantity: 2 }],
        },
      }
    : {}),
  ...(type === 'page' || type === 'screen' ? { name: 'Shop', properties: { url: 'https://shop.ada.dev/' } } : {}),
  ...(type === 'group' ? { groupId: 'engines', traits: { name: 'Analytical Engines' } } : {}),
  ...(type === 'alias' ? { previousId: 'anon-ada' } : {}),
  ...(type === 'identify' ? { traits: { email: 'ada@example.com', firstName: 'Ada', lastName: 'Lovelace' } } : {}),
  context: {
    ip: '203.0.113.7',
    userAgent: 'Mozilla/5.0 (X11; Linux x86_64)',
    traits: { email: 'ada@example.com' },
    page: { url: 'https://shop.ada.dev/checkout' },
  },
  ...more,
})

/** What SDKs and people send where something else was meant. */
const odd: readonly Partial<Event>[] = [
  { properties: {}, traits: {}, context: {} },
  { properties: { total: 'many', products: 'none', revenue: null }, traits: { email: 42, phone: [] } as never },
  { properties: { products: [null, 1, {}] }, context: { traits: null, page: [] } as never },
  { event: '', name: '', userId: '', groupId: '' },
  { userId: 'x'.repeat(2_000), event: '☃ '.repeat(300), properties: { ['k'.repeat(300)]: 'v'.repeat(3_000) } },
  { timestamp: 'yesterday', traits: { email: 'no mail' }, properties: { list: [1, [2]], deep: { er: { est: true } } } },
]

describe.each(files)('the contract of %s', async (file) => {
  const name = basename(file, '.ts')
  const contract = JSON.parse(
    readFileSync(resolve(import.meta.dirname, 'contract', `${name}.json`), 'utf8'),
  ) as Contract
  const module = (await import(resolve(root, file))) as Record<string, (settings: unknown) => Destination>
  const make = Object.values(module)[0] as (settings: unknown) => Destination
  const destination = make(contract.settings)
  const { secrets, types, vendor, messageIds, forget, sendsItself } = contract
  const verdicts = { ...usual, ...contract.verdicts }
  const send = (events: readonly Event[]) =>
    deliver(
      events.map((event, i) => envelopeOf(event, `key-${i}`)),
      destination,
      { port, isProven: true },
    )
  const hidesSecrets = (shown: unknown) => {
    for (const secret of secrets) expect(JSON.stringify(shown)).not.toContain(secret)
  }

  if (sendsItself === undefined) {
    test('a destination takes its settings, and shows none of its secrets', () => {
      expect(destination.problems).toEqual([])
      expect(JSON.stringify(contract.settings)).toSatisfy((text: string) => secrets.every((one) => text.includes(one)))
      hidesSecrets(destination.redacted)
      const wrong = Object.fromEntries(Object.entries(contract.settings).map(([key, one]) => [`${key}s`, one]))
      hidesSecrets(make({ ...contract.settings, ...wrong }).problems)
    })

    test('a destination sends the types of events that it has a use for, and skips the others', async () => {
      for (const type of ['identify', 'track', 'page', 'screen', 'group', 'alias']) {
        const { outcomes } = await send([eventOf(type, `${type}-1`)])
        expect([type, outcomes[0]?.verdict.kind]).toEqual([type, types.includes(type) ? 'done' : 'skip'])
      }
      expect(arrived).toHaveLength(types.length)
      for (const { headers } of arrived) expect(headers['user-agent']).toBe('Sluiceway')
    })

    test.each(Object.entries(verdicts))(
      'a destination that is answered with %s makes of it: %s, and a dead letter that holds no secret',
      async (status, kind) => {
        answer = (response) => void response.writeHead(Number(status), { 'retry-after': '7' }).end()
        const { outcomes } = await send([eventOf(types[0] ?? '', 'order-1')])
        expect(outcomes.map(({ verdict }) => verdict.kind)).toEqual([kind])
        if (status === '429') expect(outcomes[0]?.verdict).toMatchObject({ afterSeconds: 7 })
        expect(arrived).toHaveLength(1)
        hidesSecrets(outcomes)
      },
    )

    test('a destination that gets no answer tries again', async () => {
      answer = (response) => void response.destroy()
      const { outcomes } = await send([eventOf(types[0] ?? '', 'order-1')])
      expect(outcomes.map(({ verdict }) => verdict.kind)).toEqual(['retry'])
      hidesSecrets(outcomes)
    })

    test('a destination keeps to the limits of the vendor, and every event arrives once', async () => {
      const type = types[0] ?? ''
      const { items: most = 1, bytes = Infinity, itemsAt } = vendor ?? {}
      const ids = Array.from({ length: Math.min(most * 2 + 1, 1_200) }, (_, i) => `event-${i}-of-ada`)
      // Each is about 1 KB, so that bytes count too.
      const events = ids.map((id, i) =>
        eventOf(type, id, { userId: `ada-${i}`, anonymousId: `anon-${i}`, traits: { email: `ada-${i}@example.com` } }),
      )
      const { outcomes } = await send(events)
      expect(new Set(outcomes.map(({ verdict }) => verdict.kind))).toEqual(new Set(['done']))
      const sizes = arrived.map(({ body }) => {
        expect(Buffer.byteLength(body)).toBeLessThanOrEqual(bytes)
        if (itemsAt === undefined) return 1
        if (itemsAt === 'lines') return body.trimEnd().split('\n').length
        const parsed = JSON.parse(body) as unknown
        return ((itemsAt === '' ? parsed : valueAt(parsed, itemsAt)) as unknown[]).length
      })
      expect(Math.max(...sizes)).toBeLessThanOrEqual(most)
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(events.length)
      if (messageIds === undefined) return
      const text = arrived.map((one) => (messageIds === 'body' ? one.body : JSON.stringify(one.headers))).join('\n')
      expect(new Set(text.match(/event-\d+-of-ada/g))).toEqual(new Set(ids))
    })

    test('a destination makes something of every odd event, harms no other with it, and sends nothing but JSON or forms', async () => {
      for (const type of types)
        for (const [i, more] of odd.entries()) {
          arrived = []
          const { outcomes } = await send([
            eventOf(type, `good-${i}`),
            eventOf(type, `odd-${i}`, more),
            eventOf(type, `good-too-${i}`),
          ])
          expect(outcomes.map(({ code }) => code)).not.toContain('request_failed')
          expect(outcomes[0]?.verdict.kind).toBe('done')
          expect(outcomes[2]?.verdict.kind).toBe('done')
          expect(['done', 'skip', 'dead']).toContain(outcomes[1]?.verdict.kind)
          const reason = outcomes[1]?.verdict
          if (reason?.kind === 'dead') expect(reason.reason).not.toMatch(/undefined|is not a function|Cannot read/)
          for (const { body, headers } of arrived)
            if (headers['content-type']?.includes('json') === true) expect(() => void JSON.parse(body)).not.toThrow()
        }
    })
  }

  test('a destination deletes a user where the vendor can, and says what it needs for that', async () => {
    if (forget === 'none') {
      expect(destination.forget).toBeUndefined()
      return
    }
    const { user, method, url, body, needs } = forget
    const request = await destination.forget?.(user, { now })
    expect(request).toMatchObject({ method, url })
    expect(request?.body === undefined ? undefined : (JSON.parse(request.body) as unknown)).toEqual(body)
    await expect((async () => destination.forget?.({ anonymousId: 'anon-only' }, { now }))()).rejects.toThrow(
      needs === 'userId' ? /known|userId/ : needs,
    )
  })
})

test('one destination whose vendor is down does not disturb what another sends', async () => {
  const { webhook } = await import('../../destinations/webhook.ts')
  const { http } = await import('../../destinations/http.ts')
  answer = (response) => {
    if (arrived.at(-1)?.url.startsWith('/down') === true) response.destroy()
    else response.writeHead(200).end()
  }
  const events = Array.from({ length: 20 }, (_, i) => envelopeOf(eventOf('track', `order-${i}`), `key-${i}`))
  const [down, up] = await Promise.all([
    deliver(events, webhook({ url: 'https://crm.ada.dev/down' }), { port }),
    deliver(events, http({ url: 'https://api.ada.dev/up' }), { port }),
  ])
  expect(down.outcomes.map(({ verdict }) => verdict.kind)).toEqual(events.map(() => 'retry'))
  expect(up.outcomes.map(({ verdict }) => verdict.kind)).toEqual(events.map(() => 'done'))
})
