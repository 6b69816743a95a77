import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { clock } from '../../scripts/bench/clock.ts'
import { takeBodies } from '../../scripts/bench/request-bodies.ts'

/** A request as it came. */
export interface SwiftRequest {
  /** In milliseconds of `clock`. */
  readonly at: number
  readonly ids: readonly string[]
  /** 0 when the connection was broken instead of an answer. */
  readonly status: number
}

/** What a request is answered with, and after how many milliseconds; the status 0 breaks the connection. */
export interface SwiftAnswer {
  readonly status: number
  readonly afterMs?: number
}

/** A receiver of events for hundreds of thousands of requests: it notes of each when it came, its messageIds and its answer. */
export class SwiftSink {
  readonly requests: SwiftRequest[] = []
  /** messageIds that were taken with 2xx. */
  readonly taken = new Set<string>()
  readonly url: string
  readonly #server: Server
  readonly #sockets: Set<Socket>

  private constructor(server: Server, sockets: Set<Socket>) {
    this.#server = server
    this.#sockets = sockets
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  }

  /** @param answer decides about each request by its messageIds */
  static async open(answer: (ids: readonly string[]) => SwiftAnswer): Promise<SwiftSink> {
    const sockets = new Set<Socket>()
    let sink: SwiftSink | undefined
    const server = createServer((socket) => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
      takeBodies(socket, (body) => {
        const ids = Array.from(body.toString('latin1').matchAll(/"messageId":"([^"]+)"/g), ([, id]) => id as string)
        const { status, afterMs = 0 } = answer(ids)
        sink?.requests.push({ at: clock(), ids, status })
        if (status >= 200 && status < 300) for (const id of ids) sink?.taken.add(id)
        const send = () => {
          if (status === 0) socket.destroy()
          else socket.write(`HTTP/1.1 ${status} Answer\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok`)
        }
        if (afterMs === 0) send()
        else setTimeout(send, afterMs)
      })
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(0, '127.0.0.1', () => resolve())
    })
    return (sink = new SwiftSink(server, sockets))
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
