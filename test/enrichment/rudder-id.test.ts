import { expect, test } from 'vitest'
import { rudderIdOf } from '../../src/enrichment/rudder-id.ts'
import { call } from '../support/call.ts'
import { fakeEdge } from '../support/fake-edge.ts'
import { orderCompleted } from '../support/sample-events.ts'

test("a rudderId is RudderStack's own for the same ids", () => {
  expect(rudderIdOf({ userId: 'identified_user_id', anonymousId: 'anonymousId_1' })).toBe(
    'e4cab80e-2f0e-4fa2-87e0-3a4af182634c',
  )
})

test('a rudderId is the same for the same identity, and there is one for half of it', () => {
  const ids = [{ userId: 'ada' }, { anonymousId: 'ada' }, { userId: 'ada', anonymousId: 'ada' }].map(rudderIdOf)
  expect(new Set(ids).size).toBe(3)
  expect(rudderIdOf({ userId: 'ada' })).toBe(ids[0])
})

test('a rudderId is in events only where the source wants it, whatever the client says', async () => {
  for (const rudderId of [true, false]) {
    const edge = fakeEdge({ source: { enrich: { rudderId } } })
    await call(edge, '/v1/track', { body: orderCompleted({ rudderId: 'of the client' }) })
    const expected = rudderId ? rudderIdOf({ userId: 'ada', anonymousId: 'anon-ada' }) : 'of the client'
    expect(edge.events()[0]?.['rudderId']).toBe(expected)
  }
})

test('a rudderId tells nothing of an id that a privacy rule has hashed', async () => {
  const edge = fakeEdge({ source: { enrich: { rudderId: true }, privacy: { hash: ['userId'] } } })
  await call(edge, '/v1/track', { body: orderCompleted() })
  const [event = {}] = edge.events()
  expect(event['userId']).toMatch(/^[0-9a-f]{64}$/)
  expect(event['rudderId']).toBe(rudderIdOf({ userId: String(event['userId']), anonymousId: 'anon-ada' }))
})
