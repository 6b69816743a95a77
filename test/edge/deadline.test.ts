import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { DeadLetter } from '../../src/core/dead-letter.ts'
import { plainOrder } from '../support/sample-events.ts'
import { Sink } from '../support/sink.ts'
import { until } from '../support/until.ts'
import { EdgeHarness } from './edge-harness.ts'

// Code of users that never comes to an end, in the real runtime. `limits.userCodeMs` is 400 there.

let sink: Sink
let harness: EdgeHarness
beforeAll(async () => {
  sink = await Sink.open()
  harness = await EdgeHarness.start(sink.url)
})
beforeEach(() => {
  sink.received.length = 0
})
afterAll(async () => {
  await harness.stop()
  await sink.close()
})

const order = (messageId: string, userId = 'ada') => plainOrder(messageId, { userId })
const hang = (messageId: string, userId = 'ada') => plainOrder(messageId, { userId, event: 'Hang' })
const letters = async (target: string, count: number) => {
  const found = await until(
    `${count} dead letters of ${target}`,
    async () => (await harness.admin(`/dead-letters?target=${target}`)).body['deadLetters'] as DeadLetter[],
    { enough: (all) => all.length >= count, seconds: 15 },
  )
  return found.map(({ messageId, code, stage, reason }) => ({ messageId, code, stage, reason }))
}
const arrived = (count: number) =>
  until(`${count} events arrived`, () => sink.arrivals, { enough: (ids) => ids.length >= count, seconds: 15 })
const late = (what: string) => `${what} did not settle within 400 ms (limits.userCodeMs)`

test('an event that never leaves the transform is a dead letter, and the nine events of its request are stored and delivered', async () => {
  const ids = Array.from({ length: 10 }, (_, i) => `order-${i}`)
  const answer = await harness.send(
    ids.map((id, i) => (i === 4 ? hang(id) : order(id))),
    'keyOfTheHanging',
  )
  expect(answer).toMatchObject({
    status: 200,
    body: { accepted: 9, rejected: [{ index: 4, code: 'transform_failed', reason: late('transformEvent') }] },
  })
  await arrived(9)
  expect(sink.arrivals).toEqual(ids.filter((id) => id !== 'order-4'))
  expect(await letters('@edge', 1)).toMatchObject([
    { messageId: 'order-4', code: 'transform_failed', reason: late('transformEvent') },
  ])
})

test('all events of a batch whose transformBatch never settles are dead letters, and the answer is 200', async () => {
  const answer = await harness.send([order('batch-1'), hang('batch-2'), order('batch-3')], 'keyOfTheBatched')
  expect([answer.status, (answer.body['rejected'] as unknown[]).length]).toEqual([200, 3])
  const found = await letters('@edge', 4)
  expect(found.filter(({ messageId }) => messageId.startsWith('batch'))).toEqual(
    ['batch-3', 'batch-2', 'batch-1'].map((messageId) => ({
      messageId,
      code: 'transform_failed',
      stage: 'transform',
      reason: late('transformBatch'),
    })),
  )
})

test('six users whose events never leave the transform of a destination do not stop its lane', async () => {
  const users = Array.from({ length: 6 }, (_, i) => `user-${i}`)
  await harness.send(
    users.flatMap((user) => [hang(`${user}-hang`, user), order(`${user}-order`, user)]),
    'keyOfThePatient',
  )
  await harness.send([order('of-grace', 'grace')], 'keyOfThePatient')
  await arrived(7)
  expect(sink.arrivals.toSorted()).toEqual(['of-grace', ...users.map((user) => `${user}-order`)])
  const found = await letters('slow', 6)
  expect(found.map(({ messageId }) => messageId).toSorted()).toEqual(users.map((user) => `${user}-hang`))
  expect(new Set(found.map(({ reason }) => reason))).toEqual(new Set([late('transformEvent')]))
})

test.each(['map', 'verify'])(
  'a webhook call whose %s never settles is answered and kept as a dead letter',
  async (part) => {
    const before = (await letters('@edge', 0)).length
    const answer = await harness.hook(`hang=${part}`, { event: 'Paid' })
    expect(answer.status).toBe(400)
    expect(answer.text).toContain(late(part))
    const [letter] = await letters('@edge', before + 1)
    expect(letter).toMatchObject({ code: 'source_failed', stage: 'ingest' })
    expect(letter?.reason).toBe(late(part) + (part === 'verify' ? ': this call is not verified' : ''))
    expect((await harness.hook('', { event: 'Paid', messageId: `paid-after-${part}` })).status).toBe(200)
    await arrived(1)
  },
)
