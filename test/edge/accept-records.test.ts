import { describe, expect, test } from 'vitest'
import { parseSchema } from '../../src/avro/parse-schema.ts'
import { makeEncoder } from '../../src/avro/codec.ts'
import { frameOf } from '../../src/avro/framing.ts'
import type { Event } from '../../src/core/event.ts'
import { SluicewayError } from '../../src/core/errors.ts'
import type { KafkaMessage } from '../../src/core/kafka.ts'
import { acceptRecords } from '../../src/edge/accept-records.ts'
import type { ReadingSource } from '../../src/edge/map-records.ts'
import { replayEdgeLetter } from '../../src/edge/replay-edge-letter.ts'
import { avroValues } from '../../src/registry/avro-values.ts'
import type { KafkaSourceInput } from '../../src/sources/kafka.ts'
import { apicurio, FakeRegistry } from '../support/fake-registry.ts'
import { type EdgeOptions, fakeEdge } from '../support/fake-edge.ts'
import { until } from '../support/until.ts'
import { ordersOf, recordAt } from './kafka-events.ts'

/** An edge with a source `orders` that reads a Kafka. */
function reading(input: Partial<KafkaSourceInput> = {}, options: EdgeOptions = {}) {
  const edge = fakeEdge({ ...options, source: { ...options.source, kafka: ordersOf(input) } })
  const source = edge.context.resolved.sources.get('shop') as ReadingSource
  const accept = (messages: readonly KafkaMessage[], more: { readonly until?: number } = {}) =>
    acceptRecords(messages, { source, app: edge.context, until: Number.POSITIVE_INFINITY, ...more })
  /** Replays a letter, edited by `edit`. */
  const replay = (at: number, edit: (kept: Record<string, unknown>) => unknown = (kept) => kept) => {
    const letter = edge.deadLetters[at]
    if (letter === undefined) throw new Error(`there is no letter ${at}`)
    const { stage, code, messageId, receivedAt } = letter
    const event = edit(JSON.parse(letter.event) as Record<string, unknown>) as never
    return replayEdgeLetter({ event, source: 'shop', stage, code, messageId, receivedAt }, edge.context)
  }
  return { ...edge, accept, replay }
}

const orderIds = (events: readonly Record<string, unknown>[]) =>
  events.map(({ properties }) => (properties as { order_id?: string }).order_id)

