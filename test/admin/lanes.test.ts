import { describe, expect, test } from 'vitest'
import { laneName } from '../../src/core/lanes.ts'
import type { Layout } from '../../src/core/layout.ts'
import { fakeAdmin } from './fake-admin.ts'

describe('lanes', () => {
  test('lanes are listed in order: the edge, then every target and partition', async () => {
    const { body } = await fakeAdmin({ partitions: 2, letters: { 'webhook:1': [{}] } }).call('/lanes')
    expect(
      body.lanes.map((lane: Record<string, unknown>) => [
        lane['target'],
        lane['partition'],
        lane['kind'],
        lane['deadLetters'],
      ]),
    ).toEqual([
      ['@edge', 0, 'edge', 0],
      ['webhook', 0, 'destination', 0],
      ['webhook', 1, 'destination', 1],
      ['tables', 0, 'warehouse', 0],
      ['tables', 1, 'warehouse', 0],
    ])
    expect(body.failures).toEqual([])
  })

  test('lanes of earlier configs that may hold something are listed, and resumed, too', async () => {
    const layout: Layout = {
      partitions: 2,
      targets: [
        { name: 'webhook', kind: 'destination', partitions: 2 },
        { name: 'old-crm', kind: 'destination', partitions: 1 },
      ],
    }
    const admin = fakeAdmin({ layout, letters: { 'webhook:1': [{}], 'old-crm:0': [{}] } })
    const { body } = await admin.call('/lanes')
    expect(body.lanes.map(laneName)).toEqual(['@edge:0', 'webhook:0', 'webhook:1', 'tables:0', 'old-crm:0'])
    const letters = await admin.call('/dead-letters')
    expect(letters.body.deadLetters.map(({ id }: { id: string }) => id).toSorted()).toEqual([
      'old-crm:0:1',
      'webhook:1:1',
    ])
    expect((await admin.post('/lanes/webhook/1/resume')).status).toBe(200)
  })

  test('lanes that do not answer are named, and keep no other from being listed', async () => {
    const { body } = await fakeAdmin({ broken: ['webhook:0'] }).call('/lanes')
    expect(body.lanes.map(({ target }: { target: string }) => target)).toEqual(['@edge', 'tables'])
    expect(body.failures).toEqual(['lane webhook:0 does not answer: the object is unavailable'])
  })

  test('lanes of a warehouse are listed with how its loads are doing, which they do not know themselves', async () => {
    const loadsOf = (body: { lanes: { load?: unknown }[] }) => body.lanes.map(({ load }) => load)
    const { body } = await fakeAdmin({ partitions: 2 }).call('/lanes')
    const load = { state: 'idle', stagedFiles: 2, stagedEvents: 40, oldestSeconds: 3 }
    expect(loadsOf(body)).toEqual([undefined, undefined, undefined, load, load])

    const broken = await fakeAdmin({ broken: ['loader'] }).call('/lanes')
    expect(loadsOf(broken.body)).toEqual([undefined, undefined, { state: 'unavailable' }])
    expect(broken.body.failures).toEqual(['loader tables does not answer: the object is unavailable'])
  })

  test('lanes are resumed one by one', async () => {
    const admin = fakeAdmin({ partitions: 2 })
    const { status, body } = await admin.post('/lanes/webhook/1/resume')
    expect([status, body.lane.target, body.lane.partition]).toEqual([200, 'webhook', 1])
    expect([admin.lane('webhook:0').resumed, admin.lane('webhook:1').resumed]).toEqual([0, 1])
  })

  test.each(['/lanes/webhook/2/resume', '/lanes/crm/0/resume', '/lanes/webhook/x/resume', '/lanes/webhook/-1/resume'])(
    'a lane that does not exist is not resumed: %s',
    async (path) => {
      expect((await fakeAdmin({ partitions: 2 }).post(path)).status).toBe(404)
    },
  )

  test('lanes of a destination are stopped, drained, resumed and skipped all at once, in the name of the token', async () => {
    const admin = fakeAdmin({ partitions: 2 })
    const lanes = () => [admin.lane('webhook:0'), admin.lane('webhook:1')]
    const stopped = await admin.post('/lanes/webhook/pause')
    expect(stopped.status).toBe(200)
    expect(lanes().map(({ stoppedBy }) => stoppedBy)).toEqual(['admin', 'admin'])
    const drained = await admin.post('/lanes/webhook/drain')
    expect((drained.body.lanes as { lane: { target: string } }[]).map(({ lane }) => lane.target)).toEqual([
      'webhook',
      'webhook',
    ])
    expect(lanes().map(({ drainedBy }) => drainedBy)).toEqual(['admin', 'admin'])
    const skipped = await admin.post('/lanes/webhook/skip')
    expect(lanes().map(({ skippedBy }) => skippedBy)).toEqual(['admin', 'admin'])
    expect(
      (skipped.body.lanes as { events: number; unread: number }[]).map(({ events, unread }) => [events, unread]),
    ).toEqual([
      [2, 5],
      [2, 5],
    ])
    await admin.post('/lanes/webhook/resume')
    expect(lanes().map(({ resumed }) => resumed)).toEqual([1, 1])
  })

  test.each([
    ['/lanes/crm/pause', 404],
    ['/lanes/crm/drain', 404],
    ['/lanes/crm/skip', 404],
    ['/lanes/crm/resume', 404],
    ['/lanes/tables/pause', 409],
    ['/lanes/tables/drain', 409],
    ['/lanes/tables/skip', 409],
  ])('a target that is no destination is not stopped, drained or skipped: %s gets %i', async (path, status) => {
    const answer = await fakeAdmin({ partitions: 2 }).post(path)
    expect(answer.status).toBe(status)
    if (status === 409) expect(answer.body.message).toMatch(/^tables is no destination \(warehouse\): /)
  })

  test('lanes are all woken by a sweep', async () => {
    const admin = fakeAdmin({ partitions: 2 })
    const { body } = await admin.post('/sweep')
    expect(body.lanes).toHaveLength(5)
    expect(body.logs).toHaveLength(2)
    expect(admin.lane('tables:1').poked).toBe(1)
  })
})
