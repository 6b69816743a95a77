import type { Event } from '../../src/core/event.ts'
import { describe, expect, test } from 'vitest'
import { plainOrder, receivedAt } from '../support/sample-events.ts'
import { fakeAdmin, type Given } from './fake-admin.ts'

const storedOrder = (messageId: string, more: Partial<Event> = {}) => plainOrder(messageId, { receivedAt, ...more })

describe('lanes', () => {
  test('lanes are listed in order: the edge, then every target and partition', async () => {
    const { body } = await fakeAdmin({ partitions: 2, letters: { 'webhook:1': [{}] } }).call('/lanes')
    expect(
      body.lanes.map((lane: Record<string, unknown>) => [
        lane['target'],
        lane['partition'],
        lane['kind'],
        lane['deadLetters'],
      ]),
    ).toEqual([
      ['@edge', 0, 'edge', 0],
      ['webhook', 0, 'destination', 0],
      ['webhook', 1, 'destination', 1],
      ['tables', 0, 'warehouse', 0],
      ['tables', 1, 'warehouse', 0],
    ])
    expect(body.failures).toEqual([])
  })

  test('lanes that do not answer are named, and keep no other from being listed', async () => {
    const { body } = await fakeAdmin({ broken: ['webhook:0'] }).call('/lanes')
    expect(body.lanes.map(({ target }: { target: string }) => target)).toEqual(['@edge', 'tables'])
    expect(body.failures).toEqual(['lane webhook:0 does not answer: the object is unavailable'])
  })

  test('lanes are resumed one by one', async () => {
    const admin = fakeAdmin({ partitions: 2 })
    const { status, body } = await admin.post('/lanes/webhook/1/resume')
    expect([status, body.lane.target, body.lane.partition]).toEqual([200, 'webhook', 1])
    expect([admin.lane('webhook:0').resumed, admin.lane('webhook:1').resumed]).toEqual([0, 1])
  })

  test.each(['/lanes/webhook/2/resume', '/lanes/crm/0/resume', '/lanes/webhook/x/resume', '/lanes/webhook/-1/resume'])(
    'a lane that does not exist is not resumed: %s',
    async (path) => {
      expect((await fakeAdmin({ partitions: 2 }).post(path)).status).toBe(404)
    },
  )

  test('lanes are all woken by a sweep', async () => {
    const admin = fakeAdmin({ partitions: 2 })
    const { body } = await admin.post('/sweep')
    expect(body.lanes).toHaveLength(5)
    expect(body.logs).toHaveLength(2)
    expect(admin.lane('tables:1').poked).toBe(1)
  })
})

describe('warehouses', () => {
  test('warehouses are listed with what is staged', async () => {
    const { body } = await fakeAdmin().call('/warehouses')
    expect(body.warehouses).toMatchObject([{ warehouse: 'tables', stagedFiles: 2, stagedEvents: 40 }])
  })

  test('warehouses are loaded when somebody asks for it', async () => {
    const { status, body } = await fakeAdmin().post('/warehouses/tables/load')
    expect([status, body]).toEqual([200, { success: true, report: { files: 2, events: 40, rows: 80, discards: 0 } }])
  })

  test('warehouses whose load stops in the middle say so', async () => {
    const { status, body } = await fakeAdmin({ load: { error: 'the database is full' } }).post(
      '/warehouses/tables/load',
    )
    expect([status, body.code]).toEqual([502, 'warehouse_failed'])
    expect(body.message).toContain('the database is full')
    expect(body.report.rows).toBe(80)
  })

  test('a destination is not loaded as a warehouse is', async () => {
    expect((await fakeAdmin().post('/warehouses/webhook/load')).status).toBe(404)
    expect((await fakeAdmin().post('/warehouses/none/load')).status).toBe(404)
  })

  test('warehouses whose loader does not answer are named', async () => {
    const admin = fakeAdmin({ broken: ['loader'] })
    expect((await admin.call('/warehouses')).body.failures).toEqual([
      'loader tables does not answer: the object is unavailable',
    ])
    expect((await admin.post('/warehouses/tables/load')).status).toBe(502)
  })
})

const twoPartitions: Given = {
  partitions: 2,
  log: [
    [[{ event: storedOrder('order-1') }, { event: storedOrder('order-2') }], [{ event: storedOrder('order-5') }]],
    [[{ event: storedOrder('order-3') }], [{ event: storedOrder('order-6'), source: 'app', to: ['webhook'] }]],
  ],
}

