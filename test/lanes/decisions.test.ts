import { expect, test } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import type { Item } from '../../src/core/destination.ts'
import type { Envelope, Header } from '../../src/core/envelope.ts'
import type { Transform } from '../../src/core/transform.ts'
import { replayBase } from '../../src/lanes/lane-store.ts'
import { eventsOf, SimulatedLane } from '../support/simulated-lane.ts'

type Change = (event: Event) => Event | Event[] | null

/** A lane behind a transform that a test can change; a request shows the id and the coupon of each event. */
function laneWith(change: Change, options: ConstructorParameters<typeof SimulatedLane>[0] = {}) {
  const seen: string[] = []
  const code = { change }
  const transform: Transform = {
    name: 'coupons',
    transformEvent: (event) => {
      seen.push(event.messageId)
      return code.change(event)
    },
  }
  const lane = new SimulatedLane({
    ...options,
    route: { transforms: [transform], ...options.route },
    use: { encode: ({ id, text, event }) => ({ id: `${id}: ${couponOf(event)}`, text }), ...options.use },
  })
  return { lane, seen, code }
}

const couponOf = ({ properties }: Event) => String(properties?.['coupon'])
const withCoupon = (event: Event, coupon: string): Event => ({ ...event, properties: { ...event.properties, coupon } })
const answer = async (lane: SimulatedLane, start: string, status: number) => {
  const request = lane.requests.find(({ ids }) => ids[0]?.startsWith(start) === true)
  if (request === undefined) throw new Error(`no request carries ${start}; under way: ${lane.pendingIds.join(', ')}`)
  await request.answer(status)
}
const decided = (lane: SimulatedLane) =>
  lane.sqlite
    .exec('SELECT offset, length(data) AS bytes FROM decided ORDER BY offset')
    .toArray()
    .map(({ offset }) => offset)
const letters = (lane: SimulatedLane) => lane.letters.list({ limit: 100 })

test('a retry sends what the transforms made at the first try, also after a restart and when their code has changed', async () => {
  let price = 9
  const { lane, seen, code } = laneWith((event) => withCoupon(event, `SPRING${++price}`))
  lane.append(eventsOf('ada', 1))
  await lane.feed()
  expect(lane.pendingIds).toEqual(['ada 1: SPRING10'])
  await answer(lane, 'ada 1', 503)
  expect(decided(lane)).toEqual([0])
  lane.checkpoint()
  lane.crash()

  code.change = () => null
  await lane.feed()
  await lane.pass(1_000)
  expect(lane.pendingIds).toEqual(['ada 1: SPRING10'])
  await answer(lane, 'ada 1', 503)
  await lane.pass(10_000)
  expect(lane.pendingIds).toEqual(['ada 1: SPRING10'])
  await answer(lane, 'ada 1', 200)
  expect([seen, lane.store.counters, lane.rows(), decided(lane)]).toEqual([['ada 1'], { retry: 2, done: 1 }, [], []])
})

test('only what was not delivered of an event that became three is sent again, also after a restart', async () => {
  const { lane, seen } = laneWith((event) => ['A', 'B', 'C'].map((coupon) => withCoupon(event, coupon)), {
    limits: { events: 1, parallel: 1 },
    route: { ordered: false },
  })
  lane.append(eventsOf('ada', 1))
  await lane.feed()
  await answer(lane, 'ada 1: A', 200)
  await answer(lane, 'ada 1~1: B', 503)
  await lane.settled()
  if (lane.pendingIds.length > 0) await answer(lane, 'ada 1~2: C', 200)
  lane.checkpoint()
  lane.crash()

  await lane.feed()
  await lane.pass(1_000)
  const again = lane.pendingIds
  expect(again).not.toContain('ada 1: A')
  expect(again).toContain('ada 1~1: B')
  await lane.run(60_000, () => 200)
  expect([seen, lane.store.counters['done'], decided(lane)]).toEqual([['ada 1'], 1, []])
})

