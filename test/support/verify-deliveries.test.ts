import { expect, test } from 'vitest'
import { verifyDeliveries } from './verify-deliveries.ts'

const accepted = (...ids: string[]) => new Map(ids.map((id) => [id, 1_000]))
const taken = (at: number, ...ids: string[]) => ({ at, ids, status: 200 })

test('an event that was neither taken nor is a dead letter is lost, also when it arrived and was refused', () => {
  const acceptedAt = accepted('user-1-1', 'user-2-1', 'user-3-1', 'user-4-1')
  const requests = [taken(1_100, 'user-1-1'), { at: 1_100, ids: ['user-2-1', 'user-3-1'], status: 400 }]
  const verified = verifyDeliveries({ acceptedAt, killedAt: [] }, { requests, dead: ['user-3-1'] })
  expect(verified.lost).toEqual(['user-2-1', 'user-4-1'])
  expect(verified.dead).toEqual(['user-3-1'])
  expect([...verified.delayMs]).toEqual([['user-1-1', 100]])
})

test('an event that was taken twice was repeated for nothing, unless a process was killed between', () => {
  const acceptedAt = accepted('user-1-1', 'user-2-1')
  const requests = [taken(1_100, 'user-1-1', 'user-2-1'), taken(1_200, 'user-2-1'), taken(3_000, 'user-1-1')]
  const verified = verifyDeliveries({ acceptedAt, killedAt: [2_000] }, { requests, dead: [] })
  expect(verified.repeated).toEqual(['user-2-1', 'user-1-1'])
  expect(verified.repeatedForNothing).toEqual(['user-2-1'])
})

test('a key is out of order by what arrived first, and by what was taken first', () => {
  const ids = ['user-1-1', 'user-1-2', 'user-2-1', 'user-2-2', 'user-2-10']
  const requests = [
    { at: 1, ids: ['user-1-1'], status: 503 },
    taken(2, 'user-1-2'),
    taken(3, 'user-1-1'),
    taken(4, 'user-2-2'),
    taken(5, 'user-2-1'),
    taken(6, 'user-2-10'),
    taken(7, 'user-2-2'),
  ]
  const verified = verifyDeliveries({ acceptedAt: accepted(...ids), killedAt: [] }, { requests, dead: [] })
  expect(verified.disorderedArrivals).toEqual(['user-2'])
  expect(verified.disorderedTaken).toEqual(['user-1', 'user-2'])
})
