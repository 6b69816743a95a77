import { expect, test, vi } from 'vitest'
import type { Destination } from '../../src/core/destination.ts'
import { Envelope } from '../../src/core/envelope.ts'
import { Deadlines } from '../../src/lanes/deadlines.ts'
import { deliver } from '../../src/lanes/deliver.ts'
import { fakePort } from '../support/fake-context.ts'
import { fakeDestination } from '../support/fake-destination.ts'
import { headerOf } from '../support/sample-events.ts'
import { verdictOfStatus } from '../../src/lanes/status-verdict.ts'

const now = Date.parse('2026-11-25T12:00:00Z')
const envelope = (id: string, key = id, text = '{}') => new Envelope(headerOf(id, { key }), text)
const destination = (change: Partial<Destination> = {}): Destination =>
  fakeDestination('webhook', {
    limits: { events: 10, bytes: 100, parallel: 1, timeoutSeconds: 1 },
    request: (items) => ({
      method: 'POST',
      url: 'http://sink.test/',
      headers: {},
      body: items.map(({ id }) => id).join(),
    }),
    ...change,
  })
/** Answers by the ids in a request; keeps what was sent. */
function network(answer: (ids: string[], request: Request) => Response | Promise<Response>) {
  const sent: string[][] = []
  const port = fakePort({
    now: () => now,
    fetch: async (request) => {
      const ids = (await request.clone().text()).split(',')
      sent.push(ids)
      return answer(ids, request)
    },
  })
  return { port, sent }
}
const ok = () => new Response(null, { status: 204 })

test.each([
  [200, 'done'],
  [204, 'done'],
  [301, 'pause'],
  [304, 'pause'],
  [400, 'dead'],
  [401, 'pause'],
  [403, 'pause'],
  [402, 'pause'],
  [404, 'pause'],
  [405, 'pause'],
  [409, 'dead'],
  [408, 'retry'],
  [407, 'pause'],
  [410, 'pause'],
  [413, 'dead'],
  [422, 'dead'],
  [425, 'retry'],
  [429, 'retry'],
  [500, 'retry'],
  [503, 'retry'],
])('an answer of a destination with the status %i means %s', (status, kind) => {
  expect(verdictOfStatus({ status, headers: {}, body: '' }, now).kind).toBe(kind)
})

test('a Retry-After is read as seconds and as a date', () => {
  const after = (value: string) => verdictOfStatus({ status: 429, headers: { 'retry-after': value }, body: '' }, now)
  expect(after('7')).toEqual({ kind: 'retry', reason: 'HTTP 429', afterSeconds: 7 })
  expect(after('Wed, 25 Nov 2026 12:01:00 GMT')).toMatchObject({ afterSeconds: 60 })
  expect(after('soon')).toEqual({ kind: 'retry', reason: 'HTTP 429' })
})

test('requests keep within the events and the bytes of the destination', async () => {
  const { port, sent } = network(ok)
  const limits = { events: 3, bytes: 100, parallel: 1, timeoutSeconds: 1 }
  const texts = [10, 10, 10, 10, 60, 60, 200, 5].map((length, i) => envelope(`${i}`, `${i}`, 'x'.repeat(length)))
  const { outcomes } = await deliver(texts, destination({ limits }), { port })
  expect(sent).toEqual([['0', '1', '2'], ['3', '4'], ['5'], ['6'], ['7']])
  expect(outcomes.every(({ verdict }) => verdict.kind === 'done')).toBe(true)
})

test('a refused batch is halved until the refused events stand alone', async () => {
  const { port, sent } = network((ids) => (ids.includes('c') ? new Response('c is bad', { status: 400 }) : ok()))
  const { outcomes } = await deliver(
    ['a', 'b', 'c', 'd'].map((id) => envelope(id)),
    destination(),
    { port },
  )
  expect(sent).toEqual([['a', 'b', 'c', 'd'], ['a', 'b'], ['c', 'd'], ['c'], ['d']])
  expect(outcomes.map(({ verdict }) => verdict.kind)).toEqual(['done', 'done', 'dead', 'done'])
  expect(outcomes[2]).toMatchObject({
    verdict: { kind: 'dead', reason: 'HTTP 400' },
    code: 'http_400',
    detail: 'c is bad',
  })
})

test('a batch that must be retried is not halved', async () => {
  const { port, sent } = network(() => new Response(null, { status: 503 }))
  const { outcomes, sent: requests } = await deliver([envelope('a'), envelope('b')], destination(), { port })
  expect(sent).toHaveLength(1)
  expect(outcomes.map(({ verdict }) => verdict.kind)).toEqual(['retry', 'retry'])
  expect(requests).toEqual([{ at: now, ms: 0, status: 503, events: [0, 1], verdict: 'retry', reason: 'HTTP 503' }])
})

