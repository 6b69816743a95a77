import { describe, expect, test } from 'vitest'
import type { Transform } from '../../src/core/transform.ts'
import { fakeEdge } from '../support/fake-edge.ts'
import { orderCompleted } from '../support/sample-events.ts'
import { call } from '../support/call.ts'

describe('an empty list where an object belongs, as PHP writes an empty array, is an empty object', () => {
  test.each(['properties', 'traits', 'context'])(
    'an empty list where an object belongs, as PHP writes an empty array, is an empty object as %s',
    async (field) => {
      const edge = fakeEdge()
      const answer = await call(edge, '/v1/track', { body: orderCompleted({ [field]: [] }) })
      expect([answer.status, answer.json()]).toEqual([200, { success: true, accepted: 1 }])
      expect(edge.events()[0]?.[field]).toSatisfy((value) => !Array.isArray(value) && typeof value === 'object')
      expect(edge.deadLetters).toEqual([])
    },
  )

  test.each(['traits', 'page', 'library', 'device', 'os', 'app', 'campaign', 'geo'])(
    'an empty list where an object belongs, as PHP writes an empty array, is an empty object as context.%s',
    async (field) => {
      const edge = fakeEdge({ source: { enrich: { userAgent: true, campaign: true } } })
      const body = orderCompleted({ context: { [field]: [] } })
      expect((await call(edge, '/v1/track', { body })).status).toBe(200)
      expect(JSON.stringify(edge.events()[0]?.['context'])).not.toContain('[]')
      expect(edge.events()[0]?.['context']).toMatchObject({ [field]: {} })
    },
  )

  test('as integrations, which switches nothing off', async () => {
    const edge = fakeEdge()
    await call(edge, '/v1/track', { body: orderCompleted({ integrations: [] }) })
    await call(edge, '/v1/track', { body: orderCompleted({ integrations: { All: false, CRM: [] } }) })
    expect(edge.envelopes().map(({ header }) => header.to)).toEqual([['webhook', 'crm'], ['crm']])
    expect(edge.events()[0]?.['integrations']).toEqual({})
  })

  test('an empty list where an object belongs, as PHP writes an empty array, is an empty object after a transform, too', async () => {
    const php: Transform = {
      transformEvent: (event) => ({ ...event, properties: [], context: [], integrations: [] }) as never,
    }
    const edge = fakeEdge({ source: { transforms: [php] } })
    const answer = await call(edge, '/v1/track', { body: orderCompleted() })
    expect(answer.json()).toEqual({ success: true, accepted: 1 })
    expect(edge.events()).toMatchObject([{ properties: {}, context: {}, integrations: {} }])
    expect(edge.envelopes()[0]?.header.to).toEqual(['webhook', 'crm'])
  })

  test('an empty list where an object belongs, as PHP writes an empty array, is an empty object; one that holds something is still none', async () => {
    const answer = await call(fakeEdge(), '/v1/track', { body: orderCompleted({ properties: [1] }) })
    expect([answer.status, answer.json()]).toMatchObject([400, { message: 'properties must be an object' }])
  })
})

test.each([
  ['Track', 'track'],
  ['IDENTIFY', 'identify'],
  [' page ', 'page'],
  ['Order', 'Order'],
])('the type %j is stored as %j', async (type, stored) => {
  const edge = fakeEdge()
  await call(edge, '/v1/batch', { body: { batch: [orderCompleted({ type })] } })
  expect(edge.events().map((event) => event['type'])).toEqual([stored])
})
