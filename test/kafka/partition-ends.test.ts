import { expect, test } from 'vitest'
import { PartitionEnds } from '../../src/kafka/partition-ends.ts'

/** A topic `orders` whose partitions end at 100 times their number, on a clock of the test. */
function endsOf(known?: readonly (readonly [string, number])[]) {
  const state = { now: 1_000, asked: [] as number[][], isAway: false, logged: [] as string[] }
  const ends = new PartitionEnds(
    {
      port: { now: () => state.now, log: (_level, message) => void state.logged.push(message) },
      connection: {
        ends: async (places) => {
          state.asked.push(places.map(({ partition }) => partition))
          if (state.isAway) throw new Error('HTTP 503')
          return places.map((place) => ({ ...place, offset: 100 * place.partition }))
        },
      },
    },
    known,
  )
  return { ends, state }
}
const placesOf = (count: number) => Array.from({ length: count }, (_, partition) => ({ topic: 'orders', partition }))

test('Kafka is asked once a minute where partitions end, and the answer can be handed to another life', async () => {
  const { ends, state } = endsOf()
  await ends.ask(placesOf(3))
  state.now += 59_000
  await ends.ask(placesOf(3))
  expect(state.asked).toHaveLength(1)
  expect(ends.of({ topic: 'orders', partition: 2 })).toBe(200)
  expect(ends.of({ topic: 'refunds', partition: 2 })).toBeUndefined()
  state.now += 1_000
  await ends.ask(placesOf(3))
  expect(state.asked).toHaveLength(2)
  expect(endsOf(ends.all).ends.of({ topic: 'orders', partition: 1 })).toBe(100)
})

test('fifty of many partitions are asked for at a time, and the next fifty a minute later', async () => {
  const { ends, state } = endsOf()
  for (let minute = 0; minute < 4; minute++) {
    await ends.ask(placesOf(120))
    state.now += 60_000
  }
  expect(state.asked.map(([first, ...rest]) => [first, rest.length + 1])).toEqual([
    [0, 50],
    [50, 50],
    [100, 20],
    [0, 50],
  ])
})

test('a Kafka that does not say where its partitions end is no failure, and what was known is kept', async () => {
  const { ends, state } = endsOf([['0 orders', 7]])
  state.isAway = true
  await ends.ask(placesOf(1))
  expect(ends.of({ topic: 'orders', partition: 0 })).toBe(7)
  expect(state.logged).toEqual(['Kafka did not say how much there is to read'])
})