describe('the log', () => {
  test('the log says how every partition is doing', async () => {
    const { body } = await fakeAdmin(twoPartitions).call('/log')
    expect(body.log).toMatchObject([
      { partition: 0, head: 3 },
      { partition: 1, head: 2 },
    ])
  })

  test('the log shows its newest events first, each with its place', async () => {
    const { body } = await fakeAdmin(twoPartitions).call('/events?limit=4')
    expect(
      body.events.map((one: { event: { messageId: string }; partition: number; offset: number }) => [
        one.event.messageId,
        one.partition,
        one.offset,
      ]),
    ).toEqual([
      ['order-6', 1, 1],
      ['order-5', 0, 2],
      ['order-3', 1, 0],
      ['order-2', 0, 1],
    ])
    expect(body.events[0]).toMatchObject({ source: 'app', to: ['webhook'], receivedAt: '2026-11-22T10:00:00.500Z' })
  })

  test('the log shows what the other partitions hold when one does not answer', async () => {
    const { body } = await fakeAdmin({ ...twoPartitions, broken: ['log 0'] }).call('/events')
    expect(body.events).toHaveLength(2)
    expect(body.failures).toEqual(['log 0 does not answer: the object is unavailable'])
  })

  test('GET /admin/log answers 404 when the stream cannot be read by offset', async () => {
    const admin = fakeAdmin({ stream: 'queues' })
    for (const path of ['/log', '/events']) {
      const { status, body } = await admin.call(path)
      expect([status, body.message]).toEqual([404, 'The stream is queues: it cannot be read again by offset.'])
    }
  })
})

describe('a trace', () => {
  const attempt = { at: 1, status: 503, ms: 12, reason: 'HTTP 503' }

  test('a trace tells where an event is in the log, and its status in every lane of its partition', async () => {
    const { body } = await fakeAdmin({
      ...twoPartitions,
      traces: {
        'webhook:0': { 'order-2': { status: 'waiting', reason: 'HTTP 503', attempts: [attempt] } },
        'tables:0': { 'order-2': { status: 'done' } },
      },
    }).call('/trace/order-2')
    expect(body).toEqual({
      found: true,
      messageId: 'order-2',
      source: 'shop',
      receivedAt: '2026-11-22T10:00:00.500Z',
      partition: 0,
      offset: 1,
      event: storedOrder('order-2'),
      lanes: [
        { target: 'webhook', partition: 0, status: 'waiting', reason: 'HTTP 503', attempts: [attempt] },
        { target: 'tables', partition: 0, status: 'done', attempts: [] },
      ],
      failures: [],
    })
  })

  test('a trace says of a lane that the event was not routed to it', async () => {
    const { body } = await fakeAdmin(twoPartitions).call('/trace/order-6')
    expect(body.lanes).toMatchObject([
      { target: 'webhook', partition: 1 },
      { target: 'tables', partition: 1, status: 'not routed' },
    ])
  })

  test('a trace finds an event whose messageId holds what a URL must escape', async () => {
    const id = 'crm/42?ä#1'
    const { body } = await fakeAdmin({ log: [[[{ event: storedOrder(id) }]]] }).call(`/trace/${encodeURIComponent(id)}`)
    expect([body.found, body.messageId, body.offset]).toEqual([true, id, 0])
  })

  test('a trace does not take another event with the same fingerprint for it', async () => {
    const admin = fakeAdmin({ ...twoPartitions, collide: true })
    expect((await admin.call('/trace/order-2')).body).toMatchObject({ source: 'shop', partition: 0, offset: 1 })
    expect((await admin.call('/trace/order-99')).body.found).toBe(false)
  })

  test('a trace tells the first of two copies of an event', async () => {
    const copies: Given = { log: [[[{ event: storedOrder('order-1') }], [{ event: storedOrder('order-1') }]]] }
    expect((await fakeAdmin(copies).call('/trace/order-1')).body.offset).toBe(0)
  })

  test('a trace tells the newest when several sources know the messageId, and names the others; a source can be given', async () => {
    const later = '2026-11-22T10:00:09.000Z'
    const admin = fakeAdmin({
      log: [
        [[{ event: storedOrder('order-1') }, { event: storedOrder('order-1', { receivedAt: later }), source: 'app' }]],
      ],
    })
    const both = await admin.call('/trace/order-1')
    expect([both.body.source, both.body.alsoFrom]).toEqual(['app', ['shop']])
    const one = await admin.call('/trace/order-1?source=shop')
    expect([one.body.source, one.body.alsoFrom, one.body.offset]).toEqual(['shop', undefined, 0])
    expect((await admin.call('/trace/order-1?source=none')).status).toBe(404)
  })

  test('a trace asks the lanes alone when the stream cannot be read by offset', async () => {
    const { body } = await fakeAdmin({
      stream: 'queues',
      partitions: 2,
      traces: { 'webhook:1': { 'order-1': { status: 'done' } } },
    }).call('/trace/order-1')
    expect(body).toEqual({
      found: true,
      messageId: 'order-1',
      lanes: [{ target: 'webhook', partition: 1, status: 'done', attempts: [] }],
      failures: [],
    })
  })

  test('a trace finds an event that ended at the edge', async () => {
    const { body } = await fakeAdmin({
      ...twoPartitions,
      traces: { '@edge:0': { exploded: { status: 'dead', reason: 'this transform does not like explosions' } } },
    }).call('/trace/exploded')
    expect(body.found).toBe(true)
    expect(body.lanes).toMatchObject([{ target: '@edge', status: 'dead' }])
  })

  test('a trace says that nobody knows an event', async () => {
    const { status, body } = await fakeAdmin(twoPartitions).call('/trace/order-99')
    expect([status, body]).toEqual([200, { found: false, messageId: 'order-99', lanes: [], failures: [] }])
  })
})
