import { describe, expect, test } from 'vitest'
import type { RateAnswer } from '../../src/core/rate-limit.ts'
import { TokenBucket } from '../../src/admission/token-bucket.ts'
import { call } from '../support/call.ts'
import { now as start } from '../support/fake-context.ts'
import { type FakeEdge, fakeEdge } from '../support/fake-edge.ts'
import { orderCompleted } from '../support/sample-events.ts'

describe('the bucket', () => {
  const rate = { eventsPerSecond: 10, burst: 100 }
  /** A bucket with its own clock, in seconds from the first request. */
  function bucketWith(limit = rate) {
    const bucket = new TokenBucket()
    return (events: number, seconds: number, other = limit): RateAnswer =>
      bucket.take(events, other, start + seconds * 1000)
  }

  test('the token bucket begins full and is emptied by a burst', () => {
    const take = bucketWith()
    expect(take(60, 0)).toEqual({ allowed: true, remaining: 40, retryAfter: 0 })
    expect(take(40, 0)).toEqual({ allowed: true, remaining: 0, retryAfter: 0 })
    expect(take(1, 0)).toEqual({ allowed: false, remaining: 0, retryAfter: 1 })
  })

  test('the token bucket fills up at its rate, and no further than the burst', () => {
    const take = bucketWith()
    take(100, 0)
    expect(take(10, 0.9)).toEqual({ allowed: false, remaining: 9, retryAfter: 1 })
    expect(take(10, 1)).toMatchObject({ allowed: true, remaining: 0 })
    expect(take(1, 3_600)).toMatchObject({ allowed: true, remaining: 99 })
  })

  test('a refused request takes no tokens, and passes when it comes again after the time that it was given', () => {
    const take = bucketWith()
    take(100, 0)
    const { retryAfter } = take(35, 0)
    expect(retryAfter).toBe(4)
    for (let i = 0; i < 20; i++) expect(take(35, 0.1 * i)).toMatchObject({ allowed: false })
    expect(take(35, retryAfter)).toMatchObject({ allowed: true, remaining: 5 })
  })

  test('a batch larger than the burst passes when the bucket is full, and what it took too much is waited for', () => {
    const take = bucketWith()
    expect(take(250, 0)).toEqual({ allowed: true, remaining: 0, retryAfter: 0 })
    expect(take(1, 15)).toEqual({ allowed: false, remaining: 0, retryAfter: 1 })
    expect(take(1, 15.1)).toMatchObject({ allowed: true })
    // Not full: told when it will be.
    expect(take(250, 16)).toEqual({ allowed: false, remaining: 9, retryAfter: 10 })
    expect(take(250, 26)).toMatchObject({ allowed: true })
  })

  test('over a minute of more than it allows, what passes is the burst and the rate', () => {
    const take = bucketWith()
    let passed = 0
    for (let tenth = 0; tenth < 600; tenth++) if (take(3, tenth / 10).allowed) passed += 3
    expect(passed).toBeGreaterThan(690)
    expect(passed).toBeLessThanOrEqual(700)
  })

  test('less than one event a second may be the rate of a token bucket', () => {
    const take = bucketWith({ eventsPerSecond: 0.1, burst: 1 })
    expect(take(1, 0)).toMatchObject({ allowed: true })
    expect(take(1, 1)).toEqual({ allowed: false, remaining: 0, retryAfter: 9 })
    expect(take(1, 10)).toMatchObject({ allowed: true })
  })

  test('a clock that goes back neither fills nor empties the token bucket', () => {
    const take = bucketWith()
    take(100, 60)
    expect(take(1, 0)).toEqual({ allowed: false, remaining: 0, retryAfter: 1 })
    expect(take(10, 1)).toMatchObject({ allowed: true })
  })

  test('a smaller burst in a new config counts for the token bucket at once', () => {
    const take = bucketWith()
    take(1, 0)
    expect(take(10, 0, { eventsPerSecond: 1, burst: 10 })).toEqual({ allowed: true, remaining: 0, retryAfter: 0 })
  })
})

/** An edge whose sources have a limit each, with a clock that the test moves. */
function limitedEdge() {
  const buckets = new Map<string, TokenBucket>()
  const limiter = { asked: 0, answer: (answer: RateAnswer): RateAnswer | Promise<RateAnswer> => answer }
  const RATE = {
    getByName: (name: string) => ({
      take: async (events: number, rate: { eventsPerSecond: number; burst: number }) => {
        limiter.asked++
        const bucket = buckets.get(name) ?? new TokenBucket()
        buckets.set(name, bucket)
        return limiter.answer(bucket.take(events, rate, edge.clock.now))
      },
    }),
  }
  const edge = fakeEdge({ source: { rate: { eventsPerSecond: 2, burst: 4 } }, bindings: { RATE } })
  return { edge, clock: edge.clock, limiter }
}

