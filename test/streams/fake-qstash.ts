import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import {
  type Answer,
  type Dead,
  deadOf,
  type Item,
  limitHeaders,
  lowerCased,
  type Message,
  publishAnswer,
  singleTexts,
} from './qstash-answers.ts'
import { claimsOf, currentKey, nextKey, signClaims, token } from './qstash-signature.ts'

/** One call of QStash, and the answer. */
export interface Delivery {
  readonly message: Message
  readonly retried: number
  /** 0: there was no answer. */
  readonly status: number
}

/** How the fake misbehaves; changed by the test at any time. */
export interface Quirks {
  /** Status of every call of the API. */
  status?: number
  /** Publishing calls that are answered with 429 of the daily quota, and calls of any kind with that of the burst. */
  overQuota: boolean
  overBurst: boolean
  /** Takes the messages, and ends the connection without an answer. */
  breaksAfterWrite: boolean
  /** Takes the messages, and answers after so many milliseconds. */
  answerAfterMs: number
  /** Error of single messages of a batch. */
  itemError: (message: Pick<Message, 'body' | 'url'>, index: number) => string | undefined
  /** Milliseconds before the nth retry; QStash waits e^(2.5 n) seconds. */
  backoffMs: (retry: number) => number
  /** Messages are kept, and not delivered. */
  isPaused: boolean
}

/**
 * QStash as its documentation describes it (https://upstash.com/docs/qstash, and its OpenAPI file, read 2026-11-28): publish and
 * batch with an error for each message, flow control by key, retries, the dead-letter queue, signed calls, deduplication, and
 * 429 of the day and of the second. Everything is in memory.
 */