describe('records of a Kafka source', () => {
  test('a record of JSON is an event with an id of its place, its time, and every digit of its numbers', async () => {
    const { accept, events } = reading()
    await accept([recordAt(17, '{"order_id":"1843","total":129.9,"id":7615917337495251231}')])
    expect(events()).toMatchObject([
      {
        type: 'track',
        event: 'Order Completed',
        userId: 'ada',
        messageId: 'kafka:orders:0:17',
        timestamp: '2026-11-22T10:00:00.000Z',
        properties: { order_id: '1843', total: 129.9, id: '7615917337495251231' },
      },
    ])
  })

  test('values may be text, and key, headers and a tombstone reach the map of the user', async () => {
    const seen: unknown[] = []
    const { accept, events } = reading({
      values: 'text',
      map: ({ key, headers, value }) => {
        seen.push([key, headers, value])
        return value === null ? null : { type: 'track', event: String(value), anonymousId: 'a-1' }
      },
    })
    const headers = [['shop', new TextEncoder().encode('Bremen')] as const, ['empty', null] as const]
    await accept([recordAt(0, 'Order Completed', { headers }), recordAt(1, null, { key: null })])
    expect(seen).toEqual([
      ['ada', { shop: 'Bremen', empty: '' }, 'Order Completed'],
      [null, {}, null],
    ])
    expect(events()).toMatchObject([{ event: 'Order Completed' }])
  })

  test('a map may give several events, none, or a promise, and records without an event are counted', async () => {
    const { accept, events, counters } = reading({
      map: async ({ value }) => {
        const { lines } = value as { lines?: number }
        if (lines === undefined) return undefined
        return Array.from({ length: lines }, (_, line) => ({
          type: 'track',
          event: 'Line Bought',
          userId: 'ada',
          properties: { line },
        }))
      },
    })
    expect(
      await accept([recordAt(0, { lines: 2 }), recordAt(1, {}), recordAt(2, { lines: 0 }), recordAt(3, { lines: 1 })]),
    ).toBe(4)
    expect(events().map(({ messageId }) => messageId)).toEqual([
      'kafka:orders:0:0',
      'kafka:orders:0:0-1',
      'kafka:orders:0:3',
    ])
    await until('the count', () => counters['ignored:shop'] === 2)
  })

  test('a map that throws, gives no event, or gives what is no JSON makes a dead letter of its record alone', async () => {
    const { accept, events, deadLetters } = reading({
      map: ({ value }) => {
        const { order_id: id } = value as { order_id: string }
        if (id === 'thrown') throw new Error('an order without lines')
        if (id === 'text') return 'Order Completed' as never
        if (id === 'big') return { type: 'track', event: 'Order Completed', userId: 'ada', properties: { total: 10n } }
        return { type: 'track', event: 'Order Completed', userId: 'ada', properties: { order_id: id } }
      },
    })
    const ids = ['1', 'thrown', 'text', 'big', '2']
    expect(await accept(ids.map((id, offset) => recordAt(offset, { order_id: id })))).toBe(5)
    expect(orderIds(events())).toEqual(['1', '2'])
    expect(deadLetters.map(({ reason }) => reason)).toEqual([
      'orders 0, offset 1: an order without lines',
      'orders 0, offset 2: map must give events, not string',
      expect.stringMatching(/^orders 0, offset 3: Do not know how to serialize a BigInt/),
    ])
    expect(deadLetters[0]).toMatchObject({
      code: 'source_failed',
      stage: 'ingest',
      source: 'shop',
      key: 'ada',
      messageId: 'kafka:orders:0:1',
      receivedAt: '2026-11-22T10:00:00.000Z',
    })
    expect(JSON.parse(deadLetters[0]?.event ?? '')).toMatchObject({
      topic: 'orders',
      offset: 1,
      value: { order_id: 'thrown' },
    })
  })

  test('events that share an object with each other do not share what the edge makes of it', async () => {
    const { accept, events } = reading({
      map: ({ value }) => {
        const shared = {
          type: 'track',
          event: 'Order Completed',
          userId: 'ada',
          properties: value,
          context: { page: {} },
        }
        return [shared, { ...shared, userId: 'grace' }]
      },
    })
    await accept([recordAt(0, { order_id: '1' })])
    expect(events().map(({ userId, messageId }) => [userId, messageId])).toEqual([
      ['ada', 'kafka:orders:0:0'],
      ['grace', 'kafka:orders:0:0-1'],
    ])
  })

  test('maps that never settle cost one deadline for six of them, and those behind are read in the next run', async () => {
    const deadlines: number[] = []
    const { accept, events, deadLetters, clock } = reading(
      {
        map: ({ value, offset }) => {
          const { order_id: id } = value as { order_id: string }
          if (id !== 'stuck') return { type: 'track', event: 'Order Completed', userId: 'ada', properties: value }
          // Time passes with the first of a group.
          if (offset % 6 === 1) deadlines.push((clock.now += 20_000))
          return new Promise<never>(() => {})
        },
      },
      { limits: { userCodeMs: 20 } },
    )
    const messages = ['1', ...Array.from({ length: 10 }, () => 'stuck'), '2'].map((id, offset) =>
      recordAt(offset, { order_id: id }),
    )
    const taken = await accept(messages, { until: clock.now + 20_000 })
    expect(taken).toBe(6)
    expect(await accept(messages.slice(taken), { until: clock.now + 20_000 })).toBe(6)
    expect(orderIds(events())).toEqual(['1', '2'])
    expect(deadlines).toHaveLength(2)
    expect(deadLetters.map(({ reason }) => reason)).toEqual(
      Array.from(
        { length: 10 },
        (_, i) => `orders 0, offset ${i + 1}: map did not settle within 20 ms (limits.userCodeMs)`,
      ),
    )
  })

  test('a map that throws what stands for a Kafka that does not answer is a dead letter all the same', async () => {
    const { accept, deadLetters } = reading({
      map: () => {
        throw new SluicewayError('kafka_unavailable', 'the prices cannot be read')
      },
    })
    expect(await accept([recordAt(0, { order_id: '1' })])).toBe(1)
    expect(deadLetters.map(({ reason }) => reason)).toEqual(['orders 0, offset 0: the prices cannot be read'])
  })

  test('times of records that are none do no harm: an event has the time at which it was read', async () => {
    const { accept, events, deadLetters } = reading({ values: 'json' })
    const times = [-1, Number.NaN, 1e20]
    await accept(times.map((timestamp, offset) => recordAt(offset, { order_id: `${offset}` }, { timestamp })))
    await accept(times.map((timestamp, offset) => recordAt(10 + offset, '{', { timestamp })))
    expect(events()).toHaveLength(3)
    expect(deadLetters.map(({ receivedAt }) => Number.isNaN(Date.parse(receivedAt)))).toEqual([false, false, false])
  })

  test('an edited letter is mapped as it is, and one that could not be decoded is decoded again', async () => {
    const { accept, replay, events, deadLetters } = reading({
      map: ({ value }) => {
        const { order_id: id } = value as { order_id?: string }
        if (id === undefined) throw new Error('an order without an id')
        return { type: 'track', event: 'Order Completed', userId: 'ada', properties: { order_id: id } }
      },
    })
    await accept([recordAt(0, {}), recordAt(1, '{"order_id":"2"'), recordAt(2, '[]')])
    expect(deadLetters.map(({ reason }) => reason.slice(0, 50))).toEqual([
      'orders 0, offset 0: an order without an id',
      'orders 0, offset 1: its value cannot be decoded: E',
      'orders 0, offset 2: an order without an id',
    ])
    expect(JSON.parse(deadLetters[1]?.event ?? '')).toMatchObject({ text: '{"order_id":"2"', key: 'ada' })
    await replay(0, (kept) => ({ ...kept, value: { order_id: '1' } }))
    await replay(1, (kept) => ({ ...kept, text: '{"order_id":"2"}' }))
    expect(orderIds(events())).toEqual(['1', '2'])
    expect(events().map(({ messageId }) => messageId)).toEqual(['kafka:orders:0:0', 'kafka:orders:0:1'])
    await expect(replay(2)).rejects.toThrow('The record is still not acceptable: an order without an id')
    await expect(replay(2, () => ({ order_id: '3' }))).rejects.toThrow('keep that form when editing it')
  })

  test('letters are stored behind the events, so that events which are refused repeat no letter', async () => {
    let isAway = true
    const { accept, deadLetters, events } = reading(
      {},
      {
        onAppend: () => {
          if (isAway) throw new SluicewayError('stream_limit', 'too much at once')
        },
      },
    )
    const messages = [recordAt(0, '{'), recordAt(1, { order_id: '1' })]
    await expect(accept(messages)).rejects.toThrow('too much at once')
    isAway = false
    await accept(messages)
    expect([deadLetters.length, events().length]).toEqual([1, 1])
  })
})