test('an event that waits without a row, because the destination is down, is decided once, also over a restart', async () => {
  let n = 0
  const { lane, seen } = laneWith((event) => withCoupon(event, `NO${++n}`), { limits: { parallel: 6 } })
  const keys = ['ada', 'grace', 'alan', 'edsger', 'barbara', 'charles']
  lane.append(keys.flatMap((key) => eventsOf(key, 1)))
  await lane.feed()
  const sent = lane.pendingIds
  for (const key of keys) await answer(lane, `${key} 1`, 503)
  expect(lane.sender.state).toBe('down')
  expect(lane.rows().length).toBeLessThan(6)
  expect(decided(lane)).toHaveLength(6)
  lane.checkpoint()
  lane.crash()

  const delivered: string[] = []
  await lane.run(600_000, (ids) => {
    delivered.push(...ids)
    return 200
  })
  expect(delivered.toSorted()).toEqual(sent.toSorted())
  expect([seen.length, lane.store.counters['done'], lane.rows(), decided(lane)]).toEqual([6, 6, [], []])
})

test('a dead letter that is sent again goes through the transforms of today', async () => {
  const { lane, seen, code } = laneWith((event) => withCoupon(event, 'OLD'))
  lane.append(eventsOf('ada', 1))
  await lane.feed()
  await answer(lane, 'ada 1', 503)
  await lane.pass(1_000)
  await answer(lane, 'ada 1: OLD', 400)
  expect([letters(lane).map(({ code: word }) => word), decided(lane)]).toEqual([['http_400'], []])

  code.change = (event) => withCoupon(event, `NEW after ${couponOf(event)}`)
  const { event, key, source, receivedAt, messageId } = lane.letters.getStored(1) as NonNullable<
    ReturnType<typeof lane.letters.getStored>
  >
  const header: Header = { id: messageId, key, source, receivedAt, to: ['webhook'], facts: {} }
  lane.sender.replay(replayBase + 1, 0, header, event)
  await lane.pump()
  expect(lane.pendingIds).toEqual(['ada 1: NEW after undefined'])
  await answer(lane, 'ada 1: NEW', 200)
  expect([seen, lane.store.counters['done']]).toEqual([['ada 1', 'ada 1'], 1])
})

test('a row of a version that kept no decision is decided at its next try', async () => {
  const { lane, seen } = laneWith((event) => withCoupon(event, 'SPRING'))
  lane.append(eventsOf('ada', 1))
  await lane.feed()
  await answer(lane, 'ada 1', 503)
  lane.checkpoint()
  lane.sqlite.exec('DROP TABLE decided')
  lane.crash()
  expect(lane.rows()).toEqual(['ada 1'])
  await lane.run(60_000, () => 200)
  expect([seen, lane.store.counters['done'], decided(lane)]).toEqual([['ada 1', 'ada 1'], 1, []])
})

test('a decision goes that an older version left behind after it had delivered the event', async () => {
  const { lane } = laneWith((event) => event)
  lane.append(eventsOf('ada', 1))
  await lane.feed()
  await answer(lane, 'ada 1', 503)
  lane.checkpoint()
  lane.sqlite.exec('DELETE FROM waiting')
  expect(decided(lane)).toEqual([0])
  lane.crash()
  expect(decided(lane)).toEqual([])
})

test('events wait when their transforms cannot be run, and are decided when they can', async () => {
  let isThere = false
  const isolated: Transform = {
    name: 'isolated',
    runBatch: ({ texts }) =>
      isThere
        ? Promise.resolve({ events: texts.map((text, from) => ({ text, from })), dropped: [], failed: [] })
        : Promise.reject(new Error('isolated.isolated needs the binding ISOLATES of wrangler.toml')),
  }
  const lane = new SimulatedLane({ route: { transforms: [isolated] } })
  lane.append([...eventsOf('ada', 1), ...eventsOf('grace', 1)])
  await lane.run(5_000, () => 200)
  expect([lane.rows(), letters(lane), decided(lane)]).toEqual([['ada 1', 'grace 1'], [], []])
  isThere = true
  await lane.run(600_000, () => 200)
  expect([lane.rows(), lane.store.counters['done'], lane.store.counters['dead']]).toEqual([[], 2, undefined])
})

