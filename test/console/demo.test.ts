import { Webhook } from 'standardwebhooks'
import { describe, expect, test } from 'vitest'
import type { DemoState } from '../../src/console/demo-state.ts'
import type { DeadLetter } from '../../src/core/dead-letter.ts'
import type { Event } from '../../src/core/event.ts'
import { adminToken } from '../support/fake-context.ts'
import { plainOrder } from '../support/sample-events.ts'
import { fakeDemo, type Given, now } from './fake-demo.ts'

const secret = 'whsec_QmFiYmFnZSdzIEFuYWx5dGljYWwgRW5naW5l'

const ordered = (n = 1): Event => plainOrder(`order-${n}`, { receivedAt: new Date(now - 1000 + n).toISOString() })

/** A request as the webhook destination signs it; the time of signing is `at`. */
function signed(events: Event | Event[], { at = now, key = secret } = {}): RequestInit {
  const body = JSON.stringify(events)
  return {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/json',
      authorization: 'Basic c2VjcmV0',
      'webhook-id': 'order-1',
      'webhook-timestamp': String(Math.floor(at / 1000)),
      'webhook-signature': new Webhook(key).sign('order-1', new Date(at), body),
    },
  }
}

const letter = (over: Partial<DeadLetter>): DeadLetter => ({
  id: '@edge:0:1',
  target: '@edge',
  at: now,
  stage: 'ingest',
  messageId: 'nobody',
  source: 'shop',
  key: '',
  reason: 'request neither has anonymousId nor userId',
  code: 'identity_missing',
  receivedAt: new Date(now).toISOString(),
  event: { type: 'track', event: 'Order Completed' },
  edited: false,
  cause: '0123456789abcdef',
  attempts: [],
  ...over,
})

async function stateOf(given: Given, before: RequestInit[] = []): Promise<DemoState> {
  const { call } = fakeDemo(given)
  for (const init of before) await call('/demo/sink', init)
  return (await call('/demo/state')).json()
}

describe('the page', () => {
  test.each(['/demo', '/demo/'])(
    'the demo page is served at %s and may run nothing but its own scripts',
    async (path) => {
      const response = await fakeDemo().call(path)
      expect(response.status).toBe(200)
      expect(await response.text()).toContain('Difference Engine Shop')
      expect(response.headers.get('content-security-policy')).toContain("script-src 'self';")
    },
  )

  test('the demo page learns the write key of the first source', async () => {
    const response = await fakeDemo().call('/demo/config.json')
    expect(await response.json()).toEqual({ writeKey: 'demo-write-key', dataPlaneUrl: '' })
  })

  test.each(['/demo', '/demo/', '/demo/config.json', '/demo/state', '/demo/demo.js'])(
    'the demo answers 404 at %s when the config does not want it',
    async (path) => {
      expect((await fakeDemo({ demo: false }).call(path)).status).toBe(404)
    },
  )

  test('the demo takes no webhooks when the config does not want it', async () => {
    expect((await fakeDemo({ demo: false }).call('/demo/sink', signed(ordered()))).status).toBe(404)
  })
})

