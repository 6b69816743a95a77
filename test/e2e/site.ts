import { createServer, type IncomingMessage, request as send, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request that the site was sent for Sluiceway. */
export interface Passed {
  readonly method: string
  /** Path and query. */
  readonly url: string
  /** What the browser was answered. */
  readonly status: number
}

/** How the next request with events fails, instead of being passed on or after it was. */
export interface Trouble {
  readonly status: 429 | 503
  /** True: the events are taken, and the browser is told otherwise. */
  readonly late?: boolean
}

const page = (title: string) => `<!doctype html><meta charset="utf-8"><title>${title}</title><h1>${title}</h1>`

/**
 * A shop on the loopback, as a web server with a route to Sluiceway serves it: pages at `/`, `/cart` and `/blank`, all else is
 * passed on with the Host that it came with.
 */
export class Site {
  readonly passed: Passed[] = []
  /** Used up one by one by requests with events. */
  readonly troubles: Trouble[] = []
  readonly #server: HttpServer
  readonly #behind: URL

  private constructor(behind: string) {
    this.#behind = new URL(behind)
    this.#server = createServer((request, response) => {
      const { method = 'GET', url = '/', headers } = request
      const title = { '/': 'Difference Engine Shop', '/cart': 'Cart', '/blank': 'Blank' }[url]
      if (title !== undefined) {
        response.writeHead(200, { 'content-type': 'text/html' }).end(page(title))
        return
      }
      const trouble = method === 'POST' ? this.troubles.shift() : undefined
      const refuse = ({ status }: Trouble) => {
        this.passed.push({ method, url, status })
        const cors = {
          'access-control-allow-origin': headers.origin ?? '*',
          'access-control-allow-credentials': 'true',
          'access-control-expose-headers': 'Retry-After',
        }
        response.writeHead(status, { ...cors, 'retry-after': '1' }).end('{"success":false}')
      }
      if (trouble !== undefined && trouble.late !== true) {
        request.resume().once('end', () => refuse(trouble))
        return
      }
      const { hostname, port } = this.#behind
      // What the browser has sent arrives, also when it has gone meanwhile.
      const onwards = send({ hostname, port, method, path: url, headers }, (answer: IncomingMessage) => {
        const status = answer.statusCode ?? 502
        if (trouble !== undefined) {
          answer.resume().once('end', () => refuse(trouble))
          return
        }
        this.passed.push({ method, url, status })
        response.writeHead(status, answer.headers)
        answer.pipe(response)
      })
      onwards.once('error', () => response.writeHead(502).end())
      request.pipe(onwards)
    })
  }

  static async open(behind: string): Promise<Site> {
    const site = new Site(behind)
    await new Promise<void>((resolve) => site.#server.listen(0, '127.0.0.1', resolve))
    return site
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    await new Promise((resolve) => {
      this.#server.close(resolve)
      this.#server.closeAllConnections()
    })
  }
}
