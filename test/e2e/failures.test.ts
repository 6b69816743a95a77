import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { LaneStatus, LaneTrace } from '../../src/core/bindings.ts'
import type { Event } from '../../src/core/event.ts'
import { plainOrder } from '../support/sample-events.ts'
import { serveWithSinks } from '../support/serve-with-sinks.ts'
import { basic, type Server } from '../support/server.ts'
import type { Sink } from '../support/sink.ts'
import { d1Tables } from '../support/tables.ts'
import { until } from '../support/until.ts'

let sink: Sink
let batches: Sink
let server: Server
serveWithSinks(
  { config: 'failures.config.ts', sinks: { SINK: 'sink', BATCHES: 'batches', CHOOSY: 'sink' } },
  (served) => {
    server = served.server
    ;({ sink, batches } = served.sinks)
  },
)

const times = (messageId: string): number => sink.deliveries.get(messageId) ?? 0

const letterOf = async (messageId: string) =>
  (await server.deadLetters()).find((letter) => letter.messageId === messageId)

const traceOf = async (messageId: string, target: string): Promise<LaneTrace | undefined> => {
  const { lanes } = await server.admin<{ lanes: LaneTrace[] }>(`/trace/${messageId}`)
  return lanes.find((lane) => lane.target === target)
}

describe('a batch with bad events', () => {
  test('a batch with bad events is accepted for the good ones, says which are bad, and keeps these as dead letters with the reason', async () => {
    const response = await server.post('/v1/batch', {
      batch: [
        plainOrder('good-1'),
        plainOrder('nobody', { userId: '' }),
        'Order Completed',
        plainOrder('listed', { properties: [42] as never }),
        plainOrder('good-2'),
      ],
    })
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({
      success: true,
      accepted: 2,
      rejected: [
        {
          index: 1,
          messageId: 'nobody',
          code: 'no_identity',
          reason: 'request neither has anonymousId nor userId',
        },
        { index: 2, messageId: expect.any(String), code: 'not_an_object', reason: expect.any(String) },
        { index: 3, messageId: 'listed', code: 'invalid_event', reason: 'properties must be an object' },
      ],
    })
    await sink.untilDelivered('good-1', 'good-2')
    const letters = await server.deadLetters()
    expect(
      letters
        .filter(({ stage }) => stage === 'ingest')
        .map(({ code }) => code)
        .toSorted(),
    ).toEqual(['invalid_event', 'no_identity', 'not_an_object'])
    expect(letters.find(({ code }) => code === 'not_an_object')?.event).toBe('Order Completed')
    expect(times('nobody') + times('listed')).toBe(0)
  })

  test('a batch with bad events reaches the sink after somebody has edited and replayed what was bad', async () => {
    const letter = await letterOf('nobody')
    await server.admin(`/dead-letters/${letter?.id}`, {
      method: 'PUT',
      body: JSON.stringify({ event: { ...(letter?.event as Event), userId: 'ada' } }),
    })
    await server.admin(`/dead-letters/${letter?.id}/replay`, { method: 'POST' })
    await sink.untilDelivered('nobody')
    expect(await letterOf('nobody')).toBeUndefined()
  })
})

