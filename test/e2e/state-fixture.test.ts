import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { arrivedOf, downStates, FixtureRun, fixtureNames, readFixture } from '../support/fixture-run.ts'
import { storedKeys } from '../support/state-files.ts'
import { order, type StateFixture, visitors } from '../support/state-fixture.ts'
import { d1Tables } from '../support/tables.ts'
import { until } from '../support/until.ts'

const dayMs = 86_400_000
/** The fixture is served with the longest retention that there is, 365 days: what it needs of the log is there until then. */
const logDays = 360
/** A lane that was down when the fixture was made may wait so long, where that was a moment ago. */
const longestWait = { seconds: 150 }
/** Whatever would come twice has come by then. */
const settle = () => sleep(2_500)

const destinations = ['sink', 'choosy', 'paused'] as const
const sumOf = (numbers: readonly number[]): number => numbers.reduce((sum, one) => sum + one, 0)

test('there is a fixture of a state folder', () => {
  expect(fixtureNames).toContain('state-v1')
})

describe.each(fixtureNames)('the state folder %s, opened by today’s code with all destinations well,', (name) => {
  const { madeAt, log: expected } = readFixture(name)
  const isLogWhole = Date.now() - madeAt < logDays * dayMs
  let run: FixtureRun
  /** Events that the sink took for tests of this file. */
  let sentLater = 0

  beforeAll(async () => {
    run = await FixtureRun.open(name, 'log')
  })
  afterAll(() => run?.close())

  const letterOf = (messageId: string) => expected.deadLetters.find((letter) => letter.messageId === messageId)
  const replay = async (messageId: string) => {
    await run.server.admin(`/dead-letters/${letterOf(messageId)?.id}/replay`, { method: 'POST' })
    sentLater++
    return until(`${messageId} arrives`, () => run.sinks.sink.delivered.find((event) => event.messageId === messageId))
  }
  const headsNow = async () => (await run.server.admin<{ log: { head: number }[] }>('/log')).log.map(({ head }) => head)

  test.each(destinations)(
    'an old state folder delivers to the destination %s what waited for it, once, in order of each key',
    async (to) => {
      const waiting = expected.waiting[to]
      const ids = Object.values(waiting).flat()
      expect(ids.length).toBeGreaterThan(0)
      const { deliveries } = run.sinks[to]
      expect(deliveries).toBeDefined()
      await until('all of it arrived', () => ids.every((id) => run.sinks[to].ids.has(id)), longestWait)
      await settle()
      if (to !== 'sink' || isLogWhole) expect(arrivedOf(waiting, run.sinks[to].delivered)).toEqual(waiting)
    },
  )

  test('an old state folder delivers nothing again that was delivered before', () => {
    const arrived = destinations.flatMap((to) => [...run.sinks[to].ids])
    expect(arrived.filter((id) => expected.delivered.includes(id))).toEqual([])
  })

  test('an old state folder goes on with the log where it was, with what was spilled and not with what the log had already', async () => {
    const spilled = Object.values(expected.waiting.sink)
      .flat()
      .filter((id) => id.startsWith('spilled-'))
    const heads = await headsNow()
    expect(heads.every((head, partition) => head >= (expected.heads[partition] ?? 0))).toBe(true)
    if (isLogWhole) expect(sumOf(heads)).toBe(sumOf(expected.heads) + spilled.length)
  })

  test('an old state folder has a row in each table of every event, once', async () => {
    const tables = d1Tables(run.state)
    for (const [table, ids] of Object.entries(expected.rows)) {
      const found = async () => (await tables.rows(table)).map(({ id }) => String(id)).toSorted()
      await until(`${table} has all rows`, async () => (await found()).length >= ids.length, { seconds: 90 })
      expect([table, await found()]).toEqual([table, ids.toSorted()])
    }
  })

  test('an old state folder loads the rows that wait for a table, once that takes them', async () => {
    for (const [table, ids] of Object.entries(expected.held ?? {})) {
      await run.server.post('/v1/webhook?writeKey=keyOfTheDamageSource', { sql: `DROP VIEW ${table}` })
      await run.server.admin('/warehouses/tables/retry', { method: 'POST' })
      const rows = await d1Tables(run.state).rows(table)
      expect(rows.map(({ id }) => id)).toEqual(ids)
      await until('its files are gone', () => !storedKeys(run.state).some((key) => key.startsWith('held/')))
    }
  })

  test('an old state folder lists every dead letter as it was, and the one that was spilled', async () => {
    const letters = await until('the spilled one is there', async () => {
      const found = await run.letters()
      return found.some(({ messageId }) => messageId === expected.spilledLetter) && found
    })
    expect(letters.filter(({ messageId }) => messageId !== expected.spilledLetter)).toEqual(
      // What a version adds, it may say of older letters, too.
      expected.deadLetters.map((letter) => expect.objectContaining(letter)),
    )
    expect(letters.length).toBe(expected.deadLetters.length + 1)
  })

  test('an old state folder keeps what was given up: a staged file and a spilled object that nobody can read', async () => {
    const { warehouses } = await run.server.admin<{ warehouses: { stuckFiles: string[] }[] }>('/warehouses')
    expect(warehouses.map(({ stuckFiles }) => stuckFiles)).toEqual([expected.stuckFiles])
    const { stuck } = await run.server.admin<{ stuck: { keys: string[] } }>('/spill')
    expect(stuck.keys).toEqual(expected.stuckSpills)
    expect(storedKeys(run.state)).toEqual(expect.arrayContaining([...expected.stuckFiles, ...expected.stuckSpills]))
  })

  test('an old state folder lets go of the objects in R2 whose events are where they belong', async () => {
    await until('they are gone', () => !storedKeys(run.state).some((key) => /^(spill|expired)\//.test(key)))
    const staged = storedKeys(run.state).filter((key) => key.startsWith('staging/'))
    expect(staged).toEqual(expected.stuckFiles)
  })

  test('an old state folder replays a dead letter of a destination as it was, and one that was edited as it was edited', async () => {
    expect((await replay('refused-kept')).properties).toMatchObject({ refuse: true })
    const edited = await replay('refused-edited')
    expect(edited.properties).toEqual({ order_id: 'refused-edited', total: 42.5 })
  })

  test('an old state folder replays a dead letter of the edge that was edited', async () => {
    expect(await replay('nobody-edited')).toMatchObject({ anonymousId: 'nobody', event: 'Order Completed' })
  })

  test('an old state folder gives the number of a letter that was discarded to no other', async () => {
    const { id, key } = expected.discarded
    run.sinks.sink.answer = ([event]) => (event?.messageId === 'refused-later' ? { status: 400 } : undefined)
    await run.server.accept([order(key, 'refused-later')])
    const letter = await until('the new letter is there', async () =>
      (await run.letters()).find(({ messageId }) => messageId === 'refused-later'),
    )
    const [lane, before] = [id.slice(0, id.lastIndexOf(':')), Number(id.slice(id.lastIndexOf(':') + 1))]
    expect(letter.id).toBe(`${lane}:${before + 1}`)
  })

  test('an old state folder drops events of users who were suppressed, and counts on', async () => {
    expect((await run.server.admin<{ users: object[] }>('/suppression')).users).toEqual(expected.suppressed)
    const before = expected.counters['@edge:0']?.['dropped:suppressed'] ?? 0
    for (const [i, { kind, id }] of (expected.suppressed as { kind: string; id: string }[]).entries())
      await run.server.post('/v1/track', { ...order('somebody', `dropped-later-${i}`), [kind]: id })
    await until(
      'they are counted',
      async () => (await run.counter('@edge', 'dropped:suppressed')) === before + expected.suppressed.length,
    )
    await settle()
    expect([...run.sinks.sink.ids].filter((id) => id.startsWith('dropped-'))).toEqual([])
  })

  test('an old state folder knows whose cart it is, from a call before', async () => {
    const { token, anonymousId } = expected.cart
    const path = '/v1/webhook?writeKey=keyOfTheShopifySource&topic=orders_create'
    expect((await run.server.post(path, { id: 1, cart_token: token, line_items: [] })).status).toBe(200)
    sentLater++
    const created = await until('the order arrives', () =>
      run.sinks.sink.delivered.find(({ event }) => event === 'Order Created'),
    )
    expect(created.anonymousId).toBe(anonymousId)
  })

  test('an old state folder traces an event that was delivered before, as long as the log keeps it', async () => {
    for (const messageId of expected.delivered.filter((id) => id.startsWith('delivered-')))
      expect([messageId, await run.traced(messageId, 'sink')]).toEqual([messageId, isLogWhole ? 'done' : undefined])
  })

  test('an old state folder counts on from where the counters were', async () => {
    const doneBefore = sumOf(['sink:0', 'sink:1'].map((lane) => expected.counters[lane]?.['done'] ?? 0))
    const waited = Object.values(expected.waiting.sink).flat().length
    const done = doneBefore + waited + sentLater
    await until('all are counted', async () => (await run.counter('sink', 'done')) >= done)
    if (isLogWhole) expect(await run.counter('sink', 'done')).toBe(done)
    const after = new Map(
      (await run.lanes()).map(({ target, partition, counters }) => [`${target}:${partition}`, counters]),
    )
    for (const [lane, counters] of Object.entries(expected.counters))
      for (const [counter, before] of Object.entries(counters))
        expect([lane, counter, (after.get(lane)?.[counter] ?? 0) >= before]).toEqual([lane, counter, true])
  })
})

// Not the newest: it holds what the older ones hold, and each of these takes ten seconds.
describe.each(fixtureNames.slice(0, -1))('the state folder %s', (name) => {
  const fixture: StateFixture = readFixture(name)
  let run: FixtureRun | undefined
  afterEach(async () => {
    await run?.close()
    run = undefined
  })

  test('an old state folder loses nothing when it is opened 400 days later, with the retention and the retries of a deployment', async () => {
    const { log: expected } = fixture
    const opened = (run = await FixtureRun.open(name, 'log', {
      CLOCK_DAYS: '400',
      RETENTION_DAYS: '7',
      RETRY_DAYS: '14',
    }))
    for (const to of destinations) {
      const ids = Object.values(expected.waiting[to]).flat()
      await until(`all of it is at ${to}`, () => ids.every((id) => opened.sinks[to].ids.has(id)), { seconds: 60 })
    }
    const tables = d1Tables(opened.state)
    for (const [table, ids] of Object.entries(expected.rows)) {
      const found = async () => (await tables.rows(table)).map(({ id }) => String(id)).toSorted()
      await until(`${table} has all rows`, async () => (await found()).length >= ids.length, { seconds: 60 })
      expect([table, await found()]).toEqual([table, ids.toSorted()])
    }
    expect((await opened.letters()).map(({ id }) => id)).toEqual(
      expect.arrayContaining(expected.deadLetters.map(({ id }) => id)),
    )
    await until('the hours of then are gone', async () => {
      const { log } = await opened.server.admin<{ log: { first: number }[] }>('/log')
      return log.every(({ first }, partition) => first >= (expected.heads[partition] ?? Infinity))
    })
    await until('what was moved to R2 is gone', () =>
      storedKeys(opened.state).every((key) => !key.startsWith('expired/')),
    )
  })

  test('an old state folder that is opened with fewer partitions at once delivers and tells of what is in the others, too', async () => {
    const { log: expected } = fixture
    const opened = (run = await FixtureRun.open(name, 'log', { PARTITIONS: '1' }))
    for (const to of destinations) {
      const waiting = expected.waiting[to]
      const ids = Object.values(waiting).flat()
      await until(`all of it is at ${to}`, () => ids.every((id) => opened.sinks[to].ids.has(id)), longestWait)
      // What was spilled and stored, too, is for another partition now, which does not know the repeat.
      expect(arrivedOf(waiting, opened.sinks[to].firstTaken)).toEqual(waiting)
    }
    expect((await opened.letters()).map(({ id }) => id)).toEqual(
      expect.arrayContaining(expected.deadLetters.map(({ id }) => id)),
    )
  })

  test('an old state folder tells suppressed users by the copy in R2, which destinations are down or paused, and what was loaded', async () => {
    const nowhere = 'http://127.0.0.1:9/'
    const opened = (run = await FixtureRun.open(name, 'log', {
      AWAY: 'suppression',
      LOADS: 'by hand',
      SINK: nowhere,
      CHOOSY: nowhere,
      PAUSED: nowhere,
    }))
    for (const { kind, id } of fixture.log.suppressed as { kind: string; id: string }[]) {
      const answer = await opened.server.post('/v1/track', { ...order('somebody', `dropped-${id}`), [kind]: id })
      expect(await answer.json()).toMatchObject({ success: true, accepted: 0 })
    }
    await opened.server.accept([order('ada', 'not-suppressed')])
    for (const { target, state } of await opened.lanes()) {
      if (target === 'sink') expect(downStates).toContain(state)
      if (target === 'paused') expect(state).toBe('paused')
    }
    const { warehouses } = await opened.server.admin<{ warehouses: { lastLoad?: object; tables: object }[] }>(
      '/warehouses',
    )
    expect(warehouses.map(({ lastLoad }) => lastLoad)).toEqual([expect.objectContaining({ error: expect.any(String) })])
    expect(Object.keys(warehouses[0]?.tables ?? {})).toEqual(expect.arrayContaining(Object.keys(fixture.log.rows)))
  })

  test('an old state folder goes on with a log that has forgotten everything but where it was', async () => {
    const opened = (run = await FixtureRun.open(name, 'idle'))
    const { log } = await opened.server.admin<{ log: { head: number }[] }>('/log')
    expect(log.map(({ head }) => head)).toEqual(fixture.idle.heads)
    expect(Math.min(...fixture.idle.heads)).toBeGreaterThan(0)
    const events = visitors.map((visitor) => order(visitor, `later-${visitor}`))
    await opened.server.accept(events)
    await until('the new events arrive', () => opened.sinks.sink.ids.size === events.length)
    expect([...opened.sinks.sink.ids].toSorted()).toEqual(events.map(({ messageId }) => messageId).toSorted())
  })

  test('an old state folder delivers what waits in the inboxes of a stream that pushes, once, in order of each key', async () => {
    const opened = (run = await FixtureRun.open(name, 'queues', { STREAM: 'queues' }))
    const { waiting } = fixture.queues
    const ids = Object.values(waiting).flat()
    await until('all of it arrived', () => ids.every((id) => opened.sinks.sink.ids.has(id)), longestWait)
    await settle()
    expect(arrivedOf(waiting, opened.sinks.sink.delivered)).toEqual(waiting)
  })
})
