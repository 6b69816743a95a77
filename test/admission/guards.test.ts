import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Deletion, LaneStatus, Suppressed } from '../../src/core/bindings.ts'
import { plainOrder } from '../support/sample-events.ts'
import { until } from '../support/until.ts'
import { EdgeHarness } from '../edge/edge-harness.ts'
import { Sink } from '../support/sink.ts'

// Suppression and rate limits in the real runtime, from the request to the sink.

let sink: Sink
let harness: EdgeHarness
beforeEach(async () => {
  sink = await Sink.open()
  harness = await EdgeHarness.start(sink.url)
})
afterEach(async () => {
  await harness.stop()
  await sink.close()
})

const order = (messageId: string, userId = 'ada') => plainOrder(messageId, { userId })
const orders = (prefix: string, events: number) => Array.from({ length: events }, (_, i) => order(`${prefix}-${i}`))
const arrived = (...ids: string[]) =>
  until(`${ids.join(', ')} arrived`, () => sink.arrivals, {
    enough: (all) => ids.every((id) => all.includes(id)),
    seconds: 15,
  })
const counters = async (): Promise<Readonly<Record<string, number>>> => {
  const { lanes } = (await harness.admin('/lanes')).body as unknown as { lanes: LaneStatus[] }
  return lanes.find(({ target }) => target === '@edge')?.counters ?? {}
}
const ada = { users: [{ kind: 'userId', id: 'ada' }] }

describe('a suppressed user', () => {
  test('a suppressed user is not heard of ten seconds after the call, is counted, and is taken again ten seconds after the removal', async () => {
    await harness.send([order('before')])
    expect(await harness.admin('/suppression', ada)).toEqual({ status: 200, body: { success: true } })
    await harness.set({ aheadMs: 10_100 })
    const answer = await harness.send([order('during'), order('of-grace', 'grace')])
    expect(answer).toMatchObject({ status: 200, body: { accepted: 1, dropped: 1 } })
    await arrived('before', 'of-grace')
    await until('it is counted', counters, { enough: (all) => all['dropped:suppressed'] === 1 })
    expect((await harness.admin('/suppression/remove', ada)).body).toEqual({ success: true, removed: 1 })
    await harness.set({ aheadMs: 20_300 })
    await harness.send([order('after')])
    await arrived('after')
    expect(sink.arrivals.toSorted()).toEqual(['after', 'before', 'of-grace'])
  })

  test('a suppressed user is deleted at the destination that can, soon after the call', async () => {
    const { body } = await harness.admin('/suppression', { ...ada, delete: true })
    expect(body['deletions']).toMatchObject([
      { destination: 'crm', kind: 'userId', id: 'ada', state: 'waiting' },
      { destination: 'slow', state: 'unsupported' },
    ])
    await arrived('deletion-of-ada')
    const states = async () => {
      const { deletions } = (await harness.admin('/suppression/deletions')).body as unknown as { deletions: Deletion[] }
      return deletions.map(({ destination, state }) => `${destination} ${state}`)
    }
    await until('it is done', states, { enough: (all) => all[0] === 'crm done' })
    expect(await states()).toEqual(['crm done', 'slow unsupported'])
  })

  test('a suppressed user stays suppressed after a power cut, from the first request on', async () => {
    await harness.admin('/suppression', ada)
    await harness.restart()
    const all = await Promise.all(Array.from({ length: 20 }, (_, i) => harness.send([order(`late-${i}`)])))
    expect(all.map(({ status, body }) => [status, body['dropped']])).toEqual(all.map(() => [200, 1]))
    const { users } = (await harness.admin('/suppression')).body as unknown as { users: Suppressed[] }
    expect(users).toMatchObject([{ kind: 'userId', id: 'ada' }])
    await harness.send([order('of-grace', 'grace')])
    await arrived('of-grace')
    expect(sink.arrivals).toEqual(['of-grace'])
  })

  test('a suppressed user is known from the copy in R2 while the object that keeps the list is unavailable', async () => {
    await harness.admin('/suppression', ada)
    await harness.restart()
    await harness.set({ unavailable: ['SUPPRESSION'] })
    const began = performance.now()
    const all = await Promise.all(Array.from({ length: 20 }, (_, i) => harness.send([order(`late-${i}`)])))
    expect(all.map(({ status, body }) => [status, body['dropped']])).toEqual(all.map(() => [200, 1]))
    expect(performance.now() - began).toBeLessThan(2_500)
    await harness.send([order('of-grace', 'grace')])
    await arrived('of-grace')
    expect(sink.arrivals).toEqual(['of-grace'])
  })

  test('many requests of a suppressed user at once share what the isolate knows, while it is asked for again', async () => {
    await harness.admin('/suppression', ada)
    for (const aheadMs of [0, 6_000, 12_000, 18_000, 30_000]) {
      await harness.set({ aheadMs })
      const all = await Promise.all(Array.from({ length: 40 }, (_, i) => harness.send([order(`at-${aheadMs}-${i}`)])))
      expect(all.map(({ status, body }) => [status, body['dropped']])).toEqual(all.map(() => [200, 1]))
    }
    await until('all are counted', counters, { enough: (all) => all['dropped:suppressed'] === 200 })
    expect(sink.arrivals).toEqual([])
  })
})

describe('a source with a rate limit', () => {
  const metered = (events: object[]) => harness.send(events, 'keyOfTheMetered')

  test('a source with a rate limit gets 429 above it, recovers, and takes nothing from other sources', async () => {
    expect((await metered(orders('first', 4))).status).toBe(200)
    const refused = await metered(orders('second', 2))
    expect(refused).toMatchObject({
      status: 429,
      body: { code: 'rate_limited', message: 'max requests limit reached' },
    })
    expect(refused.headers.get('retry-after')).toBe('1')
    expect(refused.headers.get('ratelimit-policy')).toBe('"source-metered";q=4;w=2')
    expect((await harness.send(orders('other', 4), 'keyOfTheOther')).status).toBe(200)
    await harness.set({ aheadMs: 1_000 })
    expect((await metered(orders('third', 2))).status).toBe(200)
    await arrived('first-3', 'other-3', 'third-1')
    expect(sink.arrivals.filter((id) => id.startsWith('second'))).toEqual([])
  })

  test('as many requests of a source with a rate limit pass at once as the limit has room for', async () => {
    const all = await Promise.all(Array.from({ length: 12 }, (_, i) => metered([order(`at-once-${i}`)])))
    const passed = all.filter(({ status }) => status === 200).length
    // Tokens come back while they are sent.
    expect(passed).toBeGreaterThanOrEqual(4)
    expect(passed).toBeLessThan(12)
    expect(all.every(({ status }) => status === 200 || status === 429)).toBe(true)
  })

  test('a source with a rate limit passes while the limiter is unavailable', async () => {
    await harness.set({ unavailable: ['RATE'] })
    expect((await metered(orders('unmetered', 20))).status).toBe(200)
    expect((await metered(orders('more', 20))).status).toBe(200)
    await arrived('unmetered-19', 'more-19')
  })
})