describe('a request that cannot be taken', () => {
  const bodyOf = (response: Response) => response.json() as Promise<{ success: boolean; code: string; message: string }>

  test.each([
    { why: 'is not JSON', body: '{"batch":[', code: 'invalid_json', message: 'invalid json' },
    { why: 'is empty', body: '', code: 'invalid_json', message: 'invalid json' },
    { why: 'has an empty batch', body: '{"batch":[]}', code: 'empty_batch', message: 'empty batch payload' },
  ])(
    'a request that cannot be taken because it $why is answered with 400 and $code',
    async ({ body, code, message }) => {
      const response = await server.post('/v1/batch', undefined, { body })
      expect(response.status).toBe(400)
      expect(await bodyOf(response)).toEqual({ success: false, code, message })
    },
  )

  test('a request that has no write key, or a wrong one, is answered with 401', async () => {
    const body = JSON.stringify(plainOrder('keyless'))
    const none = await fetch(`${server.url}/v1/track`, { method: 'POST', body })
    expect([none.status, (await bodyOf(none)).message]).toEqual([401, 'failed to read writekey from header'])
    const wrong = await fetch(`${server.url}/v1/track`, {
      method: 'POST',
      body,
      headers: { authorization: basic('noSuchKey') },
    })
    expect([wrong.status, (await bodyOf(wrong)).message]).toEqual([401, 'invalid write key'])
  })

  const packed = (body: Uint8Array<ArrayBuffer>, type = 'application/json') =>
    server.post('/v1/batch', undefined, {
      body,
      headers: { 'content-type': type, 'content-encoding': 'gzip', authorization: basic(server.writeKey) },
    })

  test('a request that is gzipped is taken, whatever its content type says', async () => {
    const body = new Uint8Array(gzipSync(JSON.stringify({ batch: [plainOrder('zipped-1'), plainOrder('zipped-2')] })))
    const response = await packed(body, 'application/x-www-form-urlencoded')
    expect(await response.json()).toEqual({ success: true, accepted: 2 })
    await sink.untilDelivered('zipped-1', 'zipped-2')
  })

  test('a request whose gzip is damaged is answered with body_unreadable', async () => {
    const whole = new Uint8Array(gzipSync(JSON.stringify({ batch: [plainOrder('cut-off')] })))
    const response = await packed(whole.slice(0, whole.length - 12))
    expect(response.status).toBe(400)
    expect(await bodyOf(response)).toEqual({
      success: false,
      code: 'body_unreadable',
      message: 'failed to read body from request',
    })
  })

  test('a request that is too large, as it is or inflated, is answered with 413 and takes no memory', async () => {
    const large = await server.post('/v1/track', plainOrder('large', { properties: { text: 'x'.repeat(5_000_000) } }))
    expect([large.status, (await bodyOf(large)).code]).toEqual([413, 'body_too_large'])

    const before = peakMegabytes(server.workerdPid)
    // 300 MB of zeros in 300 KB, three times at once.
    const bomb = new Uint8Array(gzipSync(new Uint8Array(300_000_000)))
    const answers = await Promise.all([packed(bomb), packed(bomb), packed(bomb)])
    for (const answer of answers) expect([answer.status, (await bodyOf(answer)).code]).toEqual([413, 'body_too_large'])
    if (before !== undefined) expect((peakMegabytes(server.workerdPid) ?? 0) - before).toBeLessThan(100)
    await sink.untilDelivered((await accepted(plainOrder('after-the-bomb'))).messageId)
  })
})

/** The most memory that a process has ever had; undefined where the system does not tell. */
function peakMegabytes(pid: number): number | undefined {
  if (process.platform !== 'linux') return undefined
  const kilobytes = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kilobytes) / 1024
}

async function accepted(event: Event): Promise<Event> {
  const response = await server.post('/v1/track', event)
  expect(await response.json()).toEqual({ success: true, accepted: 1 })
  return event
}

describe('a transform', () => {
  test('a transform that throws, drops or multiplies decides about its own event only', async () => {
    const response = await server.post(
      '/v1/batch',
      {
        batch: [
          plainOrder('calm-1'),
          plainOrder('explode', { event: 'Explode' }),
          plainOrder('forget', { event: 'Forget' }),
          plainOrder('twins', { event: 'Twins' }),
          plainOrder('calm-2'),
        ],
      },
      { headers: { authorization: basic('keyOfTheMoodySource'), 'content-type': 'application/json' } },
    )
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({
      success: true,
      accepted: 3,
      dropped: 1,
      rejected: [
        {
          index: 1,
          messageId: 'explode',
          code: 'transform_failed',
          reason: 'this transform does not like explosions',
        },
      ],
    })
    await sink.untilDelivered('calm-1', 'calm-2', 'twins', 'twins#1')
    expect(sink.delivered.find(({ messageId }) => messageId === 'twins#1')?.properties?.['twin']).toBe(true)
    expect([times('explode'), times('forget')]).toEqual([0, 0])

    const letter = await letterOf('explode')
    expect(letter).toMatchObject({ stage: 'transform', source: 'moody', event: { event: 'Explode' } })
    expect(letter?.detail).toContain('transformEvent')
    await until('it is counted', async () => (await server.lane('@edge')).counters['dropped:moods'] === 1)
  })
})