describe('records of Avro', () => {
  const schema = JSON.stringify({
    type: 'record',
    name: 'Order',
    fields: [
      { name: 'order_id', type: 'string' },
      { name: 'total', type: 'double' },
    ],
  })
  const encode = makeEncoder(parseSchema(schema))
  const base = '/apis/ccompat/v7'
  const avroOrder = (id: number, order: string) => encode({ order_id: order, total: 129.9 }, frameOf(id))

  function avroReading() {
    const registry = new FakeRegistry(apicurio)
    const values = avroValues({ url: `https://registry.example.com${base}` })
    const made = reading({ values }, { port: { fetch: registry.fetch } })
    return { ...made, registry }
  }

  test('a record of Avro is decoded by the id in its frame, and the registry is asked once for it', async () => {
    const { accept, events, registry } = avroReading()
    const { id } = (await registry
      .answer('POST', `${base}/subjects/orders-value/versions`, JSON.stringify({ schema }))
      .json()) as { id: number }
    await accept([recordAt(0, avroOrder(id, '1843')), recordAt(1, avroOrder(id, '1844')), recordAt(2, null)])
    expect(
      events()
        .slice(0, 2)
        .map(({ properties }) => properties),
    ).toEqual([
      { order_id: '1843', total: 129.9 },
      { order_id: '1844', total: 129.9 },
    ])
    expect(registry.requests.map(({ path }) => path)).toEqual([`${base}/schemas/ids/${id}`])
  })

  test('while the registry is down nothing is skipped: what was decoded goes on, the rest waits', async () => {
    const { accept, events, deadLetters, registry } = avroReading()
    const { id } = (await registry
      .answer('POST', `${base}/subjects/orders-value/versions`, JSON.stringify({ schema }))
      .json()) as { id: number }
    const other = JSON.stringify({ ...(JSON.parse(schema) as object), doc: 'another version' })
    const { id: second } = (await registry
      .answer('POST', `${base}/subjects/orders-value/versions`, JSON.stringify({ schema: other }))
      .json()) as { id: number }
    registry.intercept = ({ url }) => (url.endsWith(`/${second}`) ? new Response('', { status: 503 }) : undefined)
    const messages = [
      recordAt(0, avroOrder(id, '1')),
      recordAt(1, avroOrder(second, '2')),
      recordAt(2, avroOrder(id, '3')),
    ]
    expect(await accept(messages)).toBe(1)
    await expect(accept(messages.slice(1))).rejects.toMatchObject({ code: 'kafka_unavailable' })
    registry.intercept = () => undefined
    expect(await accept(messages.slice(1))).toBe(2)
    expect(orderIds(events())).toEqual(['1', '2', '3'])
    expect(deadLetters).toEqual([])
  })

  test('a registry that refuses the credential makes records wait, and no dead letter', async () => {
    const { accept, deadLetters, registry } = avroReading()
    registry.intercept = () => new Response('{"message":"Unauthorized"}', { status: 401 })
    await expect(accept([recordAt(0, avroOrder(7, '1'))])).rejects.toThrow(/registry answered 401/)
    expect(deadLetters).toEqual([])
  })

  test('a record whose schema the registry has not is a letter with its bytes, and is decoded when it has', async () => {
    const { accept, replay, events, deadLetters, registry } = avroReading()
    await accept([recordAt(0, avroOrder(1, '1843')), recordAt(1, 'no Avro')])
    expect(deadLetters.map(({ reason }) => reason)).toEqual([
      expect.stringMatching(/its value cannot be decoded: the schema registry answered 404/),
      expect.stringMatching(/its value cannot be decoded: /),
    ])
    expect(JSON.parse(deadLetters[0]?.event ?? '')).toMatchObject({
      bytes: Buffer.from(avroOrder(1, '1843')).toString('base64'),
    })
    registry.answer('POST', `${base}/subjects/orders-value/versions`, JSON.stringify({ schema }))
    await replay(0)
    expect(orderIds(events())).toEqual(['1843'])
  })
})

