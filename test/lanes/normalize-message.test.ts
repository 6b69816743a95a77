import { expect, test } from 'vitest'
import { normalizeMessage } from '../../src/lanes/normalize-message.ts'

test.each([
  ['order 1843 is unknown', 'order <n> is unknown'],
  ['no contact ada@example.com', 'no contact <email>'],
  ['id 6ba7b810-9dad-11d1-80b4-00c04fd430c8 was merged', 'id <uuid> was merged'],
  ['not before 2026-11-22T10:00:00.500Z', 'not before <time>'],
  [
    'https://api.example.com/users?email=ada%40example.com&n=1 said no',
    'https://api.example.com/users?<query> said no',
  ],
  ['HTTP 400: total must be at most 1,000.50', 'HTTP 400: total must be at most <n>'],
  ['HTTP 404: customer cus_9aB3xYz was deleted', 'HTTP 404: customer <id> was deleted'],
  ['total must be a number', 'total must be a number'],
])('a message loses what differs from event to event: %s', (message, expected) => {
  expect(normalizeMessage(message)).toBe(expected)
})

test('the ids of the event itself are taken out of a message, whatever they look like', () => {
  expect(normalizeMessage('ada lovelace may not buy', ['ada lovelace', 'a'])).toBe('<id> may not buy')
})

test('a message is normalized in time, however long it is', () => {
  const started = performance.now()
  expect(normalizeMessage('a1'.repeat(500_000)).length).toBeLessThanOrEqual(300)
  expect(performance.now() - started).toBeLessThan(1_000)
})
