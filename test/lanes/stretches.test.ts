import { expect, test } from 'vitest'
import { LaneStore } from '../../src/lanes/lane-store.ts'
import { Stretches } from '../../src/lanes/stretches.ts'
import { Sqlite } from '../support/sqlite.ts'

const open = (db = new Sqlite().open()) => {
  const store = new LaneStore(db, 0)
  return { db, store, stretches: new Stretches(store, undefined) }
}

test('places run on over the stretches of a lane, and each has the offset of its source', () => {
  const { db, stretches } = open()
  expect([stretches.current, stretches.offsetIn('log', 0), stretches.placeOf('log', 0)]).toEqual([
    undefined,
    0,
    Infinity,
  ])
  for (const [source, place] of [
    ['log', 0],
    ['inbox', 3],
    ['log', 8],
    ['inbox', 10],
  ] as const)
    stretches.begin(source, place)
  for (const one of [stretches, open(db).stretches]) {
    const places = [0, 2, 3, 5, 8, 9, 10, 12]
    expect(places.map((place) => one.offsetIn('log', place))).toEqual([0, 2, 3, 3, 3, 4, 5, 5])
    expect(places.map((place) => one.offsetIn('inbox', place))).toEqual([0, 0, 0, 2, 5, 5, 5, 7])
    expect([0, 2, 3, 4, 5].map((offset) => one.placeOf('log', offset))).toEqual([0, 2, 8, 9, Infinity])
    expect([0, 4, 5, 90].map((offset) => one.placeOf('inbox', offset))).toEqual([3, 7, 10, 95])
    expect([one.at(2), one.at(3), one.at(11)]).toEqual([
      { source: 'log', from: 0, base: 0, end: 3 },
      { source: 'inbox', from: 0, base: 3, end: 8 },
      { source: 'inbox', from: 5, base: 10, end: Infinity },
    ])
  }
})

test('a stretch of which nothing was taken leaves no trace', () => {
  const { db, store, stretches } = open()
  stretches.begin('log', 0)
  stretches.begin('inbox', 4)
  stretches.begin('log', 4)
  expect(store.get('stretches')).toBe('[["log",0,0]]')
  expect(open(db).stretches.placeOf('log', 6)).toBe(6)
})

test('old stretches are forgotten, but none above the cursor, and the offsets go on', () => {
  const { store, stretches } = open()
  for (let place = 0; place < 300; place++) stretches.begin(place % 2 === 0 ? 'log' : 'inbox', place)
  expect((JSON.parse(store.get('stretches') ?? '') as unknown[]).length).toBe(300)
  store.checkpoint(290, 1)
  stretches.begin('log', 300)
  expect((JSON.parse(store.get('stretches') ?? '') as unknown[]).length).toBe(100)
  expect([stretches.offsetIn('log', 300), stretches.offsetIn('inbox', 300)]).toEqual([150, 150])
  expect([stretches.placeOf('log', 3), stretches.placeOf('log', 149), stretches.placeOf('inbox', 149)]).toEqual([
    -1, 298, 299,
  ])
})
