import { createServer, type IncomingHttpHeaders, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'
import type { Event } from '../../src/core/event.ts'
import { until } from './until.ts'

/** A request as the sink received it. */
export interface Received {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly events: readonly Event[]
  /** Whether the signature is right, by the rules of Standard Webhooks. */
  readonly verified: boolean
  readonly status: number
}

export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Milliseconds until the answer. */
  readonly afterMs?: number
}

/** Decides about a request by its events; `attempt` counts the requests that began with the same event, from 1. */
export type AnswerOf = (events: readonly Event[], attempt: number) => Answer | undefined

export interface SinkOptions {
  /** What to answer a request with; 200 when it gives nothing. */
  readonly answer?: AnswerOf
  /** `ids` keeps the messageIds alone, where there are many; default all of each request. */
  readonly keep?: 'requests' | 'ids'
}

/** Secret with which the webhook destination signs. */
export const sinkSecret = `whsec_${Buffer.from('secret of the tests, 32 bytes ok').toString('base64')}`

/** A real HTTP server on the loopback that takes events as JSON, one or many in a request, keeps all and answers as the test says. */
export class Sink {
  readonly received: Received[] = []
  /** messageIds of what was taken with 2xx. */
  readonly ids = new Set<string>()
  readonly #keepsRequests: boolean
  answer: AnswerOf
  /** By the messageId of the first event: how many requests began with it. */
  readonly #attempts = new Map<string, number>()
  #server: HttpServer | undefined
  #port = 0
  readonly #webhook = new Webhook(sinkSecret)

  private constructor(options: SinkOptions) {
    this.answer = options.answer ?? (() => undefined)
    this.#keepsRequests = options.keep !== 'ids'
  }

  static async open(options: SinkOptions = {}): Promise<Sink> {
    const sink = new Sink(options)
    await sink.reopen()
    return sink
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/`
  }

  /** MessageIds in the order of arrival, whatever the answer was, also of repeats. */
  get arrivals(): string[] {
    return this.received.flatMap(({ events }) => events.map(({ messageId }) => messageId))
  }

  /** What was taken with 2xx, in order of arrival. */
  get delivered(): Event[] {
    return this.received.filter(({ status }) => status < 300).flatMap(({ events }) => events)
  }

  /** How often each messageId was taken with 2xx. */
  get deliveries(): Map<string, number> {
    const counts = new Map<string, number>()
    for (const { messageId } of this.delivered) counts.set(messageId, (counts.get(messageId) ?? 0) + 1)
    return counts
  }

  /** Every event once, in the order of first arrival, whatever the answer was. */
  get firstArrivals(): Event[] {
    return firstOf(this.received.flatMap(({ events }) => events))
  }

  /** Every event once, in the order in which they were first taken with 2xx. */
  get firstTaken(): Event[] {
    return firstOf(this.delivered)
  }

  /** Waits, for at most a minute, until all of these have been taken with 2xx. */
  async untilDelivered(...ids: readonly string[]): Promise<void> {
    await until(`${ids.join(', ')} arrived`, () => ids.every((id) => this.deliveries.has(id)), { seconds: 60 })
  }

  /** Listens again, on the port that it had; nothing happens when it does. */
  async reopen(): Promise<void> {
    if (this.#server !== undefined) return
    const server = createServer((request, response) => {
      const parts: Buffer[] = []
      request.on('data', (part: Buffer) => parts.push(part))
      request.on('end', () => {
        const body = Buffer.concat(parts).toString('utf8')
        const events = eventsIn(body)
        const {
          status,
          headers = {},
          body: text = '',
          afterMs,
        } = this.answer(events, this.#attemptOf(events)) ?? { status: 200 }
        if (status < 300) for (const { messageId } of events) this.ids.add(messageId)
        const verified = this.#keepsRequests && this.#verifies(body, request.headers)
        if (this.#keepsRequests)
          this.received.push({ at: Date.now(), headers: request.headers, body, events, verified, status })
        const send = () => response.writeHead(status, headers).end(text)
        if (afterMs === undefined) send()
        else setTimeout(send, afterMs)
      })
    })
    server.keepAliveTimeout = 60_000
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(this.#port, '127.0.0.1', () => resolve())
    })
    this.#port = (server.address() as AddressInfo).port
    this.#server = server
  }

  /** Stops listening and breaks what is connected. */
  async close(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    await new Promise((resolve) => {
      server.close(resolve)
      server.closeAllConnections()
    })
  }

  #attemptOf([first]: readonly Event[]): number {
    const id = first?.messageId ?? ''
    const attempt = (this.#attempts.get(id) ?? 0) + 1
    this.#attempts.set(id, attempt)
    return attempt
  }

  #verifies(body: string, headers: IncomingHttpHeaders): boolean {
    try {
      this.#webhook.verify(body, headers as Record<string, string>)
      return true
    } catch {
      return false
    }
  }
}

function firstOf(events: readonly Event[]): Event[] {
  const first = new Map<string, Event>()
  for (const event of events) if (!first.has(event.messageId)) first.set(event.messageId, event)
  return [...first.values()]
}

/** Nothing where it is no JSON, such as a form. */
function eventsIn(body: string): Event[] {
  try {
    return [JSON.parse(body) as Event | Event[]].flat()
  } catch {
    return []
  }
}
