import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request as a client sent it. */
export interface Recorded {
  readonly method: string
  readonly path: string
  /** In the order and case of the wire, without Host, which is that of the recorder. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** True when the body came in chunks, without a length; `body` has them joined. */
  readonly chunked: boolean
  /** The bytes, base64: gzip where the headers say so. */
  readonly body: string
}

export interface Recorder {
  readonly url: string
  readonly requests: readonly Recorded[]
  readonly close: () => Promise<void>
}

/** Listens on the loopback, takes every request with the answer that suits all clients, and keeps what they sent. */
export async function record(): Promise<Recorder> {
  const requests: Recorded[] = []
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const { method = '', url = '', rawHeaders } = request
      const headers = rawHeaders
        .flatMap((name, i) => (i % 2 === 0 ? [[name, rawHeaders[i + 1] ?? ''] as const] : []))
        .filter(([name]) => name.toLowerCase() !== 'host')
      const chunked = request.headers['transfer-encoding'] === 'chunked'
      requests.push({ method, path: url, headers, chunked, body: Buffer.concat(parts).toString('base64') })
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"success":true}')
    })
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () => new Promise((closed) => server.close(() => closed())),
  }
}