describe('the rules of a source that reads a Kafka', () => {
  test('transforms, privacy rules and consent hold for events of a Kafka', async () => {
    const { accept, events, envelopes, deadLetters } = reading(
      {
        map: ({ value }) => ({
          type: 'track',
          event: 'Order Completed',
          userId: 'ada',
          properties: value,
          integrations: { All: true, CRM: false },
        }),
      },
      {
        source: {
          privacy: { drop: ['properties.email'] },
          transforms: [
            {
              name: 'without-drafts',
              transformEvent: (event: Event) => (event.properties?.['status'] === 'draft' ? null : event),
            },
          ],
        } as never,
      },
    )
    await accept([
      recordAt(0, { order_id: '1', email: 'ada@example.com' }),
      recordAt(1, { order_id: '2', status: 'draft' }),
    ])
    expect(deadLetters).toEqual([])
    expect(orderIds(events())).toEqual(['1'])
    expect(JSON.stringify(events())).not.toContain('ada@example.com')
    expect(envelopes()[0]?.header.to).toEqual(['webhook'])
  })

  test('a source above its rate waits: nothing is taken, and nothing is counted as refused', async () => {
    let isFull = true
    const { accept, events, counters, deadLetters } = reading(
      {},
      {
        source: { rate: { eventsPerSecond: 10 } },
        bindings: {
          RATE: {
            getByName: () => ({
              take: async () => ({ allowed: !isFull, remaining: 0, retryAfter: 3 }),
            }),
          },
        },
      },
    )
    const messages = [recordAt(0, { order_id: '1' }), recordAt(1, '{')]
    await expect(accept(messages)).rejects.toMatchObject({ code: 'rate_limited', details: { retryAfter: 3 } })
    isFull = false
    expect(await accept(messages)).toBe(2)
    expect(orderIds(events())).toEqual(['1'])
    expect(deadLetters).toHaveLength(1)
    expect(counters).toEqual({})
  })
})
