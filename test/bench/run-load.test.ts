import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, test } from 'vitest'
import { parseAnswer } from '../../scripts/bench/connection.ts'
import { Ids } from '../../scripts/bench/ids.ts'
import { Latencies } from '../../scripts/bench/latencies.ts'
import { runLoad } from '../../scripts/bench/run-load.ts'
import { Numbers, Requests } from '../../scripts/bench/requests.ts'

interface Sent {
  readonly type: string
  readonly messageId: string
  readonly anonymousId: string
}

let server: Server | undefined
afterEach(() => server?.close())

type Answer = (response: ServerResponse, events: readonly Sent[]) => void

const accepting: Answer = (response, events) => response.end(JSON.stringify({ success: true, accepted: events.length }))

/** Serves on loopback and notes what came. */
async function serve(answer: Answer) {
  const got: { readonly path: string; readonly key: string; readonly events: readonly Sent[] }[] = []
  server = createServer(async (request, response) => {
    const body = JSON.parse(await text(request)) as Sent & { readonly batch?: readonly Sent[] }
    const events = body.batch ?? [body]
    const key = Buffer.from(request.headers.authorization?.slice('Basic '.length) ?? '', 'base64').toString()
    got.push({ path: request.url ?? '', key, events })
    answer(response, events)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, got }
}

const numbers = () => new Numbers(1_815)
const batches = new Requests(numbers(), { per: 20, writeKey: 'shop' })

describe('the load generator', () => {
  test('the load generator sends batches of fresh messageIds with the write key, and counts what was accepted', async () => {
    const { url, got } = await serve(accepting)
    const result = await runLoad({ url, requests: batches, connections: 8, seconds: 0.2 })
    const ids = got.flatMap(({ events }) => events.map(({ messageId }) => messageId))
    expect(new Set(ids).size).toBe(ids.length)
    expect(result.accepted).toBe(ids.length)
    expect(result.requests).toBe(got.length)
    expect(result.latencies.count).toBe(got.length)
    expect(got.every(({ path, key, events }) => path === '/v1/batch' && key === 'shop:' && events.length === 20)).toBe(
      true,
    )
    expect(result.refused).toEqual({})
  })

  test('the load generator sends single events to the path of their type', async () => {
    const { url, got } = await serve(accepting)
    await runLoad({
      url,
      requests: new Requests(numbers(), { per: 1, writeKey: 'shop' }),
      connections: 2,
      seconds: 0.1,
    })
    expect(got.length).toBeGreaterThan(2)
    for (const { path, events } of got) expect(path).toBe(`/v1/${events[0]?.type}`)
  })

  test('the load generator counts answers other than 200, and none of their events as accepted', async () => {
    let turn = 0
    const { url } = await serve((response, events) =>
      turn++ % 2 === 0 ? accepting(response, events) : response.writeHead(503).end('busy'),
    )
    const result = await runLoad({ url, requests: batches, connections: 1, seconds: 0.1 })
    expect(result.refused['HTTP 503 busy']).toBe(turn - result.requests)
    expect(result.accepted).toBe(result.requests * 20)
  })

  test('the load generator counts events that a 200 leaves out', async () => {
    const { url } = await serve((response) => response.end('{"success":true,"accepted":19}'))
    const result = await runLoad({ url, requests: batches, connections: 1, seconds: 0.1 })
    expect(result.refused).toEqual({ 'events that a 200 does not call accepted': result.requests })
  })

  test('the load generator counts connections that break, and goes on', async () => {
    let turn = 0
    const { url } = await serve((response, events) => (turn++ === 0 ? response.destroy() : accepting(response, events)))
    const result = await runLoad({ url, requests: batches, connections: 1, seconds: 0.3 })
    expect(Object.values(result.refused)).toEqual([1])
    expect(result.requests).toBe(turn - 1)
    expect(result.requests).toBeGreaterThan(0)
  })

  test('the load generator offers the rate that it is given, and no more', async () => {
    const { url, got } = await serve(accepting)
    const result = await runLoad({ url, requests: batches, connections: 8, seconds: 0.5, rate: 2_000 })
    expect(got.length + result.unsent).toBeGreaterThanOrEqual(49)
    expect(got.length + result.unsent).toBeLessThanOrEqual(51)
  })

  test('the load generator counts, at a fixed rate, the time that a request waits for a free connection', async () => {
    const { url } = await serve((response, events) => setTimeout(() => accepting(response, events), 40))
    const result = await runLoad({ url, requests: batches, connections: 1, seconds: 0.4, rate: 1_000 })
    expect(result.latencies.quantile(0.9)).toBeGreaterThan(100)
  })

  test('the load generator tells of each accepted request which events it held', async () => {
    const { url, got } = await serve(accepting)
    const seen: number[] = []
    const requests = new Requests(numbers(), { per: 20, writeKey: 'shop' })
    const onAccepted = (request: { first: number; count: number }) => seen.push(request.first)
    await runLoad({ url, requests, connections: 1, seconds: 0.1, onAccepted })
    const { ids } = requests.numbers
    expect(seen).toEqual(got.map(({ events }) => ids.numberOf(events[0]?.messageId ?? '')))
    expect(seen.slice(0, 3)).toEqual([0, 20, 40])
  })
})

describe('ids', () => {
  test('the ids of the load generator are UUIDs that differ and tell their number', () => {
    const ids = new Ids(1_843)
    const bytes = new Uint8Array(36).fill('-'.charCodeAt(0))
    const seen = new Set<string>()
    for (let number = 0; number < 10_000; number++) {
      ids.write(number, bytes, 0)
      const id = Buffer.from(bytes).toString()
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
      expect(ids.numberOf(id)).toBe(number)
      seen.add(id)
    }
    expect(seen.size).toBe(10_000)
  })
})

describe('reading an answer', () => {
  const whole = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
  const chunked = 'HTTP/1.1 429 Too Many\r\ntransfer-encoding: chunked\r\n\r\n3\r\nbus\r\n1\r\ny\r\n0\r\n\r\n'

  test('the load generator waits for all of an answer', () => {
    for (let length = 0; length < whole.length; length++) expect(parseAnswer(whole.slice(0, length))).toBeUndefined()
    for (let length = 0; length < chunked.length; length++)
      expect(parseAnswer(chunked.slice(0, length))).toBeUndefined()
  })

  test('the load generator reads answers with a length and answers in chunks', () => {
    expect(parseAnswer(whole)).toEqual({ status: 200, body: 'ok' })
    expect(parseAnswer(chunked)).toEqual({ status: 429, body: 'busy' })
  })
})

test('quantiles are times that so many requests stayed within', () => {
  const latencies = new Latencies()
  for (let ms = 100; ms >= 1; ms--) latencies.add(ms)
  expect([latencies.quantile(0.5), latencies.quantile(0.99), latencies.quantile(1)]).toEqual([51, 100, 100])
})
