import { expect, test } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import { eventsOf, SimulatedLane } from '../support/simulated-lane.ts'

const total = (event: Event) => event.properties?.['total'] as number

test('the filter and the transforms of a destination skip, multiply and refuse events, each counted', async () => {
  const lane = new SimulatedLane({
    limits: { parallel: 6 },
    route: {
      filter: (event) => event.anonymousId !== 'robot',
      transforms: [
        {
          name: 'by total',
          transformEvent: (event) => {
            if (total(event) === 0) return null
            if (total(event) === 2) return [event, { ...event, messageId: `${event.messageId}, again` }]
            if (total(event) === 3) throw new Error('no price for three')
            return event
          },
        },
      ],
    },
  })
  lane.append([
    { id: 'robot 1', key: 'robot' },
    { id: 'ada 0', key: 'ada', properties: { total: 0 } },
    { id: 'grace 2', key: 'grace', properties: { total: 2 } },
    { id: 'alan 3', key: 'alan', properties: { total: 3 } },
    { id: 'joan 1', key: 'joan', properties: { total: 1 } },
  ])
  await lane.feed()
  await lane.carrying('grace 2').answer(200)
  await lane.carrying('grace 2, again').answer(200)
  await lane.carrying('joan 1').answer(200)
  expect(lane.store.counters).toEqual({
    'skip: filtered': 1,
    'skip: dropped by by total': 1,
    done: 2,
    dead: 1,
  })
  expect(lane.letters.list({ limit: 100 })).toMatchObject([
    { messageId: 'alan 3', stage: 'transform', code: 'transform_failed', reason: 'no price for three' },
  ])
  expect(lane.sender.committed).toBe(5)
  expect(lane.store.attemptsOf(0)).toMatchObject([{ status: 0, reason: 'skip: filtered' }])
})

test('a filter that throws makes a dead letter of that event and harms no other', async () => {
  const lane = new SimulatedLane({
    route: {
      filter: (event) => {
        if (event.anonymousId === 'ada') throw new Error('no such field')
        return true
      },
    },
  })
  lane.append([...eventsOf('ada', 1), ...eventsOf('grace', 1)])
  await lane.feed()
  expect(lane.letters.list({ limit: 100 })).toMatchObject([
    { messageId: 'ada 1', code: 'filter_failed', reason: 'the filter threw: no such field' },
  ])
  expect(lane.pendingIds).toEqual(['grace 1'])
})

test('an event that cannot be encoded, or made a request of, is a dead letter and says nothing of the destination', async () => {
  const lane = new SimulatedLane({
    limits: { events: 4 },
    use: {
      encode: ({ id, text }) => {
        if (id === 'ada 1') throw new Error('no email')
        return id === 'grace 1' ? null : { id, text }
      },
      request: (items) => {
        if (items.some(({ id }) => id === 'alan 1')) throw new Error('no URL for this one')
        return {
          method: 'POST',
          url: 'http://sink.test/',
          headers: {},
          body: JSON.stringify({ ids: items.map(({ id }) => id) }),
        }
      },
    },
  })
  lane.append([...eventsOf('ada', 1), ...eventsOf('grace', 1), ...eventsOf('alan', 1), ...eventsOf('joan', 1)])
  await lane.feed()
  await lane.carrying('joan 1').answer(200)
  expect(
    lane.letters
      .list({ limit: 100 })
      .map(({ messageId, code }) => [messageId, code])
      .toSorted(),
  ).toEqual([
    ['ada 1', 'encode_failed'],
    ['alan 1', 'request_failed'],
  ])
  expect(lane.store.counters).toEqual({ done: 1, dead: 2, 'skip: not for this destination': 1 })
})

test('events that are routed elsewhere are passed over', async () => {
  const lane = new SimulatedLane()
  lane.append([{ id: 'ada 1', key: 'ada', to: ['tables'] }, ...eventsOf('ada', 2)])
  await lane.feed()
  expect(lane.pendingIds).toEqual(['ada 2'])
  await lane.carrying('ada 2').answer(200)
  expect(lane.sender.committed).toBe(2)
  expect(lane.store.counters).toEqual({ done: 1 })
})
