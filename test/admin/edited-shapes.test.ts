import { describe, expect, test } from 'vitest'
import { receivedAt } from '../support/sample-events.ts'
import { fakeAdmin } from './fake-admin.ts'

const event = { type: 'track', messageId: 'order-1', userId: 'ada', event: 'Order Completed', receivedAt }
const letters = { 'webhook:0': [{ messageId: 'order-1', event }], '@edge:0': [{ messageId: 'order-1', event }] }
const put = (letter: string, edited: string) =>
  fakeAdmin({ letters }).call(`/dead-letters/${letter}`, { method: 'PUT', body: `{"event":${edited}}` })
/** A list in a list, so many times. */
const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`
const eventOf = (more: string) => `{"type":"track","event":"Order Completed"${more}}`

describe('what the edge would refuse, no letter of a lane can be edited to', () => {
  test.each([
    ['without any id', eventOf(''), 'event: request neither has anonymousId nor userId'],
    ['with blank ids', eventOf(',"userId":"","anonymousId":null'), 'event: request neither has anonymousId nor userId'],
    [
      'that is nested deeper than 100 levels',
      eventOf(`,"userId":"ada","properties":{"list":${nested(120)}}`),
      'event: is nested deeper than 100 levels',
    ],
    [
      'that is nested deeper than can be written',
      eventOf(`,"userId":"ada","properties":{"list":${nested(16_000)}}`),
      'event: is nested deeper than 1000 levels',
    ],
  ])('an event %s is refused', async (_, edited, message) => {
    expect(await put('webhook:0:1', edited)).toMatchObject({ status: 400, body: { code: 'bad_request', message } })
  })
})

test('a letter of the edge that is edited to what cannot be written is refused', async () => {
  expect(await put('@edge:0:1', eventOf(`,"list":${nested(16_000)}`))).toMatchObject({
    status: 400,
    body: { code: 'bad_request' },
  })
})

test('an edit brings no key into a letter of a lane by which a merge reaches what all objects share', async () => {
  const { status, text } = await put(
    'webhook:0:1',
    eventOf(',"userId":"ada","properties":{"total":42,"__proto__":{"a":1},"constructor":{"prototype":{"a":1}}}'),
  )
  expect(status).toBe(200)
  expect(text).toContain('"properties":{"total":42,"constructor":{}}')
})