let ids = 0
const batch = (events: number) => ({
  batch: Array.from({ length: events }, () => orderCompleted({ messageId: `order-${++ids}` })),
})
const post = (edge: FakeEdge, events: number, headers: Record<string, string> = {}) =>
  call(edge, '/v1/batch', { body: batch(events), headers })

describe('a source with a limit', () => {
  test('a source with a limit is answered 429 above it, with what the limit is, what is left and when to come again', async () => {
    const { edge } = limitedEdge()
    expect((await post(edge, 3)).status).toBe(200)
    const refused = await post(edge, 4, { origin: 'https://shop.example' })
    expect(refused.status).toBe(429)
    expect(refused.json()).toEqual({ success: false, code: 'rate_limited', message: 'max requests limit reached' })
    expect(refused.headers.get('retry-after')).toBe('2')
    expect(refused.headers.get('ratelimit-policy')).toBe('"source-shop";q=4;w=2')
    expect(refused.headers.get('ratelimit')).toBe('"source-shop";r=1;t=2')
    expect(refused.headers.get('access-control-expose-headers')).toContain('Retry-After')
    expect(edge.events()).toHaveLength(3)
    expect(edge.deadLetters).toEqual([])
  })

  test('a source with a limit is taken again after the time that it was told', async () => {
    const { edge, clock } = limitedEdge()
    await post(edge, 4)
    const { headers } = await post(edge, 2)
    clock.now += Number(headers.get('retry-after')) * 1000
    expect((await post(edge, 2)).status).toBe(200)
    expect(edge.events()).toHaveLength(6)
  })

  test('a source with a limit counts events, not requests, also those of single-event routes', async () => {
    const { edge } = limitedEdge()
    for (let i = 0; i < 4; i++)
      expect((await call(edge, '/v1/track', { body: orderCompleted({ messageId: `one-${i}` }) })).status).toBe(200)
    expect((await call(edge, '/v1/track', { body: orderCompleted({ messageId: 'one-5' }) })).status).toBe(429)
  })

  test('a source with a limit may send a batch larger than the burst after a pause', async () => {
    const { edge, clock } = limitedEdge()
    expect((await post(edge, 10)).status).toBe(200)
    expect((await post(edge, 1)).headers.get('retry-after')).toBe('4')
    clock.now += 3_000
    expect((await post(edge, 1)).status).toBe(429)
    clock.now += 1_000
    expect((await post(edge, 1)).status).toBe(200)
  })

  test('a pixel above the limit of its source is still a picture, and stores nothing', async () => {
    const { edge } = limitedEdge()
    await post(edge, 4)
    const pixel = await call(edge, '/pixel/v1/page?writeKey=2HkeyOfTheShop&anonymousId=anon-ada', {
      method: 'GET',
      key: null,
    })
    expect(pixel.headers.get('content-type')).toBe('image/gif')
    expect(edge.events()).toHaveLength(4)
  })
})

describe('while the limiter is unavailable', () => {
  test.each<[string, () => RateAnswer | Promise<RateAnswer>]>([
    ['fails', () => Promise.reject(new Error('the object was reset'))],
    ['does not answer', () => new Promise<RateAnswer>(() => {})],
  ])('requests pass when the limiter %s, and only one a second waits for it', async (_how, answer) => {
    const { edge, clock, limiter } = limitedEdge()
    limiter.answer = answer
    const began = performance.now()
    expect((await post(edge, 100)).status).toBe(200)
    expect(performance.now() - began).toBeLessThan(1_500)
    const later = performance.now()
    for (let i = 0; i < 10; i++) expect((await post(edge, 100)).status).toBe(200)
    expect(performance.now() - later).toBeLessThan(400)
    expect(limiter.asked).toBe(1)
    expect(edge.events()).toHaveLength(1_100)
    expect(edge.logged).toContain('requests pass without a rate limit')
    // Back again: the limit holds.
    limiter.answer = (given) => given
    clock.now += 1_000
    await post(edge, 4)
    await post(edge, 4)
    expect((await post(edge, 4)).status).toBe(429)
  })
})
