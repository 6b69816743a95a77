import { describe, expect, test } from 'vitest'
import { fakeAdmin } from './fake-admin.ts'
import { twoPartitions } from './sample-log.ts'

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

  test('GET /admin/log and GET /admin/events answer 404 when the stream cannot be read by offset', async () => {
    const admin = fakeAdmin({ stream: 'queues' })
    for (const path of ['/log', '/events']) {
      const { status, body } = await admin.call(path)
      expect([status, body.message]).toEqual([404, 'The stream is queues: it cannot be read again by offset.'])
    }
  })

  test('GET /admin/log and GET /admin/events show what a log holds that was the stream before', async () => {
    const admin = fakeAdmin({ ...twoPartitions, stream: 'queues', layout: { partitions: 2, targets: [] } })
    const { body } = await admin.call('/log')
    expect(body.log.map(({ partition }: { partition: number }) => partition)).toEqual([0, 1])
    expect((await admin.call('/events')).body.events).toHaveLength(5)
  })
})