describe('what arrived', () => {
  test.each(['localhost:8787', 'LOCALHOST', '127.0.0.1:9000', '[::1]:8787'])(
    'the state of the demo is shown at %s',
    async (host) => {
      expect((await fakeDemo().call('/demo/state', { host })).status).toBe(200)
    },
  )

  test.each(['192.168.1.20:8787', 'localhost.example.com', 'rebound.example:8787', '127.0.0.1.example'])(
    'the state of the demo is not shown to somebody who asks for %s',
    async (host) => {
      const response = await fakeDemo({ events: [ordered()] }).call('/demo/state', { host })
      expect(response.status).toBe(403)
      expect(await response.text()).not.toContain('Order Completed')
    },
  )

  test('the state of the demo is shown anywhere for the admin token, and for no other', async () => {
    const ask = (token: string) =>
      fakeDemo().call('/demo/state', { host: '192.168.1.20:8787', headers: { authorization: `Bearer ${token}` } })
    expect((await ask(adminToken)).status).toBe(200)
    expect((await ask(`${adminToken}r`)).status).toBe(403)
    expect((await ask('')).status).toBe(403)
  })

  test('the state of the demo is shown for the token only where others reach the port, since a Host header can be forged', async () => {
    const { call } = fakeDemo({ demo: { tokenOnly: true } })
    expect((await call('/demo/state')).status).toBe(403)
    expect((await call('/demo/state', { headers: { authorization: `Bearer ${adminToken}` } })).status).toBe(200)
  })

  test('the demo shows the newest twenty events of all partitions, newest first, with the number of all', async () => {
    const { events } = await stateOf({ partitions: 2, events: Array.from({ length: 25 }, (_, i) => ordered(i + 1)) })
    if ('unavailable' in events) throw new Error(events.unavailable)
    expect(events.total).toBe(25)
    expect(events.items.map(({ id }) => id)).toEqual(Array.from({ length: 20 }, (_, i) => `order-${25 - i}`))
    expect(events.items[0]).toMatchObject({
      source: 'shop',
      type: 'track',
      name: 'Order Completed',
      event: ordered(25),
    })
  })

  test('the demo never shows more delivered than stored, however fast events come while it reads', async () => {
    const events = [ordered(1)]
    let isBusy = false
    const { call } = fakeDemo({
      events,
      onRead: async () => {
        if (!isBusy) return
        isBusy = false
        await Promise.resolve()
        events.push(ordered(2))
        await call('/demo/sink', signed(ordered(2)))
      },
    })
    await call('/demo/sink', signed(ordered(1)))
    isBusy = true
    const state = (await (await call('/demo/state')).json()) as DemoState
    expect(state).toMatchObject({ deliveries: { total: 2 }, events: { total: 2 } })
  })

  test('the demo says of an event that it is asked for why the edge dropped it, and nothing of one that was taken', async () => {
    const reason = 'the transform "drop-bots" of the source "shop" dropped it'
    const lastOf = async (trace: Given['trace'] & object) =>
      ((await (await fakeDemo({ trace }).call('/demo/state?last=visit-1')).json()) as DemoState).last
    expect(await lastOf({ status: 'dropped', reason })).toEqual({ status: 'dropped', reason })
    expect(await lastOf({ status: 'unknown' })).toBe(undefined)
  })

  test('the demo takes events from its sink when the stream cannot be read again', async () => {
    const { events, stream } = await stateOf({ stream: 'queues', events: [ordered(7)] }, [signed(ordered(1))])
    expect(stream).toBe('queues')
    expect(events).toMatchObject({ items: [{ id: 'order-1', name: 'Order Completed' }] })
  })

  test('the demo shows the dead letters of the edge and of every lane, newest first', async () => {
    const refused = letter({ id: 'webhook:1:4', target: 'webhook', stage: 'delivery', code: 'http_400', at: now + 5 })
    const { deadLetters, lanes } = await stateOf({
      partitions: 2,
      letters: { '@edge:0': [letter({})], 'webhook:1': [refused] },
    })
    expect(deadLetters).toMatchObject({ total: 2, items: [{ id: 'webhook:1:4' }, { id: '@edge:0:1' }] })
    expect(lanes).toMatchObject([
      { target: '@edge' },
      { target: 'webhook', partition: 0 },
      { target: 'webhook', partition: 1 },
      { target: 'tables', partition: 0 },
      { target: 'tables', partition: 1 },
    ])
  })

  test('the demo goes on showing its state when one part of it cannot be read', async () => {
    const state = await stateOf({ broken: ['LANE', 'DB', 'LOADER'], events: [ordered()] })
    expect(state.events).toMatchObject({ total: 1 })
    expect(state.deadLetters).toEqual({ unavailable: 'LANE is unavailable' })
    expect(state.deliveries).toHaveProperty('unavailable')
    expect(state.lanes[0]).toEqual({ unavailable: 'LANE is unavailable' })
    expect(state.warehouses).toEqual([{ name: 'tables', unavailable: 'LOADER is unavailable' }])
  })
})

describe('the warehouse', () => {
  test('the demo shows the newest ten rows of each table and how many there are, whatever the table is called', async () => {
    const name = 'order "final"'
    const { call, database } = fakeDemo({ tables: { [name]: { id: 'string', received_at: 'datetime' }, users: {} } })
    database.exec('CREATE TABLE "order ""final""" (id TEXT, received_at TEXT); CREATE TABLE users (id TEXT)')
    for (let i = 10; i < 22; i++)
      database.exec(`INSERT INTO "order ""final""" VALUES ('order-${i}', '2026-11-22T10:00:${i}Z')`)
    const { warehouses } = (await (await call('/demo/state')).json()) as DemoState
    expect(warehouses).toMatchObject([
      {
        name: 'tables',
        driver: 'd1',
        tables: [
          { name, count: 12 },
          { name: 'users', count: 0, rows: [] },
        ],
      },
    ])
    const [warehouse] = warehouses
    const rows = warehouse !== undefined && 'tables' in warehouse ? warehouse.tables?.[0]?.rows : []
    expect(rows?.map(({ id }) => id)).toEqual(Array.from({ length: 10 }, (_, i) => `order-${21 - i}`))
  })

  test('the demo does not read a warehouse that lives elsewhere: only how its loads go is shown', async () => {
    const { warehouses } = await stateOf({ warehouse: 'postgres', tables: { tracks: { id: 'string' } } })
    expect(warehouses).toMatchObject([{ driver: 'postgres', tables: [], tableNames: ['tracks'] }])
  })
})

