// What becomes of events where Cloudflare ends an isolate, or refuses it: the local runtime enforces no limit on CPU and memory, so
// that a Worker Loader of the test says what Cloudflare says.
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { webhook } from '../../destinations/webhook.ts'
import { resolveConfig } from '../../src/configure/resolve-config.ts'
import { Envelope } from '../../src/core/envelope.ts'
import type { Event } from '../../src/core/event.ts'
import type { Target } from '../../src/core/resolved-config.ts'
import type { TransformFunctions } from '../../src/core/transform.ts'
import { decide } from '../../src/lanes/decide.ts'
import { log } from '../../src/streams/log.ts'
import { isolatedTransform } from '../../src/transforms/isolated.ts'
import { call } from '../support/call.ts'
import { fakePort } from '../support/fake-context.ts'
import { fakeEdge } from '../support/fake-edge.ts'
import { type Ending, LimitedLoader } from '../support/limited-loader.ts'
import { headerOf, plainOrder } from '../support/sample-events.ts'

const platform = vi.hoisted(() => ({ env: {} as Record<string, unknown>, exports: {} }))
vi.mock('cloudflare:workers', () => platform)

/** By the text of Cloudflare, where it is told. The isolate is gone. */
const usedUp = {
  'more CPU': 'Worker exceeded CPU time limit.', // https://github.com/bobrware/bobrchat/issues/76
  'more memory': 'Worker exceeded memory limit.', // https://github.com/besidka/besidka/issues/221
  'more of either': 'Worker exceeded resource limits', // https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-1xxx-errors/error-1102/
}
/** What it says of itself. */
const refused = {
  'too many isolates': 'Too many concurrent dynamic workers', // https://github.com/iterate/iterate/pull/1693
  'too many isolates, in other words': 'Dynamic worker concurrency limit exceeded', // https://github.com/kentcdodds/kody/pull/1507
  'too many subrequests': 'Too many subrequests by single Worker invocation.', // https://developers.cloudflare.com/workers/platform/limits/
  'a lost connection': 'Network connection lost.', // https://developers.cloudflare.com/durable-objects/best-practices/error-handling/
  'a fault of its own': 'internal error; reference = 0ebtlslhnmjgkpaq', // https://developers.cloudflare.com/workers/observability/errors/
}

/** A module that counts what it has seen, which it forgets with its isolate. */
const counting = (): TransformFunctions => {
  let seen = 0
  return { transformEvent: (event) => ({ ...event, properties: { ...event.properties, seen: ++seen } }) }
}

const built = { name: 'score', file: 'transforms/score.ts', functions: ['transformEvent'] }
const code = { hash: 'h-1', main: 'harness.js', modules: {} }

let loader: LimitedLoader
/** How the call with these events ends; a test says. */
let endingOf: (events: readonly Event[]) => Ending | undefined
beforeEach(() => {
  endingOf = () => undefined
  loader = new LimitedLoader(counting, (events) => endingOf(events))
  platform.env['ISOLATES'] = loader
})

const endless = (message: string) => (events: readonly Event[]) =>
  events.some(({ properties }) => properties?.['loops'] === true) ? { message, ends: true } : undefined
const order = (id: string, loops = false) => plainOrder(id, { properties: loops ? { loops } : {} })

const laneOf = (functions: readonly string[] = ['transformEvent']) => {
  const score = isolatedTransform({ ...built, functions }, code)({ cpuMs: 50 })
  const use = webhook({ url: 'https://crm.example.com', secret: 'the-secret-of-the-crm' })
  const { targets } = resolveConfig(
    () => ({
      stream: log(),
      sources: { web: { writeKey: 'key-of-the-shop' } },
      destinations: { crm: { use, transforms: [score] } },
    }),
    {},
  )
  /** What a lane makes of events: the seen ones with their number, or what became of them. */
  return async (events: readonly Event[]) => {
    const envelopes = events.map((event) => new Envelope(headerOf(event.messageId), JSON.stringify(event)))
    const decided = await decide(envelopes, targets.get('crm') as Target, { port: fakePort() })
    return decided.map((one) => {
      if ('undecided' in one) return [one.undecided.verdict.kind, one.undecided.code, reasonOf(one.undecided.verdict)]
      if (one.settled !== undefined) return [one.settled.verdict.kind, one.settled.code, reasonOf(one.settled.verdict)]
      return one.parts.map(({ event }) => event.properties?.['seen'])
    })
  }
}
const reasonOf = (verdict: object): unknown => (verdict as { readonly reason?: unknown }).reason

