import { request as ask } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Recorded } from '../../scripts/record/recorder.ts'
import { bytesOf, expectAll, fixtures, idsOf } from '../wire/fixtures.ts'
import { Server } from '../support/server.ts'
import { Sink, sinkSecret } from '../support/sink.ts'
import { until } from '../support/until.ts'

interface Answer {
  readonly status: number | undefined
  readonly contentType: string | undefined
  readonly body: string
}

/** Sends a recorded request with the headers and bytes that it had: in chunks when it came in chunks. */
function send(url: string, { method, path, headers, chunked, ...recorded }: Recorded): Promise<Answer> {
  const bytes = bytesOf(recorded as Recorded)
  return new Promise((resolve, reject) => {
    const sent = ask(new URL(path, url).href, { method, headers: ['Host', new URL(url).host, ...headers.flat()] })
    sent.once('error', reject)
    sent.once('response', (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.once('end', () =>
        resolve({
          status: response.statusCode,
          contentType: response.headers['content-type'],
          body: Buffer.concat(parts).toString('utf8'),
        }),
      )
    })
    if (chunked) sent.write(bytes.subarray(0, 100))
    sent.end(chunked ? bytes.subarray(100) : bytes)
  })
}

describe('what the server SDKs of four languages sent, sent again byte for byte to the real server,', () => {
  let sink: Sink
  let server: Server
  const answers: Answer[] = []
  const expected = fixtures.flatMap(idsOf).length

  beforeAll(async () => {
    sink = await Sink.open()
    const WRITE_KEY = fixtures[0]?.writeKey ?? ''
    server = await Server.start({ vars: { WEBHOOK_URL: sink.url, WEBHOOK_SECRET: sinkSecret, WRITE_KEY } })
    // Twice: each client sends the same again when the answer does not reach it.
    for (let time = 0; time < 2; time++)
      for (const request of fixtures.flatMap(({ requests }) => requests)) answers.push(await send(server.url, request))
    await until('all of it is at the sink', () => sink.deliveries.size >= expected, { seconds: 60 })
    // Whatever would come twice has come by now.
    await sleep(1_500)
  })

  afterAll(async () => {
    await server?.stop()
    await sink?.close()
  })

  test('every request of the recordings is answered by the real server as its client wants it', () => {
    expect(answers.length).toBe(2 * fixtures.flatMap(({ requests }) => requests).length)
    for (const { status, contentType, body } of answers) {
      expect(status).toBe(200)
      expect(contentType).toBe('application/json')
      expect(JSON.parse(body)).toMatchObject({ success: true, accepted: expect.any(Number) })
    }
  })

  test.each(fixtures)('every recorded call is at the sink once, from $package with all that was said', (fixture) => {
    const ids = new Set(idsOf(fixture))
    expectAll(
      sink.delivered.filter(({ messageId }) => ids.has(messageId)),
      fixture,
    )
  })

  test('the recorded requests bring nothing else to the sink, and no dead letter', async () => {
    expect(sink.delivered.length).toBe(expected)
    expect(await server.deadLetters()).toEqual([])
  })

  test('the real server gives no answer to GET /cluster-info that would stop RudderStack’s Go SDK', async () => {
    expect((await fetch(`${server.url}/cluster-info`)).status).toBe(404)
  })
})
