import { expect, test } from 'vitest'
import type { Destination, SendContext } from '../../src/core/destination.ts'
import { Envelope } from '../../src/core/envelope.ts'
import { deliver } from '../../src/lanes/deliver.ts'
import { fakePort } from '../support/fake-context.ts'
import { fakeDestination } from '../support/fake-destination.ts'
import { headerOf } from '../support/sample-events.ts'

const envelope = (id: string, key = id) => new Envelope(headerOf(id, { key }), '{"event":"Order Completed"}')
const sending = (send: NonNullable<Destination['send']>): Destination =>
  fakeDestination('kafka', { limits: { events: 10, bytes: 1_000, parallel: 1, timeoutSeconds: 1 }, send })

test('a destination that sends by itself gets a way out, and gives each event its verdict', async () => {
  const asked: string[] = []
  const port = fakePort({
    fetch: async (request) => {
      asked.push(request.url)
      return Response.json({ id: 7 })
    },
  })
  const destination = sending(async (items, { fetch }) => {
    const schema = (await (await fetch(new Request('https://registry.example.com/schemas'))).json()) as { id: number }
    return {
      status: 200,
      body: `written with schema ${schema.id}`,
      verdicts: items.map(({ id }) =>
        id === 'order-2' ? { kind: 'dead', reason: 'properties.total: expected double' } : { kind: 'done' },
      ),
    }
  })
  const { outcomes, sent } = await deliver([envelope('order-1'), envelope('order-2')], destination, { port })
  expect(asked).toEqual(['https://registry.example.com/schemas'])
  expect(outcomes.map(({ verdict, code, detail }) => [verdict.kind, code, detail])).toEqual([
    ['done', 'http_200', 'written with schema 7'],
    ['dead', 'event_refused', 'written with schema 7'],
  ])
  expect(sent).toMatchObject([{ status: 200, verdict: 'mixed', events: [0, 1] }])
})

test('a destination that sends by itself and fails as a whole has all its events retried, in one piece', async () => {
  const destination = sending(async () => {
    throw new Error('the Kafka front does not answer')
  })
  const { outcomes } = await deliver([envelope('a'), envelope('b')], destination, { port: fakePort() })
  expect(outcomes.map(({ verdict }) => verdict)).toEqual([
    { kind: 'retry', reason: 'the Kafka front does not answer' },
    { kind: 'retry', reason: 'the Kafka front does not answer' },
  ])
})

test('a destination that never ends to send is given up at its time-out, and its signal aborts', async () => {
  let seen: SendContext['signal'] | undefined
  const destination = sending(async (_items, { signal }) => {
    seen = signal
    return new Promise(() => undefined)
  })
  const { outcomes } = await deliver([envelope('a')], destination, { port: fakePort() })
  expect(outcomes[0]?.verdict).toEqual({ kind: 'retry', reason: 'no answer within 1 s' })
  expect(seen?.aborted).toBe(true)
})

test('a limit of the platform that a destination meets while it sends says nothing of its events', async () => {
  const destination = sending(async () => {
    throw new Error('Too many subrequests by single Worker invocation.')
  })
  const { outcomes, sent } = await deliver([envelope('a')], destination, { port: fakePort() })
  expect(outcomes[0]).toMatchObject({ verdict: { kind: 'retry' }, code: 'platform' })
  expect(sent).toEqual([])
})

test('a destination that forgets an event among its verdicts has all of them retried', async () => {
  const destination = sending(async () => ({ status: 200, body: '', verdicts: [{ kind: 'done' }] }))
  const { outcomes } = await deliver([envelope('a'), envelope('b')], destination, { port: fakePort() })
  expect(outcomes.map(({ verdict }) => verdict.kind)).toEqual(['retry', 'retry'])
})

test('a limit of the platform that a destination meets for one of its events says nothing of this event', async () => {
  const destination = sending(async () => ({
    status: 200,
    body: '',
    verdicts: [{ kind: 'done' }, { kind: 'retry', reason: 'Too many subrequests by single Worker invocation.' }],
  }))
  const { outcomes } = await deliver([envelope('a'), envelope('b')], destination, { port: fakePort() })
  expect(outcomes.map(({ code }) => code)).toEqual(['http_200', 'platform'])
})
