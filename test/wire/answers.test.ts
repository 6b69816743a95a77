import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { readSpill } from '../../src/spill/spill.ts'
import { basic, call, type Call } from '../support/call.ts'
import { fakeEdge, type FakeEdge, type EdgeOptions } from '../support/fake-edge.ts'
import { orderCompleted } from '../support/sample-events.ts'
import { clientRules, type ClientAnswer, sendAs } from './client-rules.ts'
import { bodyOf, firstOf, fixtureOf, fixtures } from './fixtures.ts'
import { replay } from './replay.ts'

const unavailable = () => Promise.reject(new Error('unavailable'))

/** A log that takes nothing, and R2 neither. */
const nowhere = (options: EdgeOptions = {}): FakeEdge => {
  const edge = fakeEdge({ onAppend: unavailable, onDeadLetters: unavailable, ...options })
  edge.bucket.before = unavailable
  return edge
}

/** An edge whose source sends more than it may, for as long as `limited` says so. */
const limited = (options: EdgeOptions, isLimited: () => boolean = () => true): FakeEdge => {
  const take = () => Promise.resolve(isLimited() ? { allowed: false, remaining: 0, retryAfter: 3 } : { allowed: true })
  return fakeEdge({ ...options, bindings: { RATE: { getByName: () => ({ take }) } } })
}

const broken = (): FakeEdge =>
  fakeEdge({
    port: {
      uuid: () => {
        throw new TypeError('a mistake of ours')
      },
    },
  })

const rate = { eventsPerSecond: 10 }
const good = orderCompleted()
const noId = { type: 'track', event: 'Product Viewed' }
const failing = {
  name: 'failing',
  transformEvent: () => {
    throw new Error('no such product')
  },
}

/** What the server can say to a call, by what became of the events. */
interface Case {
  readonly what: string
  readonly status: number
  readonly edge?: () => FakeEdge
  readonly path?: string
  readonly call: Call
}

/** The events are stored, as events or as dead letters: to send them again helps nobody. */
const stored: readonly Case[] = [
  { what: 'a batch', status: 200, call: { body: { batch: [good] } } },
  { what: 'a batch with a bad event', status: 200, call: { body: { batch: [good, noId, null] } } },
  { what: 'a batch of bad events', status: 200, call: { body: { batch: [noId] } } },
  { what: 'one event', status: 200, path: '/v1/track', call: { body: good } },
  {
    what: 'one event that a transform failed on',
    status: 200,
    edge: () => fakeEdge({ source: { transforms: [failing] } }),
    path: '/v1/track',
    call: { body: good },
  },
  {
    what: 'a batch when the log is unavailable and R2 has taken it',
    status: 200,
    edge: () => fakeEdge({ onAppend: unavailable }),
    call: { body: { batch: [good] } },
  },
]

/** Nothing is stored, and it is not the client's fault: it must send the same again. */
const passing: readonly Case[] = [
  { what: 'the log and R2 are unavailable', status: 503, edge: nowhere, call: { body: { batch: [good] } } },
  { what: 'dead letters cannot be stored', status: 503, edge: nowhere, call: { body: { batch: [noId] } } },
  {
    what: 'the source sends too much',
    status: 429,
    edge: () => limited({ source: { rate } }),
    call: { body: { batch: [good] } },
  },
  { what: 'there is a mistake in the code', status: 500, edge: broken, call: { body: { batch: [noId] } } },
]

/** Nothing is stored, and the same bytes will never be. */
const hopeless: readonly Case[] = [
  { what: 'no JSON', status: 400, call: { raw: '{"batch":[{]' } },
  { what: 'nothing', status: 400, call: { raw: '' } },
  { what: 'an empty batch', status: 400, call: { body: { batch: [] } } },
  { what: 'bytes that are no gzip', status: 400, call: { raw: 'no gzip', headers: { 'content-encoding': 'gzip' } } },
  { what: 'one event without an id', status: 400, path: '/v1/track', call: { body: noId } },
  { what: 'no key', status: 401, call: { key: null, body: { batch: [good] } } },
  { what: 'a wrong key', status: 401, call: { key: 'nobody', body: { batch: [good] } } },
  {
    what: 'a token',
    status: 401,
    call: { key: null, headers: { authorization: 'Bearer x' }, body: { batch: [good] } },
  },
  { what: 'the key of a source that is off', status: 404, call: { key: 'closedKey', body: { batch: [good] } } },
  { what: 'another verb', status: 405, call: { method: 'PUT', body: { batch: [good] } } },
  {
    what: 'too large a body',
    status: 413,
    edge: () => fakeEdge({ limits: { bodyBytes: 100 } }),
    call: { body: { batch: [good] } },
  },
  {
    what: 'a small gzip of too large a body',
    status: 413,
    edge: () => fakeEdge({ limits: { bodyBytes: 1_000 } }),
    call: { raw: gzipSync(' '.repeat(100_000)), headers: { 'content-encoding': 'gzip' } },
  },
  {
    what: 'too many events',
    status: 413,
    edge: () => fakeEdge({ limits: { batchEvents: 1 } }),
    call: { body: { batch: [good, good] } },
  },
  { what: 'another encoding', status: 415, call: { raw: 'x', headers: { 'content-encoding': 'br' } } },
]

async function answerOf({ edge = fakeEdge, path = '/v1/batch', call: of }: Case) {
  const at = edge()
  const { status, text: body, headers } = await call(at, path, of)
  return { at, answer: { status, body, headers } satisfies ClientAnswer }
}

const verdicts = (answer: ClientAnswer) =>
  Object.fromEntries(clientRules.map(({ client, judge }) => [client, judge(answer)]))
const all = (verdict: string) => Object.fromEntries(clientRules.map(({ client }) => [client, verdict]))