describe('the webhook sink', () => {
  const demo = { sinkSecret: secret }
  const signatureOf = async (init: RequestInit) => {
    const { deliveries } = await stateOf({ demo }, [init])
    return 'unavailable' in deliveries ? deliveries.unavailable : deliveries.items[0]?.signature
  }

  test('the webhook sink shows what it received, with the time since the event was accepted', async () => {
    const { deliveries } = await stateOf({ demo }, [signed(ordered(1))])
    expect(deliveries).toEqual({
      total: 1,
      items: [
        {
          id: 'order-1',
          type: 'track',
          name: 'Order Completed',
          at: now,
          delayMs: 999,
          signature: 'verified',
          event: ordered(1),
        },
      ],
    })
  })

  test('the webhook sink takes an array of events as well', async () => {
    const { deliveries } = await stateOf({ demo }, [signed([ordered(1), ordered(2)]), signed(ordered(3))])
    expect(deliveries).toMatchObject({ total: 3, items: [{ id: 'order-3' }, { id: 'order-2' }, { id: 'order-1' }] })
  })

  test('the webhook sink tells a wrong, an old and a missing signature from a good one', async () => {
    const other = 'whsec_' + btoa('another secret, of another engine')
    expect(await signatureOf(signed(ordered()))).toBe('verified')
    expect(await signatureOf({ ...signed(ordered()), body: JSON.stringify(ordered(2)) })).toBe('wrong')
    expect(await signatureOf(signed(ordered(), { key: other }))).toBe('wrong')
    expect(await signatureOf(signed(ordered(), { at: now - 301_000 }))).toBe('wrong')
    expect(await signatureOf({ method: 'POST', body: JSON.stringify(ordered()) })).toBe('missing')
  })

  test('the webhook sink knows a secret that is any text, as the webhook destination does', async () => {
    const text = 'the Analytical Engine weaves'
    const init = signed(ordered(), { key: `whsec_${btoa(text)}` })
    const { deliveries } = await stateOf({ demo: { sinkSecret: text } }, [init])
    expect(deliveries).toMatchObject({ items: [{ signature: 'verified' }] })
  })

  test('the webhook sink says that it cannot check when it has no secret', async () => {
    const { deliveries } = await stateOf({ demo: true }, [signed(ordered())])
    expect(deliveries).toMatchObject({ items: [{ signature: 'unchecked' }] })
  })

  test('the webhook sink keeps the last 200 requests and counts all', async () => {
    const { call, database } = fakeDemo({ demo })
    for (let i = 1; i <= 203; i++) await call('/demo/sink', { method: 'POST', body: JSON.stringify(ordered(i)) })
    expect(database.prepare('SELECT count(*) AS n, max(total) AS total FROM demo_sink').get()).toEqual({
      n: 200,
      total: 203,
    })
  })

  test('the webhook sink keeps no credential of a request', async () => {
    const { call, database } = fakeDemo({ demo })
    await call('/demo/sink', signed(ordered()))
    const { headers } = database.prepare('SELECT headers FROM demo_sink').get() as { headers: string }
    expect(Object.keys(JSON.parse(headers))).toEqual([
      'content-type',
      'webhook-id',
      'webhook-signature',
      'webhook-timestamp',
    ])
  })

  test('the webhook sink takes from elsewhere only what is signed', async () => {
    const { call } = fakeDemo({ demo })
    const host = '192.168.1.20:8787'
    expect((await call('/demo/sink', { ...signed(ordered()), host })).status).toBe(200)
    expect((await call('/demo/sink', { method: 'POST', body: '{}', host })).status).toBe(403)
  })

  test('the webhook sink refuses a body that is no event', async () => {
    const { call } = fakeDemo()
    for (const body of ['', 'ada', '[]', '42']) {
      const response = await call('/demo/sink', { method: 'POST', body })
      expect(await response.json()).toMatchObject({ success: false, code: 'bad_request' })
    }
  })
})
