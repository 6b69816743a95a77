import { readFileSync } from 'node:fs'
import { Agent, request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bomb, keys, type Shot, shots } from './fuzz/shots.ts'
import { Server } from '../support/server.ts'
import { Sink, sinkSecret } from '../support/sink.ts'
import { withSeed } from '../support/seed.ts'
import { until } from '../support/until.ts'

/** FUZZ_REQUESTS makes a run longer. */
const count = Number(process.env['FUZZ_REQUESTS'] ?? 10_000)
const parallel = 32
/** Megabytes that the runtime may take at its peak. It idles at about 150; Cloudflare gives an isolate 128 of its own. */
const mostMegabytes = 900

let sink: Sink
let other: Sink
let server: Server
const agent = new Agent({ keepAlive: true, maxSockets: parallel })

interface Answer {
  readonly status: number
  readonly type: string
  readonly text: string
}

/** What all answers together have promised of the source `shop`. */
const promised = { accepted: 0, rejected: 0, refusedAlone: 0, consented: 0 }
const failures: string[] = []
const statuses = new Map<string, number>()

beforeAll(async () => {
  sink = await Sink.open()
  other = await Sink.open()
  server = await Server.start({
    config: 'fuzz.config.ts',
    vars: { SINK: sink.url, OTHER: other.url, WEBHOOK_SECRET: sinkSecret },
  })
})

afterAll(async () => {
  agent.destroy()
  await server?.stop()
  await sink?.close()
  await other?.close()
})

function fire({ method, path, headers, body }: Shot): Promise<Answer> {
  const { hostname, port } = new URL(server.url)
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': String(body.byteLength) }
    const request = httpRequest(
      { agent, hostname, port, method, path, headers: { ...headers, ...length } },
      (response) => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part))
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            type: response.headers['content-type'] ?? '',
            text: Buffer.concat(parts).toString('utf8'),
          }),
        )
        response.on('error', reject)
      },
    )
    request.on('error', reject)
    request.setTimeout(30_000, () => request.destroy(new Error('no answer within 30 s')))
    request.end(body)
  })
}

const faults = new Set(['not_an_object', 'no_identity', 'invalid_event', 'too_deep', 'event_too_large'])

function judge(shot: Shot, { status, type, text }: Answer): void {
  const label = `${shot.kind}: ${status}`
  statuses.set(label, (statuses.get(label) ?? 0) + 1)
  const wrong = (what: string): void => {
    failures.push(
      `${what}: ${status} ${text.slice(0, 300)} for ${shot.method} ${shot.path} ${shot.kind}\n${String(shot.body).slice(0, 1_000)}`,
    )
  }
  if (status >= 500 || status < 200) return wrong('a fault of ours')
  if (shot.kind === 'pixel' && (status !== 200 || type !== 'image/gif')) return wrong('no image')
  if (!shot.reports) return
  let answer: {
    success?: boolean
    accepted?: number
    dropped?: number
    rejected?: object[]
    code?: string
    message?: string
  }
  try {
    answer = JSON.parse(text) as typeof answer
  } catch {
    return wrong('no JSON')
  }
  if (status === 200) {
    const { accepted = 0, dropped = 0, rejected = [] } = answer
    promised.accepted += accepted
    promised.rejected += rejected.length
    if (answer.success !== true) wrong('200 without success')
    if (dropped > 0) wrong('nothing here drops')
    if (shot.events !== undefined && accepted + rejected.length !== shot.events)
      wrong(`${shot.events} events were sent, ${accepted + rejected.length} are accounted for`)
    return
  }
  if (answer.success !== false || typeof answer.code !== 'string' || typeof answer.message !== 'string')
    wrong('an error without code and message')
  if (faults.has(answer.code ?? '')) promised.refusedAlone++
}

async function fireAll(all: readonly Shot[]): Promise<void> {
  const queue = all.values()
  await Promise.all(
    Array.from({ length: parallel }, async () => {
      for (const shot of queue) {
        try {
          judge(shot, await fire(shot))
        } catch (error) {
          failures.push(`${String(error)} for ${shot.method} ${shot.path} ${shot.kind}`)
        }
      }
    }),
  )
}

