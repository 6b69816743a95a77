import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request as a destination saw it. */
export interface Seen {
  readonly id: string
  readonly body: string
  readonly at: number
}

/** An HTTP server on this machine that answers as the test says. */
export class HttpSink {
  readonly seen: Seen[] = []
  /** Status and headers for an event's n-th request, counted from 1. */
  answer: (id: string, attempt: number) => { status: number; headers?: Record<string, string> } = () => ({
    status: 200,
  })
  readonly #server: Server

  private constructor() {
    this.#server = createServer((request, response) => {
      let body = ''
      request.on('data', (data: Buffer) => (body += data.toString()))
      request.on('end', () => {
        const id = decodeURIComponent(String(request.headers['x-id']))
        this.seen.push({ id, body, at: Date.now() })
        const { status, headers } = this.answer(id, this.seen.filter((one) => one.id === id).length)
        response.writeHead(status, headers).end()
      })
    })
  }

  static async start(): Promise<HttpSink> {
    const sink = new HttpSink()
    await new Promise<void>((resolve) => sink.#server.listen(0, '127.0.0.1', resolve))
    return sink
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`
  }

  get ids(): string[] {
    return this.seen.map(({ id }) => id)
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
