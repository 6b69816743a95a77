import { beforeEach, expect, test } from 'vitest'
import type { NewDeadLetter } from '../../src/core/dead-letter.ts'
import { DeadLetters } from '../../src/lanes/dead-letters.ts'
import { Sqlite } from '../support/sqlite.ts'

const refused = (n: number, body: string, change: Partial<NewDeadLetter> = {}): NewDeadLetter => ({
  stage: 'delivery',
  messageId: `order-${n}`,
  source: 'shop',
  key: `user-${n % 7}`,
  reason: 'HTTP 400',
  code: 'http_400',
  detail: body,
  receivedAt: '2026-11-25T12:00:00.000Z',
  event: JSON.stringify({
    type: 'track',
    event: n % 2 === 0 ? 'Order Completed' : 'Cart Viewed',
    messageId: `order-${n}`,
    userId: `user-${n % 7}`,
  }),
  attempts: [{ at: n, status: 400, ms: 5, reason: 'HTTP 400' }],
  ...change,
})
/** What three things that are wrong look like at a vendor. */
const bodies = [
  (n: number) => `{"error":"total must be a number","request":"${crypto.randomUUID()}","at":${n}}`,
  (n: number) => `{"error":"user user-${n % 7} is unknown"}`,
  (n: number) => `the order ${n} is older than 2026-11-${10 + (n % 10)}`,
]
let sqlite: Sqlite
let letters: DeadLetters
const open = () => new DeadLetters(sqlite.open(), { target: 'webhook', partition: 3 })
const settled = () => new Promise<void>((resolve) => setImmediate(resolve))
beforeEach(() => {
  sqlite = new Sqlite()
  letters = open()
})
const counts = () => letters.causes().map(({ message, count }) => [message, count])
const causeRows = () => sqlite.exec("SELECT name FROM meta WHERE name GLOB 'cause_*'").toArray().length

test('4,000 letters read as the three causes that they have, with count, first and last time and a sample', async () => {
  for (let n = 1; n <= 4_000; n++)
    letters.add(refused(n, (bodies[n % 8 === 0 ? 1 : n % 8 === 1 ? 2 : 0] as (n: number) => string)(n)), n)
  const expected = [
    ['HTTP 400: {"error":"total must be a number","request":"<uuid>","at":<n>}', 3_000],
    ['HTTP 400: {"error":"user <id> is unknown"}', 500],
    ['HTTP 400: the order <n> is older than <time>', 500],
  ]
  expect(counts()).toEqual(expect.arrayContaining(expected))
  expect(counts()).toHaveLength(3)
  expect(letters.causes()[0]).toMatchObject({
    stage: 'delivery',
    code: 'http_400',
    first: 2,
    last: 3_999,
    sample: 'webhook:3:3999',
  })
  await settled()
  expect(causeRows()).toBe(3)
  letters = open()
  expect(counts()).toEqual(expect.arrayContaining(expected))
})

test('the letters of a cause are listed by it, and the counts follow those that go', async () => {
  for (let n = 1; n <= 9; n++) letters.add(refused(n, (bodies[n % 3] as (n: number) => string)(n)), n)
  const unknown = letters.causes().find(({ message }) => message.includes('is unknown'))
  expect(unknown).toMatchObject({ count: 3, sample: 'webhook:3:7' })
  const { cause = '' } = unknown ?? {}
  expect(letters.list({ limit: 9, cause }).map(({ messageId }) => messageId)).toEqual(['order-7', 'order-4', 'order-1'])
  expect(letters.numbers({ cause }, { after: 1, last: 7, limit: 9 })).toEqual({ numbers: [4, 7], next: 7 })
  letters.remove(7)
  expect(letters.causes().find((one) => one.cause === cause)).toMatchObject({ count: 2, sample: 'webhook:3:4' })
  letters.remove(4)
  letters.remove(1)
  expect(letters.causes().map((one) => one.cause)).not.toContain(cause)
  await settled()
  expect(causeRows()).toBe(2)
})

test('letters are found by event name, user and time', () => {
  for (let n = 1; n <= 14; n++) letters.add(refused(n, 'no'), n * 100)
  letters.add(refused(15, 'no', { event: 'this is no JSON' }), 1_500)
  const found = (filter: object) => letters.list({ limit: 99, ...filter }).map(({ messageId }) => messageId)
  expect(found({ event: 'Cart Viewed' })).toHaveLength(7)
  expect(found({ user: 'user-3' })).toEqual(['order-10', 'order-3'])
  expect(found({ user: 'user-3', event: 'Cart Viewed' })).toEqual(['order-3'])
  expect(found({ from: 1_300, to: 1_500 })).toEqual(['order-14', 'order-13'])
})

test('what a vendor calls by ever new names ends as one cause, so that causes never grow without bound', async () => {
  const word = (n: number) => String.fromCharCode(...`${n}`.split('').map((digit) => 97 + Number(digit)))
  for (let n = 1; n <= 500; n++) letters.add(refused(n, `field ${word(n)} is wrong`), n)
  expect(letters.causes()).toHaveLength(201)
  expect(letters.causes()[0]).toMatchObject({ cause: 'other', count: 300, stage: 'other' })
  expect(letters.list({ limit: 999, cause: 'other' })).toHaveLength(300)
  await settled()
  expect(causeRows()).toBe(201)
})

test('letters of a version that did not count are counted once they are asked for', async () => {
  for (let n = 1; n <= 6; n++) letters.add(refused(n, (bodies[n % 2] as (n: number) => string)(n)), n)
  await settled()
  sqlite.exec("DELETE FROM meta WHERE name GLOB 'cause_*'")
  sqlite.exec('UPDATE dead SET cause = NULL')
  letters = open()
  expect(letters.causes().map(({ count }) => count)).toEqual([3, 3])
  const [{ cause } = { cause: '' }] = letters.causes()
  expect(letters.list({ limit: 9, cause })).toHaveLength(3)
  letters.remove(6)
  expect(letters.causes().map(({ count }) => count)).toEqual([3, 2])
})
