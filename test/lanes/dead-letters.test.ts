import { beforeEach, expect, test } from 'vitest'
import type { NewDeadLetter } from '../../src/core/dead-letter.ts'
import { DeadLetters } from '../../src/lanes/dead-letters.ts'
import { Sqlite } from '../support/sqlite.ts'

const newLetter = (messageId: string, change: Partial<NewDeadLetter> = {}): NewDeadLetter => ({
  stage: 'delivery',
  messageId,
  source: 'shop',
  key: 'ada',
  reason: 'HTTP 400',
  code: 'http_400',
  receivedAt: '2026-11-25T12:00:00.000Z',
  event: `{"messageId":"${messageId}"}`,
  attempts: [{ at: 1, status: 400, ms: 5, reason: 'HTTP 400' }],
  ...change,
})
let sqlite: Sqlite
let letters: DeadLetters
const open = () => new DeadLetters(sqlite.open(), { target: 'webhook', partition: 3 })
beforeEach(() => {
  sqlite = new Sqlite()
  letters = open()
})
const numbers = (query: Parameters<DeadLetters['list']>[0]) =>
  letters.list(query).map(({ id }) => Number(id.split(':')[2]))

test('a dead letter tells everything, and is found after a restart', () => {
  letters.add(newLetter('ada 1', { detail: 'total must be text' }), 1000, 7)
  letters = open()
  expect(letters.get(1)).toEqual({
    id: 'webhook:3:1',
    target: 'webhook',
    stage: 'delivery',
    messageId: 'ada 1',
    source: 'shop',
    key: 'ada',
    reason: 'HTTP 400',
    code: 'http_400',
    detail: 'total must be text',
    receivedAt: '2026-11-25T12:00:00.000Z',
    at: 1000,
    event: { messageId: 'ada 1' },
    attempts: [{ at: 1, status: 400, ms: 5, reason: 'HTTP 400' }],
    edited: false,
    cause: expect.stringMatching(/^[\da-f]{16}$/),
  })
  expect([letters.offsetOf(1), letters.count]).toEqual([7, 1])
  expect(letters.get(2)).toBe(null)
})

test('the list of dead letters of a lane is newest first, in pages, by stage and by messageId', () => {
  for (let n = 1; n <= 5; n++) letters.add(newLetter(`ada ${n}`, { stage: n === 2 ? 'transform' : 'delivery' }), n)
  expect(numbers({ limit: 2 })).toEqual([5, 4])
  expect(numbers({ limit: 2, before: 4 })).toEqual([3, 2])
  expect(numbers({ limit: 9, stage: 'transform' })).toEqual([2])
  expect(numbers({ limit: 9, messageId: 'ada 3' })).toEqual([3])
})

test('the number of a dead letter is never used twice, also when the newest is gone', () => {
  letters.add(newLetter('ada 1'), 1)
  letters.add(newLetter('ada 2'), 2)
  expect([letters.remove(2), letters.remove(2), letters.remove(1)]).toEqual([true, false, true])
  letters = open()
  letters.add(newLetter('ada 3'), 3)
  expect(numbers({ limit: 9 })).toEqual([3])
})

test('an edited dead letter keeps all but its event', () => {
  letters.add(newLetter('ada 1'), 1, 7)
  expect(letters.edit(1, '{"edited":true}')).toMatchObject({
    edited: true,
    event: { edited: true },
    messageId: 'ada 1',
  })
  expect(letters.getStored(1)).toMatchObject({ event: '{"edited":true}', key: 'ada', source: 'shop' })
  expect([letters.edit(9, '{}'), letters.getStored(9)]).toEqual([null, null])
})

test('an edit that was made of another event than there is by now changes nothing', () => {
  letters.add(newLetter('ada 1'), 1, 7)
  const before = letters.getStored(1)?.event
  expect(letters.edit(1, '{"by":"ada"}', before)).toMatchObject({ event: { by: 'ada' } })
  expect(letters.edit(1, '{"by":"grace"}', before)).toBe('changed')
  expect(letters.get(1)?.event).toEqual({ by: 'ada' })
})

test('dead letters older than asked for expire', () => {
  for (let n = 1; n <= 3; n++) letters.add(newLetter(`ada ${n}`), n * 100)
  expect([letters.expire(300), numbers({ limit: 9 })]).toEqual([2, [3]])
})

test('the places of dead letters in the stream are known from a cursor on', () => {
  letters.add(newLetter('ada 1'), 1, 5)
  letters.add(newLetter('ada 2'), 1, 9)
  letters.add(newLetter('never in the stream'), 1)
  expect([...letters.offsetsFrom(6)]).toEqual([9])
})

test('a dead letter keeps an event that is no JSON as it is, and cuts a long detail and a long reason', () => {
  letters.add(
    newLetter('?', { stage: 'ingest', event: '{"type":', detail: 'x'.repeat(20_000), reason: 'y'.repeat(3_000_000) }),
    1,
  )
  expect(letters.get(1)?.event).toBe('{"type":')
  expect(letters.get(1)?.detail).toHaveLength(10_000)
  expect(letters.get(1)?.reason).toHaveLength(10_000)
})

test('a dead letter of a load that is repeated is there once, also after a restart, until it is removed', () => {
  const [ada, grace] = [newLetter('ada 1', { stage: 'load' }), newLetter('grace 1', { stage: 'load' })]
  const now = Date.now()
  const add = (...given: NewDeadLetter[]) => {
    const fresh = letters.ofLoad(given, now)
    for (const letter of fresh) letters.add(letter, now)
    return fresh.map(({ messageId }) => messageId)
  }
  expect(add(ada, ada)).toEqual(['ada 1'])
  letters = open()
  expect(add(ada, grace)).toEqual(['grace 1'])
  letters.remove(1)
  expect(add(ada, grace)).toEqual(['ada 1'])
  expect(letters.ofLoad([ada], now + 7_200_000)).toEqual([ada])
})