test('later events of a key are held once an earlier one must be retried, those of other keys go', async () => {
  const limits = { events: 1, bytes: 100, parallel: 1, timeoutSeconds: 1 }
  const events = [envelope('ada 1', 'ada'), envelope('grace 1', 'grace'), envelope('ada 2', 'ada')]
  const answer = (ids: string[]) => (ids[0] === 'ada 1' ? new Response(null, { status: 500 }) : ok())
  const ordered = network(answer)
  const { outcomes } = await deliver(events, destination({ limits }), { port: ordered.port })
  expect(ordered.sent).toEqual([['ada 1'], ['grace 1']])
  expect(outcomes.map(({ code }) => code)).toEqual(['http_500', 'http_204', 'held'])

  const free = network(answer)
  await deliver(events, destination({ limits }), { port: free.port, ordered: false })
  expect(free.sent).toEqual([['ada 1'], ['grace 1'], ['ada 2']])
})

test('no connection and no answer in time are retries', async () => {
  const refused = network(() => Promise.reject(new Error('connection refused')))
  expect((await deliver([envelope('a')], destination(), { port: refused.port })).outcomes[0]).toMatchObject({
    verdict: { kind: 'retry', reason: 'no connection: connection refused' },
    code: 'no_answer',
  })
  const slow = network(
    (_, { signal }) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
  )
  const limits = { events: 1, bytes: 100, parallel: 1, timeoutSeconds: 0.02 }
  expect((await deliver([envelope('a')], destination({ limits }), { port: slow.port })).outcomes[0]?.verdict).toEqual({
    kind: 'retry',
    reason: 'no answer within 0.02 s',
  })
})

test('at most 64 KB of an answer are read for verdicts, and 10 KB of it are kept', async () => {
  const { port } = network(() => new Response('é'.repeat(50_000), { status: 400 }))
  let read = 0
  const verdicts: Destination['verdicts'] = ({ body }) => {
    read = body.length
    return { kind: 'dead', reason: 'refused' }
  }
  const { outcomes } = await deliver([envelope('a')], destination({ verdicts }), { port })
  expect(read).toBe(32_768)
  expect(outcomes[0]?.detail).toBe('é'.repeat(10_240))
})

test('what encode declines is skipped, what it throws at is dead, and neither is sent', async () => {
  const { port, sent } = network(ok)
  const encode: Destination['encode'] = ({ id, text }) => {
    if (id === 'b') throw new Error('no email')
    return id === 'a' ? null : { id, text }
  }
  const { outcomes } = await deliver(
    ['a', 'b', 'c'].map((id) => envelope(id)),
    destination({ encode }),
    { port },
  )
  expect(sent).toEqual([['c']])
  expect(outcomes.map(({ code }) => code)).toEqual(['skip', 'encode_failed', 'http_204'])
})

test('a request that cannot be made is no request', async () => {
  const { port, sent } = network(ok)
  const request: Destination['request'] = (items) => {
    if (items.some(({ id }) => id === 'a')) throw new Error('no URL')
    return { method: 'POST', url: 'http://sink.test/', headers: {}, body: items.map(({ id }) => id).join() }
  }
  const result = await deliver([envelope('a'), envelope('b')], destination({ request }), { port })
  expect(sent).toEqual([['b']])
  expect(result.outcomes.map(({ code }) => code)).toEqual(['request_failed', 'http_204'])
  expect(result.sent).toHaveLength(1)
})

test('a destination that judges badly (too few verdicts, a throw) makes a retry', async () => {
  const { port } = network(() => new Response('[]'))
  const few = await deliver([envelope('a'), envelope('b')], destination({ verdicts: () => [{ kind: 'done' }] }), {
    port,
  })
  expect(few.outcomes[0]?.verdict).toEqual({
    kind: 'retry',
    reason: 'the answer could not be read: 1 verdicts for 2 events',
  })
  const verdicts = () => {
    throw new Error('not JSON')
  }
  const thrown = await deliver([envelope('a')], destination({ verdicts }), { port })
  expect(thrown.outcomes[0]?.verdict.kind).toBe('retry')
})

test('redirects of a destination are not followed', async () => {
  const { port } = network((_, request) => {
    expect(request.redirect).toBe('manual')
    return new Response(null, { status: 302, headers: { location: 'http://elsewhere.test/' } })
  })
  expect((await deliver([envelope('a')], destination(), { port })).outcomes[0]?.verdict.kind).toBe('pause')
})

