import { connect, type Socket } from 'node:net'

/** An answer's status and body. */
export interface Answer {
  readonly status: number
  readonly body: string
}

/** One kept-alive HTTP/1.1 connection, for one request at a time. It opens itself again after an error. */
export class Connection {
  readonly #port: number
  readonly #host: string
  #socket: Socket | undefined
  #received = ''
  #waiting: { readonly resolve: (answer: Answer) => void; readonly reject: (error: Error) => void } | undefined

  constructor(url: string) {
    const { hostname, port } = new URL(url)
    this.#host = hostname
    this.#port = Number(port)
  }

  /** Rejects when the connection breaks before the whole answer has come. */
  send(request: Uint8Array): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.#socket ??= this.#open()
      this.#socket.write(request)
    })
  }

  close(): void {
    this.#socket?.destroy()
    this.#socket = undefined
  }

  #open(): Socket {
    const socket = connect(this.#port, this.#host)
    socket.setNoDelay(true)
    socket.setEncoding('latin1')
    socket.on('data', (text) => {
      this.#received += text
      const answer = parseAnswer(this.#received)
      if (answer === undefined) return
      this.#received = ''
      const waiting = this.#waiting
      this.#waiting = undefined
      waiting?.resolve(answer)
    })
    const lost = (error: Error) => {
      if (socket !== this.#socket) return
      this.#socket = undefined
      this.#received = ''
      const waiting = this.#waiting
      this.#waiting = undefined
      waiting?.reject(error)
    }
    socket.on('error', lost)
    socket.on('close', () => lost(new Error('the server closed the connection')))
    return socket
  }
}

/**
 * Reads one HTTP/1.1 answer.
 *
 * @param text all that has come so far, as latin1
 * @returns undefined while something is missing
 */
export function parseAnswer(text: string): Answer | undefined {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const head = text.slice(0, end)
  const status = Number(head.slice(9, 12))
  const rest = text.slice(end + 4)
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
  if (length !== undefined) return rest.length < Number(length) ? undefined : { status, body: rest }
  if (/\r\ntransfer-encoding: *chunked/i.test(head)) {
    const body = unchunked(rest)
    return body === undefined ? undefined : { status, body }
  }
  return { status, body: rest }
}

function unchunked(text: string): string | undefined {
  let body = ''
  for (let at = 0; ;) {
    const line = text.indexOf('\r\n', at)
    if (line < 0) return undefined
    const size = Number.parseInt(text.slice(at, line), 16)
    if (text.length < line + 2 + size + 2) return undefined
    if (size === 0) return body
    body += text.slice(line + 2, line + 2 + size)
    at = line + 2 + size + 2
  }
}