describe('a destination', () => {
  const visitors = ['ada', 'grace', 'katherine', 'mary', 'annie', 'joan', 'dorothy', 'hedy']
  const numbers = (userId: string, batch: string) =>
    sink.firstArrivals
      .filter((event) => event.userId === userId && event.properties?.['batch'] === batch)
      .map(({ properties }) => properties?.['number'])

  test('a destination that is down keeps its events waiting in order, and gets all of them when it is back', async () => {
    await sink.close()
    const ids: string[] = []
    for (let number = 1; number <= 8; number++)
      for (const userId of visitors) {
        const id = `down-${userId}-${number}`
        ids.push(id)
        await accepted(plainOrder(id, { userId, properties: { number, batch: 'down' } }))
      }
    const open = await until('the lane is open, and knows of all that waits', async () => {
      const lane = await server.lane('sink')
      return lane.state === 'down' && lane.depth === ids.length && lane
    })
    expect(open.reason).toContain('no connection')
    expect(open.nextAttemptAt).toBeGreaterThan(Date.now() - 10_000)
    // The others do not notice.
    await server.post('/v1/track', plainOrder('elsewhere'), { headers: { authorization: basic('keyOfTheBulkSource') } })
    await batches.untilDelivered('elsewhere')

    await sink.reopen()
    await sink.untilDelivered(...ids)
    for (const userId of visitors) expect(numbers(userId, 'down')).toEqual(Array.from({ length: 8 }, (_, i) => i + 1))
    expect(ids.map(times)).toEqual(ids.map(() => 1))
    const back = await until('the lane is idle', async () => {
      const lane = await server.lane('sink')
      return lane.state === 'idle' && lane
    })
    expect(back.depth).toBe(0)
    expect((await server.deadLetters()).filter(({ stage }) => stage === 'delivery')).toEqual([])
  })

  test('a destination that refuses the credential is paused, burns nothing, and goes on when somebody resumes it', async () => {
    sink.answer = () => ({ status: 401, body: 'who are you?' })
    const ids = ['refused-1', 'refused-2', 'refused-3']
    for (const id of ids) await accepted(plainOrder(id))
    const paused = await until('the lane is paused, and knows of all that waits', async () => {
      const lane = await server.lane('sink')
      return lane.state === 'paused' && lane.depth === ids.length && lane
    })
    expect(paused.reason).toBe('HTTP 401: the credential is refused')
    const tries = sink.received.length
    await sleep(1_500)
    expect(sink.received.length, 'requests while paused').toBe(tries)
    sink.answer = () => undefined
    await server.admin('/lanes/sink/0/resume', { method: 'POST' })
    await sink.untilDelivered(...ids)
    expect(ids.map(times)).toEqual([1, 1, 1])
    expect((await server.deadLetters()).filter(({ stage }) => stage === 'delivery')).toEqual([])
  })

  test('a destination that refuses a batch gets all but the one bad event, which is a dead letter', async () => {
    batches.answer = (events) =>
      events.some(({ messageId }) => messageId === 'bulk-7') ? { status: 400, body: 'no sevens' } : undefined
    const ids = Array.from({ length: 30 }, (_, i) => `bulk-${i}`)
    const response = await server.post(
      '/v1/batch',
      { batch: ids.map((id) => plainOrder(id)) },
      { headers: { authorization: basic('keyOfTheBulkSource'), 'content-type': 'application/json' } },
    )
    expect(await response.json()).toEqual({ success: true, accepted: 30 })
    const others = ids.filter((id) => id !== 'bulk-7')
    await batches.untilDelivered(...others)
    expect(others.map((id) => batches.deliveries.get(id))).toEqual(others.map(() => 1))
    const letter = await until('the bad one is a dead letter', () => letterOf('bulk-7'))
    expect(letter).toMatchObject({ target: 'batches', stage: 'delivery', code: 'http_400', detail: 'no sevens' })
    expect(Math.max(...batches.received.map(({ events }) => events.length))).toBe(10)
    const first = batches.received.filter(({ events }) => events.some(({ messageId }) => messageId === 'bulk-7'))
    expect(first.length, 'requests that it took to find it').toBeLessThanOrEqual(5)
  })
})

