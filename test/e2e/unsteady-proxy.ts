import { createServer, type IncomingMessage, request as ask, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'

/** What happens to one attempt: an answer that is not the server's, or a connection that breaks. */
export type Mishap =
  | { readonly status: number; readonly retryAfter?: number }
  | 'cut before the server has it'
  | 'cut after the server took it'

/** An attempt of a client to send a batch. */
export interface Attempt {
  /** Milliseconds since the epoch. */
  readonly at: number
  /** MessageIds of the batch, in their order. */
  readonly ids: readonly string[]
  readonly gzip: boolean
  /** Undefined when it went through. */
  readonly mishap: Mishap | undefined
  /** Status that the server answered; undefined when it was not asked. */
  status?: number
}

export interface UnsteadyProxy {
  readonly url: string
  /** In the order of arrival. */
  readonly attempts: readonly Attempt[]
  readonly close: () => Promise<void>
}

/**
 * Stands between an SDK and a server, and lets every batch through only after some mishaps.
 *
 * @param target URL of the server
 * @param mishapsOf what the attempts of one batch meet, one after the other, given how many batches came before it
 */
export async function openUnsteadyProxy(
  target: string,
  mishapsOf: (batch: number) => readonly Mishap[],
): Promise<UnsteadyProxy> {
  const attempts: Attempt[] = []
  /** By the first messageId of a batch: what its next attempts will meet. */
  const ahead = new Map<string, Mishap[]>()

  const note = (headers: IncomingMessage['headers'], body: Buffer): Attempt => {
    const gzip = headers['content-encoding'] === 'gzip'
    const { batch } = JSON.parse((gzip ? gunzipSync(body) : body).toString('utf8')) as {
      batch: { messageId: string }[]
    }
    const ids = batch.map(({ messageId }) => messageId)
    const key = ids[0] ?? ''
    const mishaps = ahead.get(key) ?? [...mishapsOf(ahead.size)]
    ahead.set(key, mishaps)
    const attempt = { at: Date.now(), ids, gzip, mishap: mishaps.shift() }
    attempts.push(attempt)
    return attempt
  }

  const pass = (request: IncomingMessage, response: ServerResponse, body: Buffer, attempt: Attempt) => {
    const { method, url = '', rawHeaders: headers } = request
    const onwards = ask(new URL(url, target).href, { method, headers }, (answer) => {
      attempt.status = answer.statusCode ?? 0
      if (attempt.mishap !== undefined) answer.resume().once('end', () => request.socket.destroy())
      else answer.pipe(response.writeHead(attempt.status, answer.headers))
    })
    onwards.once('error', () => request.socket.destroy())
    onwards.end(body)
  }

  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.once('end', () => {
      const body = Buffer.concat(parts)
      const attempt = note(request.headers, body)
      const { mishap } = attempt
      if (mishap === 'cut before the server has it') request.socket.destroy()
      else if (typeof mishap === 'object')
        response
          .writeHead(mishap.status, {
            'content-type': 'application/json',
            ...(mishap.retryAfter === undefined ? {} : { 'retry-after': String(mishap.retryAfter) }),
          })
          .end('{"success":false,"code":"unsteady","message":"Send it again."}')
      else pass(request, response, body, attempt)
    })
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    attempts,
    close: async () => {
      const closed = new Promise((done) => server.close(done))
      server.closeAllConnections()
      await closed
    },
  }
}
