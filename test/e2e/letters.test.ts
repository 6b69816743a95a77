// What a person does with dead letters, on the real bundle.
import { expect, test } from 'vitest'
import type { Cause, DeadLetter } from '../../src/core/dead-letter.ts'
import type { Server } from '../support/server.ts'
import { serveWithSinks } from '../support/serve-with-sinks.ts'
import type { Sink } from '../support/sink.ts'
import { until } from '../support/until.ts'

let server: Server
let sinks: Readonly<Record<'shop' | 'fresh', Sink>>

serveWithSinks({ config: 'letters.config.ts', sinks: { SHOP: 'shop', FRESH: 'fresh' } }, (served) => {
  ;({ server, sinks } = served)
})

/** Orders of 20 people, some of which the shop refuses for one of three reasons. */
const order = (n: number, total: unknown = 42) => ({
  type: 'track',
  event: n % 2 === 0 ? 'Order Completed' : 'Order Refunded',
  messageId: `order-${n}`,
  userId: `user-${n % 20}`,
  anonymousId: `anon-${n % 20}`,
  properties: { order_id: `${n}`, total },
})
const send = async (orders: readonly object[]) => {
  for (let i = 0; i < orders.length; i += 500) {
    const answer = await server.post('/v1/batch', { batch: orders.slice(i, i + 500) })
    expect(answer.status).toBe(200)
  }
}
const reasonsOf = (n: number, total: unknown): string | undefined => {
  if (total === 'much') return `{"error":"total must be a number","request":"${crypto.randomUUID()}"}`
  if (total === 0) return `{"error":"order ${n} has no total"}`
  return total === -1 ? `{"error":"user-${n % 20} may not refund"}` : undefined
}
/** Refuses what has something wrong in it. */
const refuse = () => {
  sinks.shop.answer = ([event]) => {
    const { order_id, total } = event?.properties ?? {}
    const body = reasonsOf(Number(order_id), total)
    return body === undefined ? undefined : { status: 400, body }
  }
}
const letters = (query = '') => server.admin<{ deadLetters: DeadLetter[] }>(`/dead-letters?limit=1000${query}`)
const causes = async () => (await server.admin<{ causes: Cause[] }>('/dead-letters/causes')).causes

test('letters read as their causes, are found by what they are about, and hold the request and the answer without secrets', async () => {
  refuse()
  await send(Array.from({ length: 60 }, (_, i) => order(i + 1, [42, 'much', 0, -1][i % 4])))
  await until('all are decided', async () => (await causes()).reduce((sum, { count }) => sum + count, 0) === 45)
  expect((await causes()).map(({ message, count }) => [message, count])).toEqual(
    expect.arrayContaining([
      ['HTTP 400: {"error":"total must be a number","request":"<uuid>"}', 15],
      ['HTTP 400: {"error":"order <n> has no total"}', 15],
      ['HTTP 400: {"error":"<id> may not refund"}', 15],
    ]),
  )
  const { cause = '', sample = '' } = (await causes()).find(({ message }) => message.includes('number')) ?? {}
  const { deadLetters } = await letters(`&cause=${cause}`)
  expect(deadLetters).toHaveLength(15)
  expect(deadLetters.map(({ id }) => id)).toContain(sample)
  expect(
    (await letters('&event=Order%20Refunded&user=user-3')).deadLetters.map(({ messageId }) => messageId).toSorted(),
  ).toEqual(['order-3', 'order-23', 'order-43'].toSorted())
  expect((await letters('&to=2020-01-01T00:00:00Z')).deadLetters).toEqual([])

  const [letter] = deadLetters
  expect(letter).toMatchObject({
    request: {
      method: 'POST',
      headers: { 'webhook-signature': '***', 'x-account': '***', 'webhook-id': letter?.messageId },
    },
    response: { status: 400, body: expect.stringContaining('total must be a number') },
    attempts: [{ status: 400 }],
  })
  expect(letter?.request?.url).toMatch(/\?api_key=\*\*\*$/)
  expect(JSON.parse(letter?.request?.body ?? '')).toMatchObject({ properties: { total: 'much', currency: 'EUR' } })
  expect(JSON.stringify(letter)).not.toMatch(/key-of-the-shop|account-of-the-shop/)

  const { deadLetter } = await server.admin<{ deadLetter: DeadLetter }>(`/dead-letters/${letter?.id}`, {
    method: 'PATCH',
    body: JSON.stringify([{ op: 'replace', path: '/properties/total', value: 43 }]),
  })
  expect(deadLetter).toMatchObject({
    edited: true,
    event: { properties: { total: 43 } },
    original: { properties: { total: 'much' } },
  })
})