test('a filter alone decides anew at each try', async () => {
  let isOpen = true
  const lane = new SimulatedLane({ route: { filter: () => isOpen } })
  lane.append(eventsOf('ada', 1))
  await lane.feed()
  await lane.requests[0]?.answer(503)
  expect(decided(lane)).toEqual([])
  isOpen = false
  await lane.pass(1_000)
  expect([lane.pendingIds, lane.store.counters]).toEqual([[], { retry: 1, 'skip: filtered': 1 }])
})

test('results that no row could hold are dead letters that say so, and harm no other event', async () => {
  const letter = () => String.fromCharCode(0x4e00 + Math.floor(Math.random() * 20_000))
  const noise = Array.from({ length: 1_000_000 }, letter).join('')
  const { lane } = laneWith((event) =>
    event.messageId.startsWith('ada')
      ? withCoupon(event, noise)
      : event.messageId.startsWith('grace')
        ? Array.from({ length: 5 }, () => withCoupon(event, 'x'.repeat(900_000)))
        : event,
  )
  lane.append([...eventsOf('ada', 1), ...eventsOf('grace', 1), ...eventsOf('alan', 1)])
  await lane.feed()
  expect(lane.pendingIds).toEqual(['alan 1: undefined'])
  await answer(lane, 'alan 1', 200)
  expect(
    letters(lane).map(({ messageId, stage, reason }) => [messageId, stage, reason.replaceAll(/\d{6,}/g, '…')]),
  ).toEqual([
    ['grace 1', 'transform', 'the transforms made … characters of it, and a target takes … of one event at most'],
    [
      'ada 1',
      'transform',
      'what the transforms made of it has … bytes when compressed, and a target takes … of one event at most',
    ],
  ])
})

test('the largest result that is taken is kept in a row below 2 MB, and sent again to the letter', async () => {
  const noise = Array.from({ length: 380_000 }, () => String.fromCharCode(0x4e00 + Math.floor(Math.random() * 20_000)))
  const { lane } = laneWith((event) => withCoupon(event, noise.join('')))
  lane.append(eventsOf('ada', 1))
  await lane.feed()
  const sent = lane.pendingIds
  await answer(lane, 'ada 1', 503)
  const [row] = lane.sqlite.exec('SELECT length(data) AS bytes FROM decided').toArray()
  expect(row?.['bytes']).toBeGreaterThan(600_000)
  expect(row?.['bytes']).toBeLessThan(1_100_000)
  lane.crash()
  await lane.feed()
  await lane.pass(1_000)
  expect(lane.pendingIds).toEqual(sent)
})

test('a lane counts what each transform did, over restarts', async () => {
  const { lane } = laneWith((event) => {
    if (event.messageId === 'ada 1') return null
    if (event.messageId === 'grace 1') throw new Error('no price')
    return [withCoupon(event, 'A'), withCoupon(event, 'B')]
  })
  lane.append([...eventsOf('ada', 1), ...eventsOf('grace', 1), ...eventsOf('alan', 1)])
  await lane.run(1_000, () => 200)
  lane.checkpoint()
  lane.crash()
  lane.append(eventsOf('ada', 2))
  await lane.run(1_000, () => 200)
  lane.checkpoint()
  lane.crash()
  expect(lane.store.transforms).toEqual([
    expect.objectContaining({ transform: 'coupons', in: 4, out: 4, dropped: 1, errors: 1 }),
  ])
})

