// Tables that a person made or changed in D1: nothing is lost or doubled, and what refuses rows stops no other.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Event } from '../../src/core/event.ts'
import { StagedLoads } from '../loading/staged-loads.ts'
import { type RealWarehouse, startD1 } from '../support/real-warehouses.ts'

const seen = (messageId: string, properties: Record<string, unknown> = {}): Event => ({
  type: 'track',
  messageId,
  userId: 'ada',
  event: 'Seen',
  properties,
})
const answers = (count: number, answer: unknown): Record<string, unknown> =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`answer_${n}`, answer]))

describe('a table that a person made in D1', () => {
  let warehouse: RealWarehouse
  let loads: StagedLoads
  beforeAll(async () => {
    warehouse = await startD1()
  }, 60_000)
  afterAll(() => warehouse.stop())
  beforeEach(async () => {
    await warehouse.clear()
    loads = new StagedLoads(warehouse)
  })

  /** Loads, and expects that nothing was refused. */
  const send = async (...events: readonly Event[]) => {
    expect((await loads.send(...events)).error).toBeUndefined()
    expect(loads.held.list()).toEqual([])
    expect(loads.letters).toEqual([])
  }

  test('a table without a key has each event once, however often it comes and the loader crashes', async () => {
    await send(seen('seen-1', { n: 1 }))
    await warehouse.query('CREATE TABLE copied AS SELECT * FROM seen')
    await warehouse.query('DROP TABLE seen')
    await warehouse.query('ALTER TABLE copied RENAME TO seen')
    await send(seen('seen-1', { n: 2 }), seen('seen-2', { n: 3 }))
    await send(...Array.from({ length: 1_200 }, (_, n) => seen(`seen-${n}`, { n })))
    await loads.stage([seen('seen-1', { n: 4 }), seen('late', { n: 5 })])
    loads.crashes = (where) => where.startsWith('after load')
    await loads.load()
    loads.crashes = () => false
    loads.restart()
    await loads.load()
    const rows = await warehouse.query('SELECT count(*) AS n, count(DISTINCT id) AS ids FROM seen')
    expect(rows).toEqual([{ n: 1_201, ids: 1_201 }])
    expect(await warehouse.query(`SELECT n FROM seen WHERE id = 'seen-1'`)).toEqual([{ n: 4 }])
  })

  test('a unique index beside the key deletes no row of another event: the event that it refuses is a dead letter', async () => {
    await send(seen('seen-1', { code: 'A' }), seen('seen-2', { code: 'B' }))
    await warehouse.query('CREATE UNIQUE INDEX codes ON seen (code)')
    expect((await loads.send(seen('seen-3', { code: 'B' }), seen('seen-4', { code: 'C' }))).error).toBeUndefined()
    expect(loads.letters.map(({ messageId }) => messageId)).toEqual(['seen-3'])
    // Again, it replaces itself.
    await loads.send(seen('seen-2', { code: 'D' }))
    expect(await warehouse.query('SELECT id, code FROM seen ORDER BY id')).toEqual([
      { id: 'seen-1', code: 'A' },
      { id: 'seen-2', code: 'D' },
      { id: 'seen-4', code: 'C' },
    ])
    expect(loads.letters).toHaveLength(1)
  })

  test('a table of users without a key has its rows wait, and says what to do', async () => {
    const known = (plan: string): Event => ({ type: 'identify', messageId: plan, userId: 'ada', traits: { plan } })
    await send(known('gold'))
    await warehouse.query('CREATE TABLE copied AS SELECT * FROM users')
    await warehouse.query('DROP TABLE users')
    await warehouse.query('ALTER TABLE copied RENAME TO users')
    await loads.send(known('tin'))
    expect(loads.held.list()).toMatchObject([{ reason: expect.stringContaining('CREATE UNIQUE INDEX … ON … ("id")') }])
    await warehouse.query('CREATE UNIQUE INDEX users_id ON users (id)')
    loads.aheadMs = 120_000
    await loads.load()
    expect(await warehouse.query('SELECT id, plan FROM users')).toEqual([{ id: 'ada', plan: 'tin' }])
  })

  test('a table with more columns than D1 takes is made anew after it was dropped, with other types', async () => {
    await send(seen('seen-1', answers(150, 1)))
    await send(seen('seen-2', answers(150, 1.5)))
    await warehouse.query('DROP TABLE seen')
    await send(seen('seen-3', answers(150, 'forty-two')))
    await send(seen('seen-4', answers(150, 'forty-three')))
    const rows = await warehouse.rows('seen')
    expect(rows.map(({ id, answer_0, answer_149 }) => [id, answer_0, answer_149])).toEqual([
      ['seen-3', 'forty-two', 'forty-two'],
      ['seen-4', 'forty-three', 'forty-three'],
    ])
    expect(await warehouse.tables()).not.toContain('rudder_discards')
  })

  test('a table whose column for the rest was dropped gets it again', async () => {
    await send(seen('seen-1', answers(150, 1)))
    await warehouse.query('ALTER TABLE seen DROP COLUMN _sluiceway_more')
    await send(seen('seen-2', answers(150, 2)))
    await send(seen('seen-3', answers(150, 'three')))
    const [, second] = await warehouse.rows('seen')
    expect([second?.['answer_0'], second?.['answer_149']]).toEqual([2, 2])
    expect(await warehouse.query('SELECT DISTINCT reason FROM rudder_discards')).toEqual([
      { reason: 'the column is int, the value is string' },
    ])
  })

  test('a table of 100 columns takes its rows, and what has no column is in rudder_discards', async () => {
    const others = Array.from({ length: 88 }, (_, n) => `c${n} INTEGER`)
    await warehouse.query(`CREATE TABLE seen (id TEXT PRIMARY KEY, user_id TEXT, received_at DATETIME, event TEXT, event_text TEXT,
      uuid_ts DATETIME, context_source_id TEXT, context_source_type TEXT, context_destination_id TEXT,
      context_destination_type TEXT, _timestamp TEXT, anonymous_id TEXT, ${others.join(', ')})`)
    await send(seen('seen-1', { c1: 7, color: 'red' }))
    expect(await warehouse.query('SELECT id, c1 FROM seen')).toEqual([{ id: 'seen-1', c1: 7 }])
    expect(await warehouse.query('SELECT column_name, column_value FROM rudder_discards')).toEqual([
      { column_name: 'color', column_value: 'red' },
    ])
  })
})
