// What keeps events of a key in their order within one batch, and what functions of the settings make of events.
import { describe, expect, test } from 'vitest'
import { kafka, type KafkaDestinationInput } from '../../../destinations/kafka.ts'
import { Envelope } from '../../../src/core/envelope.ts'
import type { KafkaFront, KafkaRecord, ProduceOutcome } from '../../../src/core/kafka.ts'
import { strimzi } from '../../../src/fronts/strimzi.ts'
import { upstash } from '../../../src/fronts/upstash.ts'
import { deliver } from '../../../src/lanes/deliver.ts'
import { fakePort } from '../../support/fake-context.ts'
import { headerOf } from '../../support/sample-events.ts'

const schema = (type: string) =>
  JSON.stringify({
    type: 'record',
    name: 'Order',
    fields: [
      { name: 'messageId', type: 'string' },
      { name: 'at', type },
    ],
  })
const registry = { url: 'https://registry.example.com' }

/** An order of a user; `schemaId` is what the event asks for. */
const orderOf = (id: string, userId: string, schemaId?: number) =>
  new Envelope(
    // The lane knows them by other keys than Kafka does.
    headerOf(id, { key: id, receivedAt: '', to: [] }),
    JSON.stringify({
      type: 'track',
      event: 'Order Completed',
      messageId: id,
      userId,
      at: 'noon',
      ...(schemaId === undefined ? {} : { integrations: { Kafka: { schemaId } } }),
    }),
  )

interface Sent {
  readonly topic: string
  readonly records: readonly KafkaRecord[]
}

/** A front that keeps what it is given; `answer` judges a record. */
function keepingFront(sent: Sent[], answer: (record: KafkaRecord) => ProduceOutcome = () => ({ written: true })) {
  const counts: string[] = []
  const front: KafkaFront = {
    ...upstash({ url: 'https://events.example.com/kafka', username: 'router', password: 'sesame' }),
    connect: () => ({
      produce: async (topic, records) => {
        sent.push({ topic, records })
        return records.map(answer)
      },
      partitions: async (topic) => {
        counts.push(topic)
        return 3
      },
      fetch: () => Promise.reject(new Error('nothing is read here')),
      commit: async () => undefined,
      ends: async () => [],
      close: async () => undefined,
    }),
  }
  return { front, counts }
}

const idsOf = (sent: readonly Sent[]) =>
  sent.flatMap(({ records }) =>
    records.map(({ headers }) =>
      new TextDecoder().decode(headers.find(([name]) => name === 'message_id')?.[1] ?? undefined),
    ),
  )

async function run(input: KafkaDestinationInput, events: readonly Envelope[], registryFetch = registryOf({})) {
  const { outcomes } = await deliver(events, kafka(input), { port: fakePort({ fetch: registryFetch }) })
  return outcomes.map(({ verdict, code }) => ({
    kind: verdict.kind,
    code,
    reason: 'reason' in verdict ? verdict.reason : '',
  }))
}

/** A registry whose schemas by id have these answers. */
const registryOf =
  (answers: Readonly<Record<number, { status: number; body: unknown }>>) => async (request: Request) => {
    const answer = answers[Number(/ids\/(\d+)/.exec(request.url)?.[1])] ?? { status: 404, body: { error_code: 40403 } }
    return Response.json(answer.body, { status: answer.status })
  }