describe('a lane whose isolate uses up what it may', () => {
  test.each(Object.entries(usedUp))(
    '%s than an isolate has: the event that takes it is a dead letter, all others are delivered, by isolates made anew',
    async (_, message) => {
      endingOf = endless(message)
      const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
      const decided = await laneOf()(ids.map((id) => order(id, id === 'c')))
      expect(decided).toEqual([[1], [2], ['dead', 'transform_failed', message], [1], [2], [3], [4], [5]])
      // Halves, one after the other, until the event is by itself.
      expect(loader.calls.map((called) => called.join(''))).toEqual(['abcdefgh', 'abcd', 'ab', 'cd', 'c', 'd', 'efgh'])
      expect(loader.loaded).toHaveLength(5)
      expect(new Set(loader.loaded).size).toBe(1)
      expect(loader.limits).toEqual(loader.calls.map(() => ({ cpuMs: 50 })))
    },
  )

  test('events that are too much only together are all delivered', async () => {
    endingOf = (events) => (events.length > 2 ? { message: usedUp['more memory'], ends: true } : undefined)
    expect(await laneOf()(['a', 'b', 'c', 'd', 'e'].map((id) => order(id)))).toEqual([[1], [2], [3], [4], [5]])
  })

  test('a transformBatch gets its whole batch or nothing: all of it are dead letters, and the next batch is delivered', async () => {
    endingOf = endless(usedUp['more CPU'])
    const evaluate = () => ({ transformBatch: (events: Event[]) => events })
    platform.env['ISOLATES'] = loader = new LimitedLoader(evaluate, (events) => endingOf(events))
    const lane = laneOf(['transformBatch'])
    const dead = ['dead', 'transform_failed', usedUp['more CPU']]
    expect(await lane([order('a'), order('b', true)])).toEqual([dead, dead])
    expect(await lane([order('c')])).toEqual([[undefined]])
    expect(loader.calls).toEqual([['a', 'b'], ['c']])
  })

  test('an isolate that the platform drops between two batches is made anew, and no event is lost', async () => {
    const lane = laneOf()
    expect(await lane([order('a'), order('b')])).toEqual([[1], [2]])
    expect(await lane([order('c')])).toEqual([[3]])
    loader.evict()
    expect(await lane([order('d')])).toEqual([[1]])
    expect(loader.loaded).toHaveLength(2)
  })
})

describe.each(Object.entries(refused))('a platform that refuses or breaks the call (%s)', (_, message) => {
  test.each([
    { ends: false, remote: false },
    { ends: true, remote: false },
    { ends: true, remote: true },
  ])('no event of a lane is judged by it: all wait, and are delivered (%j)', async (how) => {
    const lane = laneOf()
    endingOf = () => ({ message, ...how })
    const decided = await lane([order('a'), order('b')])
    expect(decided.map(([kind]) => kind)).toEqual(['retry', 'retry'])
    expect(decided[0]?.[2]).toContain(message)
    // No half of the batch was tried: it would be refused as well.
    expect(loader.calls).toEqual([['a', 'b']])
    endingOf = () => undefined
    expect(await lane([order('a'), order('b')])).toEqual([[1], [2]])
  })
})

describe('a request to the edge', () => {
  const edgeWith = () => fakeEdge({ source: { transforms: [isolatedTransform(built, code)] } })
  const batch = { batch: [order('a'), order('b', true), order('c')].map((one) => ({ ...one, userId: 'ada' })) }

  test('a request one of whose events uses up the CPU is taken, and that event is a dead letter', async () => {
    endingOf = endless(usedUp['more CPU'])
    const edge = edgeWith()
    const answer = await call(edge, '/v1/batch', { body: batch })
    expect(answer.status).toBe(200)
    expect(edge.envelopes().map(({ header }) => header.id)).toEqual(['a', 'c'])
    expect(edge.deadLetters).toMatchObject([{ messageId: 'b', code: 'transform_failed', reason: usedUp['more CPU'] }])
  })

  test('where the platform refuses, the sender is asked to try again: nothing of the request is taken, and nothing lost', async () => {
    endingOf = () => ({ message: refused['too many isolates'], ends: false })
    const edge = edgeWith()
    const answer = await call(edge, '/v1/batch', { body: batch })
    expect(answer.status).toBeGreaterThanOrEqual(500)
    expect([edge.envelopes(), edge.deadLetters]).toEqual([[], []])
    endingOf = () => undefined
    expect((await call(edge, '/v1/batch', { body: batch })).status).toBe(200)
    expect(edge.envelopes()).toHaveLength(3)
  })
})