export class FakeQstash {
  readonly quirks: Quirks = {
    overQuota: false,
    overBurst: false,
    breaksAfterWrite: false,
    answerAfterMs: 0,
    itemError: () => undefined,
    backoffMs: (retry) => retry * 50,
    isPaused: false,
  }
  /** Signing keys; changed by a rotation. */
  keys = { current: currentKey, next: nextKey }
  /** All messages that were taken, in their order. */
  readonly taken: Message[] = []
  readonly deliveries: Delivery[] = []
  /** Calls of the API: method and path, with the query. */
  readonly calls: string[] = []
  /** Calls that are under way, most of each flow-control key at a time. */
  readonly mostUnderWay = new Map<string, number>()
  dead: Dead[] = []
  /** Where a host really is, as a name server tells it. */
  originOf: (origin: string) => string = (origin) => origin
  readonly #server: Server
  readonly #waiting = new Map<string, Message[]>()
  readonly #underWay = new Map<string, number>()
  readonly #deduplicated = new Map<string, string>()
  readonly #timers = new Set<ReturnType<typeof setTimeout>>()
  #isClosed = false
  #ids = 0

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response))
  }

  static async start(): Promise<FakeQstash> {
    const fake = new FakeQstash()
    await new Promise<void>((resolve) => fake.#server.listen(0, '127.0.0.1', resolve))
    return fake
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Messages that are neither delivered nor given up. */
  get left(): number {
    return [...this.#waiting.values()].reduce((sum, { length }) => sum + length, 0)
  }

  async stop(): Promise<void> {
    this.#isClosed = true
    for (const timer of this.#timers) clearTimeout(timer)
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  /** Delivers what waits, after `isPaused`. */
  resume(): void {
    this.quirks.isPaused = false
    for (const key of this.#waiting.keys()) this.#pump(key)
  }

  rotateKeys(): void {
    this.keys = { current: this.keys.next, next: `sig_${randomBytes(12).toString('hex')}` }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url)
    const call = `${request.method} ${request.url}`
    const body = await text(request).catch(() => '')
    this.calls.push(call)
    const isPublish = /^\/v2\/(?:publish|batch|enqueue)/.test(url.pathname)
    const [status, answer, headers] = this.#refusal(request, isPublish) ?? this.#route(request, url, body)
    if (isPublish && this.quirks.breaksAfterWrite) return void request.socket.destroy()
    if (isPublish) await new Promise((resolve) => this.#later(() => resolve(undefined), this.quirks.answerAfterMs))
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(answer))
  }

  #refusal(request: IncomingMessage, isPublish: boolean): Answer | undefined {
    const { status, overBurst, overQuota } = this.quirks
    if (status !== undefined) return [status, { error: `the fake was told to answer ${status}` }]
    if (request.headers.authorization !== `Bearer ${token}`) return [401, { error: 'unauthorized' }]
    const reset = `${Math.floor(Date.now() / 1_000) + 1}`
    if (overBurst) return [429, {}, limitHeaders('Burst-RateLimit', '100', reset)]
    return overQuota && isPublish ? [429, {}, limitHeaders('RateLimit', '1000', reset)] : undefined
  }

  #route(request: IncomingMessage, url: URL, body: string): Answer {
    const { method } = request
    const path = url.pathname
    if (method === 'POST' && path.startsWith('/v2/publish/')) {
      const headers = singleTexts(request.headers)
      return publishAnswer(
        this.#take({ destination: (request.url ?? '').slice('/v2/publish/'.length), headers, body }, 0),
      )
    }
    if (method === 'POST' && path === '/v2/batch') {
      const batch = JSON.parse(body) as Item[]
      return [200, batch.map((item, i) => this.#take({ ...item, headers: lowerCased(item.headers ?? {}) }, i))]
    }
    if (method === 'GET' && path === '/v2/dlq') return [200, this.#listDead(url.searchParams)]
    if (method === 'POST' && path === '/v2/dlq/retry') return [200, this.#retryDead(url.searchParams)]
    if (method === 'POST' && path === '/v2/keys/rotate') {
      this.rotateKeys()
      return [200, { current: this.keys.current, next: this.keys.next }]
    }
    if (method === 'GET' && path === '/v2/keys') return [200, { current: this.keys.current, next: this.keys.next }]
    return [404, { error: `${method} ${path} not found` }]
  }

  #take(
    { destination, headers, body = '' }: Item & { readonly headers: Record<string, string> },
    index: number,
  ): object {
    if (!/^https?:\/\//.test(destination)) return { error: `invalid destination url: ${destination}` }
    const error = this.quirks.itemError({ body, url: destination }, index)
    if (error !== undefined) return { error }
    if (Buffer.byteLength(body) > 1_048_576) return { error: 'maximum message size exceeded' }
    const dedup = headers['upstash-deduplication-id']
    const before = dedup === undefined ? undefined : this.#deduplicated.get(dedup)
    if (before !== undefined) return { messageId: before, deduplicated: true }
    const message: Message = { id: `msg_${++this.#ids}`, url: destination, body, headers, retried: 0 }
    if (dedup !== undefined) this.#deduplicated.set(dedup, message.id)
    this.taken.push(message)
    this.#wait(message)
    return { messageId: message.id }
  }

  #wait(message: Message): void {
    const key = message.headers['upstash-flow-control-key'] ?? message.id
    this.#waiting.set(key, [...(this.#waiting.get(key) ?? []), message])
    this.#pump(key)
  }

  /** Sends the next messages of a flow-control key, as many as may be under way at a time. */
  #pump(key: string): void {
    const waiting = this.#waiting.get(key) ?? []
    const [first] = waiting
    const most = Number(/parallelism=(\d+)/.exec(first?.headers['upstash-flow-control-value'] ?? '')?.[1] ?? 100)
    const underWay = this.#underWay.get(key) ?? 0
    if (first === undefined || underWay >= most || this.quirks.isPaused || this.#isClosed) return
    waiting.shift()
    this.#underWay.set(key, underWay + 1)
    this.mostUnderWay.set(key, Math.max(this.mostUnderWay.get(key) ?? 0, underWay + 1))
    void this.#deliver(first).then(() => {
      this.#underWay.set(key, (this.#underWay.get(key) ?? 1) - 1)
      this.#pump(key)
    })
    this.#pump(key)
  }

  async #deliver(message: Message): Promise<void> {
    const { status, headers } = await this.#call(message)
    if (this.#isClosed) return
    this.deliveries.push({ message, retried: message.retried, status })
    if (status >= 200 && status < 300) return
    const isFinal = status === 489 && headers.get('upstash-nonretryable-error') === 'true'
    if (isFinal || message.retried >= Number(message.headers['upstash-retries'] ?? 3)) {
      this.dead.push({ dlqId: `dlq_${message.id}`, message, responseStatus: status })
      return
    }
    message.retried++
    const after = headers.get('retry-after')
    // Who waits for a retry is not under way: others of its key pass it.
    this.#later(
      () => this.#wait(message),
      after === null ? this.quirks.backoffMs(message.retried) : Number(after) * 1_000,
    )
  }

  async #call(message: Message): Promise<{ status: number; headers: Headers }> {
    const { origin } = new URL(message.url)
    const target = `${this.originOf(origin)}${message.url.slice(origin.length)}`
    const forwarded = Object.entries(message.headers).flatMap(([name, value]) =>
      name.startsWith('upstash-forward-') ? [[name.slice('upstash-forward-'.length), value]] : [],
    )
    try {
      const response = await fetch(target, {
        method: message.headers['upstash-method'] ?? 'POST',
        headers: {
          ...Object.fromEntries(forwarded),
          'content-type': message.headers['content-type'] ?? '',
          'user-agent': 'Upstash-QStash',
          'upstash-message-id': message.id,
          'upstash-retried': `${message.retried}`,
          'upstash-signature': signClaims(claimsOf(message.url, message.body), this.keys.current),
        },
        body: message.body,
        signal: AbortSignal.timeout(parseFloat(message.headers['upstash-timeout'] ?? '900') * 1_000),
      })
      await response.arrayBuffer()
      return response
    } catch {
      return { status: 0, headers: new Headers() }
    }
  }

  #page(query: URLSearchParams): { page: Dead[]; cursor?: string } {
    const found = deadOf(this.dead, query)
    const count = Math.min(100, Number(query.get('count') ?? 100))
    return { page: found.slice(0, count), ...(found.length > count ? { cursor: `after-${count}` } : {}) }
  }

  #listDead(query: URLSearchParams): object {
    const { page, cursor } = this.#page(query)
    const messages = page.map(({ dlqId, message, responseStatus }) => ({
      dlqId,
      messageId: message.id,
      url: message.url,
      body: message.headers['upstash-redact-fields']?.includes('body') === true ? 'REDACTED' : message.body,
      responseStatus,
    }))
    return { messages, ...(cursor === undefined ? {} : { cursor }) }
  }

  /** New messages with the same body and headers; the old ones are gone. */
  #retryDead(query: URLSearchParams): object {
    const { page, cursor = '' } = this.#page(query)
    this.dead = this.dead.filter((one) => !page.includes(one))
    const responses = page.map(({ message }) => {
      const again = { ...message, id: `msg_${++this.#ids}`, retried: 0 }
      this.#wait(again)
      return { messageId: again.id }
    })
    return { responses, cursor }
  }

  #later(work: () => void, ms: number): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      work()
    }, ms)
    this.#timers.add(timer)
  }
}