test('a destination that delivered a part of an event gets what is left of it at the retry, also after a restart', async () => {
  const seen: string[] = []
  const lane = new SimulatedLane({
    use: {
      encode: ({ id, text, header }) => ({ id: `${id}: ${header.rest ?? 'all'}`, text }),
      send: async (items) => {
        seen.push(...items.map(({ id }) => id))
        const isLast = seen.length === 3
        return {
          status: isLast ? 200 : 503,
          body: '',
          verdicts: items.map(() => (isLast ? { kind: 'done' } : { kind: 'retry', reason: 'group: HTTP 503' })),
          rests: items.map(() => 'group'),
        }
      },
    },
  })
  lane.append(eventsOf('ada', 1))
  await lane.feed()
  expect([seen, decided(lane)]).toEqual([['ada 1: all'], [0]])
  lane.checkpoint()
  lane.crash()

  await lane.feed()
  await lane.pass(1_000)
  await lane.pass(10_000)
  expect(seen).toEqual(['ada 1: all', 'ada 1: group', 'ada 1: group'])
  expect([lane.store.counters['done'], lane.rows(), decided(lane)]).toEqual([1, [], []])
})

/** A destination that says of each event that it will never be taken, but that a part of it was. */
const partly = {
  encode: ({ id, text, header }: Envelope) => ({ id: `${id}: ${header.rest ?? header.earlier ?? 'all'}`, text }),
  send: async (items: readonly Item[]) => ({
    status: 400,
    body: '',
    verdicts: items.map(() => ({ kind: 'dead' as const, reason: 'group: HTTP 400' })),
    rests: items.map(() => 'group'),
  }),
}

test('a dead letter keeps what was left of the event, and one of a replay keeps what its letter had', async () => {
  const seen: string[] = []
  let isLost = false
  const lane = new SimulatedLane({
    use: {
      ...partly,
      send: async (items) => {
        seen.push(...items.map(({ id }) => id))
        const { rests: _, ...told } = await partly.send(items)
        return isLost ? told : partly.send(items)
      },
    },
  })
  lane.append(eventsOf('ada', 1))
  await lane.feed()
  expect(lane.letters.getStored(1)?.rest).toBe('group')
  expect(lane.letters.get(1)).not.toHaveProperty('rest')

  isLost = true
  const header = { id: 'ada 1', key: 'ada', source: 'web', receivedAt: '2026-11-29T10:00:00.000Z', to: [], facts: {} }
  lane.sender.replay(replayBase + 1, 0, { ...header, earlier: 'group' }, '{}')
  await lane.pass(1_000)
  expect(seen).toEqual(['ada 1: all', 'ada 1: group'])
  expect(lane.letters.getStored(2)?.rest).toBe('group')
})

test('a dead letter of an event that became several keeps nothing of what was delivered of one of them', async () => {
  const { lane } = laneWith((event) => [withCoupon(event, 'A'), withCoupon(event, 'B')], { use: partly })
  lane.append(eventsOf('ada', 1))
  await lane.feed()
  expect(letters(lane)).toHaveLength(1)
  expect(lane.letters.getStored(1)).not.toHaveProperty('rest')
})

test('an event of a letter that becomes several when it is replayed is sent as a whole', async () => {
  const seen: string[] = []
  const { lane } = laneWith((event) => [withCoupon(event, 'A'), withCoupon(event, 'B')], {
    use: { ...partly, send: async (items) => (seen.push(...items.map(({ id }) => id)), partly.send(items)) },
  })
  const header = { id: 'ada 1', key: 'ada', source: 'web', receivedAt: '2026-11-29T10:00:00.000Z', to: [], facts: {} }
  lane.sender.replay(
    replayBase + 1,
    0,
    { ...header, earlier: 'group' },
    JSON.stringify({ type: 'track', event: 'Order', messageId: 'ada 1', userId: 'ada' }),
  )
  await lane.pass(1_000)
  expect(seen.map((id) => id.split(': ')[1])).toEqual(['all', 'all'])
})