describe('an event', () => {
  test('an event can be traced to everywhere that it went, with every attempt', async () => {
    let failures = 2
    sink.answer = (events) =>
      events[0]?.messageId === 'traced' && failures-- > 0 ? { status: 503, body: 'not yet' } : undefined
    await accepted(plainOrder('traced'))
    await sink.untilDelivered('traced')
    const trace = await until('the trace is done', async () => {
      const found = await traceOf('traced', 'sink')
      return found?.status === 'done' && found
    })
    expect(trace.attempts.map(({ status }) => status)).toEqual([503, 503, 200])
    await until('the table has it', async () => (await traceOf('traced', 'tables'))?.status === 'done')
    const tables = d1Tables(server.state)
    await until('it is in the table', async () =>
      (await tables.rows('order_completed')).some(({ id }) => id === 'traced'),
    )
  })

  test('an event that is being retried when everything is killed is retried on, and holds back only its own key', async () => {
    sink.answer = (events) => (events[0]?.messageId === 'stuck' ? { status: 503 } : undefined)
    await accepted(plainOrder('stuck', { userId: 'grace' }))
    await accepted(plainOrder('behind', { userId: 'grace' }))
    await accepted(plainOrder('beside', { userId: 'katherine' }))
    await sink.untilDelivered('beside')
    await until('both wait', async () => (await server.lane('sink')).waiting === 2)
    expect(await traceOf('behind', 'sink')).toMatchObject({ status: 'waiting' })
    const tried = sink.received.filter(({ events }) => events[0]?.messageId === 'stuck').length

    await server.killAll()
    expect((await server.lane('sink')).waiting).toBe(2)
    await until(
      'it is tried again',
      () => sink.received.filter(({ events }) => events[0]?.messageId === 'stuck').length > tried,
    )
    expect(times('behind')).toBe(0)
    sink.answer = () => undefined
    await sink.untilDelivered('stuck', 'behind')
    expect([times('stuck'), times('behind')]).toEqual([1, 1])
    const ids = sink.firstArrivals.map(({ messageId }) => messageId)
    expect(ids.indexOf('stuck')).toBeLessThan(ids.indexOf('behind'))
    const trace = await traceOf('stuck', 'sink')
    expect(trace?.attempts.length).toBeGreaterThan(tried)
  })
})

test('every request at the sinks was signed by the rules of Standard Webhooks, with the messageId as its id', () => {
  expect(sink.received.length).toBeGreaterThan(0)
  for (const { verified, headers, events } of sink.received) {
    expect(verified).toBe(true)
    expect(headers['webhook-id']).toBe(events[0]?.messageId)
  }
  for (const { verified } of batches.received) expect(verified).toBe(true)
})

test('a warehouse’s transforms drop, split, refuse and fill its rows alone, and its lane counts what they did', async () => {
  const cart = (messageId: string, event: string) => plainOrder(messageId, { event })
  const url = 'https://shop.example/cart?utm_source=newsletter&utm_campaign=spring'
  await server.post('/v1/batch', {
    batch: [
      cart('cart-1', 'Cart Split'),
      cart('cart-2', 'Cart Emptied'),
      cart('cart-3', 'Cart Broken'),
      plainOrder('cart-4', { event: 'Cart Filled', context: { page: { url } } }),
    ],
  })
  await sink.untilDelivered('cart-1', 'cart-2', 'cart-3')
  const tables = d1Tables(server.state)
  const halves = async () =>
    (await tables.rows('cart_split')).map(({ id, half }) => `${String(id)} ${String(half)}`).toSorted()
  await until('both halves are in the table', async () => (await halves()).length === 2)
  expect(await halves()).toEqual(['cart-1 left', 'cart-1~1 right'])
  // The last transform runs in an isolate.
  await until('the row of the filled cart is there', async () => (await tables.rows('cart_filled')).length === 1)
  expect(await tables.rows('cart_filled')).toMatchObject([
    { id: 'cart-4', context_campaign_source: 'newsletter', context_campaign_name: 'spring', context_page_url: url },
  ])
  const names = await tables.names()
  expect(names.filter((name) => name.startsWith('cart_')).toSorted()).toEqual(['cart_filled', 'cart_split'])
  expect((await tables.rows('tracks')).map(({ id }) => id)).not.toContain('cart-2')
  expect(await letterOf('cart-3')).toMatchObject({
    target: 'tables',
    stage: 'transform',
    code: 'transform_failed',
    reason: 'this transform does not like broken carts',
    detail: expect.stringContaining('failures.config.ts'),
  })
  expect(await traceOf('cart-2', 'tables')).toMatchObject({ status: 'skip', reason: 'dropped by booked' })

  const letter = await letterOf('cart-3')
  await server.admin(`/dead-letters/${letter?.id}`, {
    method: 'PUT',
    body: JSON.stringify({ event: { ...(letter?.event as Event), event: 'Cart Mended' } }),
  })
  await server.admin(`/dead-letters/${letter?.id}/replay`, { method: 'POST' })
  await until('the mended cart is in its table', async () => (await tables.rows('cart_mended')).length === 1)
  expect(await letterOf('cart-3')).toBeUndefined()

  const { lanes } = await server.admin<{ lanes: LaneStatus[] }>('/lanes')
  const counts = lanes.filter(({ target }) => target === 'tables').flatMap(({ transforms = [] }) => transforms)
  expect(counts.map(({ transform }) => transform)).toEqual(expect.arrayContaining(['booked', 'campaign-from-url']))
  expect(counts.reduce((sum, { dropped, errors }) => sum + dropped + errors, 0)).toBe(2)
})