test('every client of the recordings has its rule', () => {
  expect(clientRules.map(({ client }) => client).toSorted()).toEqual(fixtures.map(({ client }) => client).toSorted())
})

describe.each(stored)('$what: stored,', (one) => {
  test(`a call of ${one.what} counts as delivered with every client, so that none sends it again`, async () => {
    const { at, answer } = await answerOf(one)
    expect(at.appends.length + at.deadLetters.length + at.bucket.kept.size).toBeGreaterThan(0)
    expect(answer.status).toBe(one.status)
    expect(answer.headers.get('content-type')).toBe('application/json')
    expect(JSON.parse(answer.body)).toMatchObject({ success: true })
    expect(verdicts(answer)).toEqual(all('delivered'))
  })
})

describe.each(passing)('when $what,', (one) => {
  test(`every client sends a call again when ${one.what}, at the soonest when that makes sense`, async () => {
    const { at, answer } = await answerOf(one)
    expect(at.events()).toEqual([])
    expect(answer.status).toBe(one.status)
    expect(verdicts(answer)).toEqual(all('again'))
    // Those that keep it wait as long; above a few seconds they would look as if they had stopped.
    if (answer.status !== 500) expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    if (answer.status !== 500) expect(Number(answer.headers.get('retry-after'))).toBeLessThanOrEqual(5)
  })
})

describe.each(hopeless)('$what', (one) => {
  test(`a call with ${one.what} is refused with ${one.status}, and no client but those that try everything sends it again`, async () => {
    const { at, answer } = await answerOf(one)
    expect(at.events()).toEqual([])
    expect(answer.status).toBe(one.status)
    // Three know no answer that ends it sooner than their attempts do; Customer.io's ends on 400.
    const stubborn = ['rudder-go', 'segment-go', ...(one.status === 400 ? [] : ['customerio-node'])]
    expect(verdicts(answer)).toEqual({
      ...all('dropped'),
      ...Object.fromEntries(stubborn.map((client) => [client, 'again'])),
    })
  })
})

describe('every answer that is no success', () => {
  test.each([...passing, ...hopeless])(
    'an answer that is no success has a JSON object with code and message: $what',
    async (one) => {
      const { answer } = await answerOf(one)
      expect(answer.headers.get('content-type')).toBe('application/json')
      expect(JSON.parse(answer.body)).toEqual({
        success: false,
        code: expect.stringMatching(/^[a-z_]+$/) as string,
        message: expect.stringMatching(/\w/) as string,
      })
    },
  )

  test.each([...stored, ...passing, ...hopeless])(
    'no answer, success or not, is a redirect or 451: $what',
    async (one) => {
      const { status } = (await answerOf(one)).answer
      expect([200, 400, 401, 404, 405, 413, 415, 429, 500, 503]).toContain(status)
    },
  )

  test('no answer is one to GET /cluster-info, or RudderStack’s Go SDK would stop for good', async () => {
    for (const headers of [{}, { authorization: basic('2HkeyOfTheShop') }])
      expect((await call(fakeEdge(), '/cluster-info', { method: 'GET', key: null, headers })).status).toBe(404)
  })
})

describe.each(clientRules)('a batch of $client', (rule) => {
  const request = firstOf(fixtureOf(rule.client))
  const ids = bodyOf(request).batch.map(({ messageId }) => messageId)

  const attempt = async (edge: FakeEdge): Promise<ClientAnswer> => {
    const answer = await replay(edge, request)
    return { status: answer.status, body: await answer.text(), headers: answer.headers }
  }
  /** Ids that the stream holds, or R2 for it; the stream keeps the first of each, as its own tests prove. */
  const held = async (edge: FakeEdge): Promise<string[]> => {
    const spilled = await Promise.all(edge.bucket.keys.map((key) => readSpill(key, edge.context)))
    const packed = spilled.flatMap((one) => (one?.kind === 'events' ? one.packed : []))
    return [...edge.appends.flat(), ...packed].map(({ id }) => id)
  }

  test(`a batch of ${rule.client} gets through 503, 429 and an answer that is lost on its way: nothing lost, nothing twice`, async () => {
    let now = 0
    const outage = () => (now === 1 ? unavailable() : Promise.resolve())
    const edge = limited({ source: { rate }, onAppend: outage }, () => now === 2)
    edge.bucket.before = outage
    const statuses: (number | undefined)[] = []
    const { end, sent } = await sendAs(rule, async (time) => {
      now = time
      const answer = await attempt(edge)
      const arrives = time !== 3
      statuses.push(arrives ? answer.status : undefined)
      return arrives ? answer : undefined
    })
    expect(statuses).toEqual([503, 429, undefined, 200])
    expect({ end, sent }).toEqual({ end: 'delivered', sent: 4 })
    // Taken twice, once before the answer got lost: under the same ids, so that the stream keeps them once.
    expect(await held(edge)).toEqual([...ids, ...ids])
  })

  test(`a batch of ${rule.client} needs one attempt while only the log is unavailable: an outage is no reason for its retries to run out`, async () => {
    const edge = fakeEdge({ onAppend: unavailable })
    const { end, sent } = await sendAs(rule, () => attempt(edge))
    expect({ end, sent }).toEqual({ end: 'delivered', sent: 1 })
    expect(await held(edge)).toEqual(ids)
    expect(edge.appends).toEqual([])
  })

  test(`a batch of ${rule.client} is dropped at last, and never believed delivered, while nothing can be stored`, async () => {
    const edge = nowhere()
    const { end, sent } = await sendAs(rule, () => attempt(edge))
    expect({ end, sent }).toEqual({ end: 'dropped', sent: rule.attempts })
    expect([edge.appends, edge.bucket.keys]).toEqual([[], []])
  })
})