const peakMegabytes = (): number =>
  Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${server.workerdPid}/status`, 'utf8'))?.[1] ?? 0) / 1024

test(
  `${count} requests of all kinds make no fault and no crash, and whatever got 200 is stored`,
  { timeout: 600_000 },
  fuzz,
)

function fuzz(): Promise<void> {
  return withSeed(async (_random, seed) => {
    const pid = server.workerdPid
    await fireAll(shots(count, seed))
    const atHalf = peakMegabytes()
    expect(failures.slice(0, 5)).toEqual([])
    expect(server.workerdPid, 'the runtime did not die').toBe(pid)

    const { log } = await server.admin<{ log: { duplicates: number }[] }>('/log')
    const duplicates = log.reduce((sum, one) => sum + one.duplicates, 0)
    // Counts go out after the answers, once a second.
    await sleep(2_500)
    const { counters } = await server.lane('@edge')
    const unrouted = (counters['integrations:sink'] ?? 0) + (counters['consent:sink'] ?? 0)
    const expected = promised.accepted - duplicates - unrouted
    const arrived = async () => {
      const { length } = sink.delivered
      if (length >= expected) return true
      const { state, depth, waiting, deadLetters, counters: sent } = await server.lane('sink')
      throw new Error(`${length} so far; ${JSON.stringify({ state, depth, waiting, deadLetters, counters: sent })}`)
    }
    await until(`${expected} events are at the sink`, arrived, { seconds: 60, everyMs: 1_000 })
    await sleep(1_000)
    expect(sink.delivered.length, `accepted ${promised.accepted}, duplicates ${duplicates}, unrouted ${unrouted}`).toBe(
      expected,
    )
    expect(Math.max(...sink.deliveries.values())).toBe(1)
    expect(sink.received.every(({ verified }) => verified)).toBe(true)

    let letters = 0
    for (let cursor = ''; ;) {
      const page = await server.admin<{ deadLetters: { source: string }[]; cursor?: string }>(
        `/dead-letters?limit=1000&target=@edge${cursor}`,
      )
      letters += page.deadLetters.filter(({ source }) => source === 'shop').length
      if (page.cursor === undefined) break
      cursor = `&cursor=${page.cursor}`
    }
    expect(letters).toBe(promised.rejected + promised.refusedAlone)
    console.log(
      `fuzz: ${count} requests, ${promised.accepted} events accepted, ${letters} dead letters, peak ${Math.round(atHalf)} MB\n` +
        [...statuses]
          .toSorted()
          .map(([kind, times]) => `  ${kind} × ${times}`)
          .join('\n'),
    )
    expect(({} as Record<string, unknown>)['polluted']).toBe(undefined)
  })
}

test('gzip bombs of a gigabyte are refused while they inflate, in bounded memory', { timeout: 300_000 }, async () => {
  const body = bomb()
  const headers = { authorization: `Basic ${btoa(`${keys.shop}:`)}`, 'content-encoding': 'gzip' }
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, i) =>
      fire({
        kind: 'bomb',
        method: 'POST',
        path: i % 2 === 0 ? '/v1/batch' : `/v1/webhook?writeKey=${keys.hooks}`,
        headers,
        body,
        reports: false,
      }),
    ),
  )
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([413]))
  expect(peakMegabytes()).toBeLessThan(mostMegabytes)
  expect((await server.post('/v1/track', {}, { headers, body: body.slice() })).status).toBe(413)
})

test('requests that are no HTTP, or never end, harm nobody else', async () => {
  const { hostname, port } = new URL(server.url)
  const head = `POST /v1/track HTTP/1.1\r\nhost: x\r\nauthorization: Basic ${btoa(`${keys.shop}:`)}\r\n`
  const sent = [
    `${head}content-length: 1000\r\n\r\n{"type":"track"`,
    `${head}transfer-encoding: chunked\r\n\r\nzz\r\nnonsense\r\n0\r\n\r\n`,
    `${head}transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
    `${head}content-length: -1\r\n\r\n`,
    `${head}content-length: 99999999999999999999\r\n\r\n`,
    `${head}x: ${'y'.repeat(200_000)}\r\n\r\n`,
    'GET / HTTP/9.9\r\n\r\n',
    '\0\0\0\0',
  ]
  await Promise.all(
    sent.map(
      (text) =>
        new Promise<void>((resolve) => {
          const socket = connect(Number(port), hostname, () => socket.write(text))
          socket.on('error', () => {})
          socket.on('close', () => resolve())
          setTimeout(() => socket.destroy(), 500)
        }),
    ),
  )
  const answer = await fetch(`${server.url}/v1/track`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${keys.shop}:`)}` },
    body: JSON.stringify({ userId: 'ada', event: 'Order Completed', messageId: 'after-all' }),
  })
  expect(answer.status).toBe(200)
  await until('it is at the sink', () => sink.deliveries.get('after-all') === 1)
})