test('what the platform throws is no verdict on an event, wherever it is thrown', async () => {
  const { port, sent } = network(ok)
  vi.stubGlobal('setTimeout', () => {
    throw new DOMException('You have exceeded the number of active timeouts you may set.', 'QuotaExceededError')
  })
  const events = [envelope('ada 1', 'ada'), envelope('ada 2', 'ada')]
  const limits = { events: 1, bytes: 100, parallel: 1, timeoutSeconds: 1 }
  const result = await deliver(events, destination({ limits }), { port }).finally(() => vi.unstubAllGlobals())
  expect(sent).toEqual([])
  expect(result.sent).toEqual([])
  expect(result.outcomes.map(({ verdict, code }) => [verdict.kind, code])).toEqual([
    ['retry', 'platform'],
    ['retry', 'platform'],
  ])
})

test('all requests of a lane have one timer, which ends within a second after the last of them', async () => {
  vi.useFakeTimers()
  try {
    const deadlines = new Deadlines()
    const healthy = network(ok)
    for (let i = 0; i < 30; i++) await deliver([envelope(`a${i}`)], destination(), { port: healthy.port, deadlines })
    expect(vi.getTimerCount()).toBe(1)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(vi.getTimerCount()).toBe(0)
  } finally {
    vi.useRealTimers()
  }
})

test('a request that takes too long is given up in time, and no other that shares its timer', async () => {
  vi.useFakeTimers()
  try {
    const deadlines = new Deadlines()
    const answers: (() => void)[] = []
    const { port } = network(
      (ids, { signal }) =>
        new Promise((resolve, reject) => {
          if (ids[0] === 'ada') answers.push(() => resolve(ok()))
          signal.addEventListener('abort', () => reject(signal.reason as Error))
        }),
    )
    const send = (id: string) => deliver([envelope(id)], destination(), { port, deadlines })
    const grace = send('grace')
    await vi.advanceTimersByTimeAsync(600)
    const ada = send('ada')
    await vi.advanceTimersByTimeAsync(400)
    expect((await grace).outcomes[0]?.verdict).toEqual({ kind: 'retry', reason: 'no answer within 1 s' })
    await vi.advanceTimersByTimeAsync(500)
    answers[0]?.()
    expect((await ada).outcomes[0]?.verdict).toEqual({ kind: 'done' })
  } finally {
    vi.useRealTimers()
  }
})

test('a body that never ends is cut at the time-out: the status is an answer all the same', async () => {
  vi.useFakeTimers()
  try {
    const endless = network(() => {
      const start = (controller: ReadableStreamDefaultController) =>
        controller.enqueue(new TextEncoder().encode('the total is no number'))
      return new Response(new ReadableStream({ start }), { status: 400 })
    })
    const delivering = deliver([envelope('a')], destination(), { port: endless.port })
    await vi.advanceTimersByTimeAsync(1_000)
    expect((await delivering).outcomes[0]).toMatchObject({
      verdict: { kind: 'dead', reason: 'HTTP 400' },
      code: 'http_400',
      detail: 'the total is no number',
    })
  } finally {
    vi.useRealTimers()
  }
})

/** An answer whose body breaks off behind its first words. */
function brokenOff(status: number, words: string): Response {
  const start = (controller: ReadableStreamDefaultController) => controller.enqueue(new TextEncoder().encode(words))
  const pull = (controller: ReadableStreamDefaultController) => controller.error(new Error('Network connection lost.'))
  return new Response(new ReadableStream({ start, pull }, { highWaterMark: 0 }), { status })
}

test('a refusal whose body breaks off is a refusal all the same, and takes no lane down', async () => {
  const { port } = network(() => brokenOff(400, 'the total is no'))
  const result = await deliver([envelope('a')], destination(), { port })
  expect(result.outcomes[0]).toMatchObject({
    verdict: { kind: 'dead', reason: 'HTTP 400' },
    code: 'http_400',
    detail: 'the total is no',
  })
  expect(result.sent).toMatchObject([{ status: 400, verdict: 'dead' }])
})

test('a success whose body breaks off is tried again where the destination reads what became of the events in it', async () => {
  const { port } = network(() => brokenOff(200, '{"failed":['))
  const result = await deliver([envelope('a')], destination({ verdicts: () => undefined }), { port })
  expect(result.outcomes[0]).toMatchObject({ verdict: { kind: 'retry' }, code: 'no_answer' })
})

test('a URL that is none is a verdict on the events of the request, never on the destination', async () => {
  const { port } = network(ok)
  const request: Destination['request'] = () => ({ method: 'POST', url: 'no url', headers: {} })
  const result = await deliver([envelope('a')], destination({ request }), { port })
  expect(result.outcomes[0]).toMatchObject({ verdict: { kind: 'dead' }, code: 'request_failed' })
  expect(result.sent).toEqual([])
})
