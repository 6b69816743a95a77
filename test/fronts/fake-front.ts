import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { FakeKafka, type NewRecord } from './fake-kafka.ts'

/** A request as it came. */
export interface FrontCall {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly body: string
  readonly socket: Socket
}

/** What a fake answers; a body that is no text is sent as JSON. */
export interface FakeAnswer {
  readonly status: number
  readonly type?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  /** True: nothing is ever answered. */
  readonly isSilent?: true
}

/**
 * What befalls an answer, after the work was done: it never comes, breaks off in the middle, trickles without an end, its
 * connection ends behind it, it is an error, or it cannot be read.
 */
export type Mishap = 'silence' | 'cut' | 'endless' | 'close' | 'error' | 'garbage'

/** Something that goes wrong so many times, with requests of which the method and path match. */
interface Trouble {
  readonly on: RegExp
  /** Befalls the answer, after the work was done. */
  readonly mishap?: Mishap
  /** Takes the place of the work: nothing is done. */
  readonly answer?: FakeAnswer
  left: number
}

/** What becomes of a record: the code that is reported, and whether it was written all the same. */
export interface RecordTrouble {
  readonly code: number
  readonly message: string
  readonly written?: boolean
}

/** An HTTP server that fakes a front, with troubles that a test switches on. */
export abstract class FakeFront {
  readonly kafka: FakeKafka
  /** All requests since the start. */
  readonly calls: FrontCall[] = []
  /** The value of `Authorization` that is let in; anything when undefined. */
  authorization: string | undefined
  /** Decides what becomes of each record that is produced. */
  troubleOf: (record: NewRecord, partition: number) => RecordTrouble | undefined = () => undefined
  /** Bytes of a request's body; more are refused with 413. */
  maxBodyBytes = Infinity
  /** Refuses a whole call because of what is in its body. */
  refusesBody: (body: string) => boolean = () => false
  /** Sent with the next answers. */
  setCookie: string | undefined
  readonly #troubles: Trouble[] = []
  readonly #server: Server

  constructor(kafka = new FakeKafka()) {
    this.kafka = kafka
    this.#server = createServer((request, response) => void this.#serve(request, response))
  }

  /** Answers one call. */
  protected abstract handle(call: FrontCall): Promise<FakeAnswer>

  /** How this front says that something is wrong. */
  protected abstract errorAnswer(status: number, code: number, message: string): FakeAnswer

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Lets the next answers to such requests go wrong; `on` is tested against `<method> <path>`. */
  upset(on: RegExp, trouble: { readonly mishap?: Mishap; readonly answer?: FakeAnswer }, times = 1): void {
    this.#troubles.push({ on, ...trouble, left: times })
  }

  /** Ends all troubles. */
  calm(): void {
    this.#troubles.length = 0
    this.troubleOf = () => undefined
    this.maxBodyBytes = Infinity
    this.refusesBody = () => false
    this.setCookie = undefined
  }

  /** Requests of which the method and path match. */
  callsOf(on: RegExp): readonly FrontCall[] {
    return this.calls.filter(({ method, path }) => on.test(`${method} ${path}`))
  }

  #take(call: FrontCall): Trouble | undefined {
    const found = this.#troubles.find(({ on, left }) => left > 0 && on.test(`${call.method} ${call.path}`))
    if (found !== undefined) found.left--
    return found
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = []
    for await (const piece of request) pieces.push(piece as Buffer)
    const url = new URL(request.url ?? '/', 'http://front')
    const call: FrontCall = {
      method: request.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      body: Buffer.concat(pieces).toString(),
      socket: request.socket,
    }
    this.calls.push(call)
    const trouble = this.#take(call)
    const answer = trouble?.answer ?? (await this.#answer(call))
    const error = this.errorAnswer(500, 50002, 'the broker went away')
    if (this.setCookie !== undefined) response.setHeader('set-cookie', this.setCookie)
    await deliver(trouble?.mishap === 'error' ? error : answer, response, trouble?.mishap)
  }

  async #answer(call: FrontCall): Promise<FakeAnswer> {
    if (this.authorization !== undefined && call.headers.authorization !== this.authorization)
      return this.errorAnswer(401, 40101, 'Unauthorized')
    if (Buffer.byteLength(call.body) > this.maxBodyBytes) return this.errorAnswer(413, 413, 'Request entity too large')
    if (this.refusesBody(call.body)) return this.errorAnswer(422, 422, 'Cannot parse one of the records')
    if ((call.method === 'GET' || call.method === 'HEAD') && call.body !== '')
      return this.errorAnswer(400, 400, 'A GET has no body')
    try {
      return await this.handle(call)
    } catch (error) {
      return this.errorAnswer(500, 50002, `the fake is broken: ${String(error)}`)
    }
  }
}

async function deliver(answer: FakeAnswer, response: ServerResponse, mishap: Mishap | undefined): Promise<void> {
  const { status, type, headers = {}, body } = answer
  const whole = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body)
  const text = mishap === 'garbage' ? '<html>' : whole
  if (mishap === 'silence' || answer.isSilent === true) return
  response.writeHead(status, {
    ...(type === undefined ? {} : { 'content-type': type }),
    ...headers,
    ...(mishap === 'cut' || mishap === 'endless' ? {} : { 'content-length': Buffer.byteLength(text) }),
  })
  if (mishap === 'cut') {
    response.write(text.slice(0, Math.ceil(text.length / 2)))
    await sleep(30)
    response.destroy()
  } else if (mishap === 'endless') {
    response.write(text.slice(0, -1))
    const timer = setInterval(() => response.write(' '), 20)
    response.on('close', () => clearInterval(timer))
  } else {
    response.end(text)
    if (mishap === 'close') response.socket?.destroySoon()
  }
}

/** Reads JSON; undefined where it is none. */
export function parsed(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return undefined
  }
}
