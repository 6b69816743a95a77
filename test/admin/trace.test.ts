import { describe, expect, test } from 'vitest'
import { fakeAdmin, type Given } from './fake-admin.ts'
import { storedOrder, twoPartitions } from './sample-log.ts'

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
      key: expect.any(String),
      to: ['webhook', 'tables'],
      transforms: [],
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

  test('a trace finds an event in a log that was the stream before', async () => {
    const { body } = await fakeAdmin({
      stream: 'queues',
      layout: { partitions: 1, targets: [] },
      log: [[[{ event: storedOrder('order-1') }]]],
      traces: { 'webhook:0': { 'order-1': { status: 'done' } } },
    }).call('/trace/order-1')
    expect(body).toMatchObject({ found: true, partition: 0, offset: 0 })
    expect(body.lanes[0]).toMatchObject({ target: 'webhook', status: 'done' })
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