describe('order of a batch into Kafka', () => {
  const schemas = registryOf({
    1: { status: 503, body: { error_code: 50003, message: 'no primary' } },
    2: { status: 200, body: { schema: schema('string') } },
    3: { status: 200, body: { schema: '{"type":"unheard"}' } },
  })

  test('a later order of a user is not written while the schema of an earlier one cannot be had', async () => {
    const sent: Sent[] = []
    const { front } = keepingFront(sent)
    const verdicts = await run(
      { front, topic: 'orders', registry },
      [
        orderOf('ada-1', 'ada', 1),
        orderOf('grace-1', 'grace', 2),
        orderOf('ada-2', 'ada', 2),
        orderOf('ada-3', 'ada', 2),
      ],
      schemas,
    )
    expect(verdicts.map(({ kind }) => kind)).toEqual(['retry', 'done', 'retry', 'retry'])
    expect(verdicts[2]?.reason).toBe('an earlier event of its key waits')
    expect(idsOf(sent)).toEqual(['grace-1'])
  })

  test('a later order of a user waits for a person together with an earlier one whose schema is broken', async () => {
    const sent: Sent[] = []
    const { front } = keepingFront(sent)
    const verdicts = await run(
      { front, topic: 'orders', registry },
      [orderOf('ada-1', 'ada', 3), orderOf('ada-2', 'ada', 2), orderOf('grace-1', 'grace', 2)],
      schemas,
    )
    expect(verdicts.map(({ kind }) => kind)).toEqual(['pause', 'retry', 'done'])
    expect(idsOf(sent)).toEqual(['grace-1'])
  })

  test('a dead event holds nobody back, and events of another topic or without a key do not wait', async () => {
    const sent: Sent[] = []
    const { front } = keepingFront(sent)
    const topicOf = (event: { messageId?: string }) => (event.messageId === 'ada-2' ? 'carts' : 'orders')
    const verdicts = await run(
      { front, topic: topicOf, registry },
      [
        orderOf('ada-1', 'ada', 1),
        orderOf('ada-2', 'ada', 2),
        orderOf('joan-1', 'joan', 99),
        orderOf('joan-2', 'joan', 2),
      ],
      schemas,
    )
    expect(verdicts.map(({ kind }) => kind)).toEqual(['retry', 'done', 'dead', 'done'])
    expect(sent.map(({ topic }) => topic)).toEqual(['carts', 'orders'])
    const keyless = await run(
      { front, topic: 'orders', key: null, registry },
      [orderOf('ada-1', 'ada', 1), orderOf('ada-2', 'ada', 2)],
      schemas,
    )
    expect(keyless.map(({ kind }) => kind)).toEqual(['retry', 'done'])
  })

  test('the second call is not made for a user whose first call failed: what is behind waits', async () => {
    const requests: string[] = []
    const front = upstash({ url: 'https://events.example.com/kafka', username: 'router', password: 'sesame' })
    const port = fakePort({
      fetch: async (request) => {
        if (request.url.endsWith('/topics')) return Response.json({ orders: 1 })
        requests.push(await request.text())
        return Response.json({ error: 'the broker did not answer', status: 503 }, { status: 503 })
      },
    })
    const long = 'x'.repeat(700_000)
    const destination = kafka({ front, topic: 'orders', value: () => `${long}${long}${long}` })
    const { outcomes } = await deliver([orderOf('ada-1', 'ada'), orderOf('ada-2', 'ada')], destination, { port })
    expect(outcomes.map(({ verdict }) => verdict.kind)).toEqual(['retry', 'retry'])
    expect(requests).toHaveLength(1)
  })

  test('the partitions of a topic are asked for again once a record was not written', async () => {
    const sent: Sent[] = []
    let isWritten = true
    const { front, counts } = keepingFront(sent, () =>
      isWritten ? { written: true } : { written: false, retry: 'yes', reason: 'there is no partition 2' },
    )
    const destination = kafka({ front, topic: 'orders' })
    const send = async (id: string) => deliver([orderOf(id, 'ada')], destination, { port: fakePort() })
    await send('ada-1')
    isWritten = false
    await send('ada-2')
    expect(counts).toEqual(['orders'])
    isWritten = true
    await send('ada-2')
    expect(counts).toEqual(['orders', 'orders'])
  })
})

describe('records into Kafka that are refused', () => {
  test('a tombstone that Strimzi cannot write is dead, and the order of the same batch is written', async () => {
    const sent: unknown[] = []
    const port = fakePort({
      fetch: async (request) => {
        if (request.method === 'GET') return Response.json([{ partition: 0 }])
        sent.push(await request.json())
        return Response.json({ offsets: [{ partition: 0, offset: 7 }] })
      },
    })
    const value = (event: { messageId?: string }) => (event.messageId === 'ada-1' ? null : 'Ada Lovelace')
    const destination = kafka({ front: strimzi({ url: 'https://bridge.example.com' }), topic: 'users', value })
    const { outcomes } = await deliver([orderOf('ada-1', 'ada'), orderOf('ada-2', 'ada')], destination, { port })
    expect(outcomes[0]?.verdict).toEqual({
      kind: 'dead',
      reason: 'this front cannot write a null value (tombstone)',
    })
    expect(outcomes[1]?.verdict).toEqual({ kind: 'done' })
    expect(sent).toMatchObject([{ records: [{ value: btoa('"Ada Lovelace"') }] }])
  })

  test('the letter of an event that does not fit its schema has a code of its own, and nothing of its neighbors', async () => {
    const { front } = keepingFront([], () => ({ written: false, retry: 'no', reason: 'the record is too large' }))
    const port = fakePort({ fetch: registryOf({ 2: { status: 200, body: { schema: schema('long') } } }) })
    const events = [orderOf('ada-1', 'ada', 2)]
    const { outcomes } = await deliver(events, kafka({ front, topic: 'orders', registry }), { port })
    expect(outcomes).toMatchObject([
      {
        verdict: { kind: 'dead', reason: expect.stringMatching(/^does not fit its schema: at: /) as string },
        code: 'event_refused',
      },
    ])
    const large = await deliver([orderOf('ada-2', 'ada')], kafka({ front, topic: 'orders' }), { port })
    expect(large.outcomes).toMatchObject([
      { verdict: { kind: 'dead', reason: 'the record is too large' }, code: 'event_refused' },
    ])
  })

  test('an event for which the settings give no value is skipped with that reason', async () => {
    const { front } = keepingFront([])
    expect(await run({ front, topic: 'orders', value: () => undefined }, [orderOf('ada-1', 'ada')])).toMatchObject([
      { kind: 'skip', reason: 'the settings give no value' },
    ])
  })

  test('an event whose value function throws is dead, and its neighbors are written', async () => {
    const sent: Sent[] = []
    const { front } = keepingFront(sent)
    const value = ({ messageId }: { messageId?: string }) => {
      if (messageId === 'ada-1') throw new Error('no total')
      return messageId
    }
    expect(
      await run({ front, topic: 'orders', value }, [orderOf('ada-1', 'ada'), orderOf('ada-2', 'ada')]),
    ).toMatchObject([{ kind: 'dead', reason: '"value" of the settings threw: no total' }, { kind: 'done' }])
    expect(idsOf(sent)).toEqual(['ada-2'])
  })
})
