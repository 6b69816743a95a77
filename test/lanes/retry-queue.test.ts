import { beforeEach, expect, test } from 'vitest'
import { LaneStore, replayBase } from '../../src/lanes/lane-store.ts'
import { RetryQueue } from '../../src/lanes/retry-queue.ts'
import { withSeed } from '../support/seed.ts'
import { Sqlite } from '../support/sqlite.ts'

const free = () => true
let sqlite: Sqlite
let waiting: RetryQueue
const open = () => new RetryQueue(new LaneStore(sqlite.open(), 0))
beforeEach(() => {
  sqlite = new Sqlite()
  waiting = open()
})
const add = (key: string, offset: number, due: number | null = null, at = offset) =>
  waiting.add(
    { offset, origin: offset, key, id: `${key} ${offset}`, due, attempts: 0, first: 0, at, history: [] },
    { header: '{}', event: `{"n":${offset}}` },
  )
const dueAt = (now: number) => [...waiting.due(now, free)].map(({ id }) => id)
const take = (id: string) => {
  const row = waiting.find(id)
  if (row === undefined) throw new Error(`${id} has no row`)
  return row
}

test('only the first row of a key is ever due; the next is due when it is gone', () => {
  add('ada', 1, 100)
  add('ada', 2)
  add('grace', 3, 50)
  expect([waiting.soonest(free), dueAt(99), dueAt(100)]).toEqual([50, ['grace 3'], ['ada 1', 'grace 3']])
  expect(take('ada 2').due).toBe(null)
  waiting.remove(take('ada 1'))
  expect(dueAt(1)).toEqual(['ada 2'])
  waiting.remove(take('ada 2'))
  expect([waiting.has('ada'), waiting.size]).toEqual([false, 1])
})

test('a row that has a time of its own keeps it when it becomes the first', () => {
  add('ada', 1, 100)
  add('ada', 2, 500)
  waiting.remove(take('ada 1'))
  expect([dueAt(499), dueAt(500)]).toEqual([[], ['ada 2']])
})

test('a busy key is neither due nor waited for', () => {
  add('ada', 1, 100)
  add('grace', 2, 200)
  const notAda = (key: string) => key !== 'ada'
  expect([...waiting.due(300, notAda)].map(({ id }) => id)).toEqual(['grace 2'])
  expect(waiting.soonest(notAda)).toBe(200)
})

test('an event of the stream goes before a replayed letter of its key, also when it comes later', () => {
  add('ada', replayBase + 1, null, 9)
  expect(dueAt(0)).toEqual([`ada ${replayBase + 1}`])
  const replayed = take(`ada ${replayBase + 1}`)
  add('ada', 7, 100)
  expect([dueAt(99), dueAt(100)]).toEqual([[], ['ada 7']])
  waiting.remove(replayed)
  expect([waiting.size, dueAt(100)]).toEqual([1, ['ada 7']])
})

test('a new retry queue on the same store goes on where the old one was', () => {
  add('ada', 1, 100)
  add('ada', 2)
  add('grace', 3, 50)
  waiting.update({ ...take('ada 1'), due: 700, attempts: 3 })
  waiting = open()
  expect([waiting.size, waiting.soonest(free), dueAt(50), dueAt(700)]).toEqual([
    3,
    50,
    ['grace 3'],
    ['ada 1', 'grace 3'],
  ])
  expect(take('ada 1').attempts).toBe(3)
  expect(waiting.oldest()).toBe(1)
})

test('all rows are found again when there are more than one reading brings', () => {
  for (let n = 0; n < 20_005; n++) add(`key ${n % 7}`, n)
  waiting = open()
  expect(waiting.size).toBe(20_005)
  for (let n = 0; n < 3000; n++) waiting.remove(take0())
  expect(waiting.size).toBe(17_005)
  function take0() {
    const [row] = waiting.due(0, (key) => key === 'key 0' || key === 'key 1')
    if (row === undefined) throw new Error('nothing is due')
    return row
  }
})

test('every first row of a key is due once the queue is told to retry now', () => {
  add('ada', 1, 100)
  add('grace', 2, 900)
  waiting.retryNow()
  expect(dueAt(0)).toEqual(['ada 1', 'grace 2'])
})

test('with more rows than memory holds places of, all get their turn, each key in order, also over restarts', async () => {
  await withSeed(
    (random) => {
      sqlite = new Sqlite()
      const few = () => new RetryQueue(new LaneStore(sqlite.open(), 0), 8)
      waiting = few()
      const rows = new Map<number, string>()
      const firstOf = (key: string) =>
        Math.min(...Array.from(rows, ([offset, one]) => (one === key ? offset : Infinity)))
      let next = 0
      const put = () => {
        const key = random.chance(0.3) ? 'hot' : `user ${random.whole(0, 30)}`
        // A row comes behind those of its key, but may come before rows of others that failed sooner.
        const offset = rows.size > 0 && random.chance(0.2) && !waiting.has(key) ? next - 1 : next
        next += 2
        rows.set(offset, key)
        add(key, offset, random.chance(0.5) ? 0 : null)
      }
      const attempt = (succeeds: number) => {
        const [row] = waiting.due(0, free)
        if (row === undefined) return expect(rows.size).toBe(0)
        expect(row.offset).toBe(firstOf(row.key))
        if (random.chance(succeeds)) {
          waiting.remove(row)
          rows.delete(row.offset)
        } else waiting.update({ ...row, due: 0, attempts: row.attempts + 1 })
      }
      for (let step = 0; step < 400; step++) {
        if (random.chance(0.6)) put()
        else attempt(0.4)
        if (random.chance(0.02)) waiting = few()
        expect(waiting.size).toBe(rows.size)
        const key = `user ${random.whole(0, 30)}`
        expect(waiting.has(key)).toBe([...rows.values()].includes(key))
      }
      for (let i = 0; i < 5_000 && rows.size > 0; i++) attempt(0.6)
      expect([rows.size, waiting.size]).toEqual([0, 0])
    },
    { runs: 20 },
  )
})

test('a row that fails again and again makes room for others, where memory holds few places', () => {
  waiting = new RetryQueue(new LaneStore(sqlite.open(), 0), 8)
  for (let n = 0; n < 40; n++) add(`user ${n}`, n, 0)
  const tried = new Set<string>()
  for (let i = 0; i < 80; i++) {
    const [row] = waiting.due(0, free)
    if (row === undefined) break
    tried.add(row.id)
    waiting.update({ ...row, due: 0 })
  }
  expect(tried.size).toBe(40)
})
