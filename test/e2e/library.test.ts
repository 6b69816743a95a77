// Destinations of the library `@segment/action-destinations` on the real bundle: what a user imports runs in workerd.
import { expect, test } from 'vitest'
import type { Server } from '../support/server.ts'
import { serveWithSinks } from '../support/serve-with-sinks.ts'
import type { Sink } from '../support/sink.ts'
import { until } from '../support/until.ts'

let server: Server
let sinks: Readonly<Record<'hook' | 'klime' | 'absmartly', Sink>>

serveWithSinks(
  { config: 'library.config.ts', sinks: { HOOK: 'hook', KLIME: 'klime', ABSMARTLY: 'absmartly' } },
  (served) => {
    ;({ server, sinks } = served)
  },
)

const orders = ['ada', 'grace', 'mary'].map((userId, i) => ({
  type: 'track',
  event: 'Order Completed',
  messageId: `order-${i + 1}`,
  userId,
  properties: { order_id: `${i + 1}`, total: 18.42 },
}))

const bodiesOf = (sink: Sink): unknown[] => sink.received.map(({ body }) => JSON.parse(body) as unknown)

test('destinations of the library run in workerd: presets and mappings, batches, signatures, and a retry of what failed', async () => {
  // The first batch is not taken: all of it comes again.
  let refused = 0
  sinks.klime.answer = () => (refused++ === 0 ? { status: 503 } : { status: 200 })
  const { status } = await server.post('/v1/batch', { batch: orders })
  expect(status).toBe(200)

  const ids = (sink: Sink) => JSON.stringify(bodiesOf(sink))
  await until('the orders at the webhook', () =>
    orders.every(({ properties }) => ids(sinks.hook).includes(`"order_id":"${properties.order_id}"`)),
  )
  const taken = () => sinks.klime.received.filter(({ status: answer }) => answer === 200).map(({ body }) => body)
  await until('the retry', () => orders.every(({ messageId }) => taken().some((body) => body.includes(messageId))))
  await until('the goals', () => sinks.absmartly.received.length >= orders.length)

  // Its batches are signed with HMAC-SHA1, by the library's code.
  for (const { headers, body } of sinks.hook.received) {
    expect(Array.isArray(JSON.parse(body))).toBe(true)
    expect(headers['x-signature']).toMatch(/^[0-9a-f]{40}$/)
    expect(headers['user-agent']).toBe('Sluiceway')
  }
  expect(sinks.klime.received[0]?.headers['authorization']).toBe('Bearer klime-1842')
  for (const { messageId } of orders) expect(taken().filter((body) => body.includes(messageId))).toHaveLength(1)
  expect(sinks.absmartly.received[0]?.headers['x-api-key']).toBe('absmartly-1842')

  const isDone = async () => {
    const lanes = await Promise.all(['hook', 'klime', 'absmartly'].map(async (name) => server.lane(name)))
    return lanes.every(({ counters }) => counters['done'] === orders.length)
  }
  await until('all outcomes', isDone)
})
