import { expect, test } from 'vitest'
import { fakeAdmin } from './fake-admin.ts'
import { twoPartitions } from './sample-log.ts'

const code = 'export const transformEvent = (event) => event'

test('a stream that keeps nothing to read again is 409, and says so', async () => {
  const { status, body } = await fakeAdmin({ stream: 'queues' }).post('/transformations/euros/diff', { code })
  expect([status, body]).toEqual([
    409,
    {
      success: false,
      code: 'conflict',
      message: 'The stream is queues: it cannot be read again by offset, so there are no kept events to compare over.',
    },
  ])
})

test.each([
  [{ code, source: 'shpo' }, 404, 'No source is called "shpo"; there are app, shop.'],
  [{ code, place: 'crm' }, 404, 'No place with euros is called "crm"; there is none.'],
  [{ code, cursor: '12' }, 400, 'cursor: must be that of the answer before'],
  [{ code, from: '7d' }, 400, 'from: must be a time, such as 2026-11-21T10:00:00Z'],
  [{ code: ' ' }, 400, 'Invalid Request. Missing parameters in transformation code block'],
])('%j is refused with %i and what is wrong', async (sent, expected, message) => {
  const { status, body } = await fakeAdmin(twoPartitions).post('/transformations/euros/diff', sent)
  expect([status, body.message]).toEqual([expected, message])
})
