import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { Brokers } from './brokers.ts'
import { Buffered, jsonOf } from './buffer.ts'
import type { BridgeConfig } from './config.ts'
import { BridgeError } from './errors.ts'
import { Fetcher } from './fetcher.ts'
import { Groups } from './groups.ts'
import { HealthCheck } from './health.ts'
import type { BridgeLog } from './log.ts'
import { Producer } from './producer.ts'
import { route, type RouteContext } from './routes.ts'
import { Users } from './users.ts'

/** A bridge that serves. */
export interface RunningBridge {
  readonly url: string
  /** Takes nothing more, finishes and answers what it took, and leaves the groups. */
  readonly stop: () => Promise<void>
}

/**
 * Starts the bridge. The brokers need not be there: calls fail with 503 until they are.
 *
 * @param config of the bridge
 * @param log takes what happens
 * @returns the bridge, listening
 * @throws when the address cannot be listened on
 */
export async function startBridge(config: BridgeConfig, log: BridgeLog): Promise<RunningBridge> {
  const brokers = new Brokers(config)
  const { compression, isolation } = config.kafka
  const { deliveryMs, requestMs } = config.limits
  const producer = new Producer(brokers, { compression, deliveryMs, requestMs }, log)
  const fetcher = new Fetcher(brokers, isolation)
  const groups = new Groups({ brokers, fetcher, log, most: config.limits.instances })
  const bridge = new Bridge({ config, brokers, producer, fetcher, groups }, log)
  const { host, port, tls } = config.listen
  const listener = (request: IncomingMessage, response: ServerResponse) => void bridge.serve(request, response)
  const server: Server = tls === undefined ? createServer(listener) : createTlsServer({ ...tls }, listener)
  // The longest answer is that of a record that is tried to the end; a body may come slowly.
  server.requestTimeout = 120_000
  server.keepAliveTimeout = 65_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => resolve())
  })
  const { port: actual } = server.address() as AddressInfo
  const url = `${tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${actual}`
  log('info', 'the bridge listens', { url, brokers: config.kafka.brokers })
  return { url, stop: () => bridge.stop(server) }
}

class Bridge {
  readonly #context: RouteContext
  readonly #log: BridgeLog
  readonly #users: Users
  readonly #buffered: Buffered
  readonly #health: HealthCheck
  readonly #stopping = new AbortController()

  constructor(context: RouteContext, log: BridgeLog) {
    this.#context = context
    this.#log = log
    this.#users = new Users(context.config)
    this.#buffered = new Buffered(context.config.limits)
    this.#health = new HealthCheck(context.brokers.options)
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const began = Date.now()
    const gone = new AbortController()
    const sent = new Promise<boolean>((resolve) => {
      response.once('close', () => {
        if (!response.writableFinished) gone.abort()
        resolve(response.writableFinished)
      })
      response.once('finish', () => resolve(true))
    })
    let release = () => {}
    let caller: string | undefined
    let settle: ((isSent: boolean) => void) | undefined
    const { pathname, searchParams } = urlOf(request)
    try {
      if (pathname === '/health') return await this.#tellHealth(response)
      if (this.#stopping.signal.aborted) throw new BridgeError(503, 'The bridge is stopping; call again in a moment')
      const user = this.#users.callerOf(request.headers.authorization)
      caller = user.name
      const { text, release: releaseBody } = await this.#buffered.read(request)
      release = releaseBody
      const [name = '', ...path] = partsOf(pathname)
      const stopping = this.#stopping.signal
      const { method = 'GET', headers } = request
      const isOver = () => gone.signal.aborted || stopping.aborted
      const reply = await route(
        name,
        { method, path, query: searchParams, headers, body: jsonOf(text), caller: user, isOver },
        this.#context,
      )
      settle = reply.settle
      this.#answer(response, reply.status, reply.body)
    } catch (thrown) {
      const error = thrown instanceof BridgeError ? thrown : new BridgeError(500, 'The bridge failed; its log says how')
      if (error !== thrown && !gone.signal.aborted)
        this.#log('error', 'a call failed', {
          path: pathname,
          reason: thrown instanceof Error ? thrown.stack : String(thrown),
        })
      this.#refuse(request, response, error)
    }
    const isSent = await sent
    release()
    settle?.(isSent)
    const fields = {
      method: request.method,
      path: pathname,
      status: response.statusCode,
      caller,
      ms: Date.now() - began,
    }
    this.#log(response.statusCode >= 500 ? 'warn' : response.statusCode >= 400 ? 'info' : 'debug', 'call', {
      ...fields,
      ...(isSent ? {} : { isSent }),
    })
  }

  async stop(server: Server): Promise<void> {
    this.#log('info', 'the bridge stops: it finishes what it took')
    this.#stopping.abort()
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    server.closeIdleConnections()
    const { config, producer, groups, fetcher, brokers } = this.#context
    const late = setTimeout(() => {
      this.#log('error', 'calls were not finished in time and are cut off')
      server.closeAllConnections()
    }, config.limits.shutdownMs)
    await closed
    clearTimeout(late)
    await groups.close()
    await Promise.race([producer.close(), new Promise((resolve) => setTimeout(resolve, 2_000))])
    await Promise.allSettled([fetcher.close(), brokers.close()])
    this.#log('info', 'the bridge has stopped')
  }

  async #tellHealth(response: ServerResponse): Promise<void> {
    const health = await this.#health.health()
    const isStopping = this.#stopping.signal.aborted
    const body = { ...health, ...(isStopping ? { status: 'stopping' } : {}), heldBytes: this.#buffered.held }
    this.#answer(response, isStopping || health.status === 'down' ? 503 : 200, body)
  }

  #answer(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
    const text = JSON.stringify(body)
    const isLast = this.#stopping.signal.aborted ? { connection: 'close' } : {}
    response.writeHead(status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      ...(status === 429 || status === 503 ? { 'retry-after': '1' } : {}),
      ...isLast,
      ...headers,
    })
    response.end(text)
  }

  #refuse(request: IncomingMessage, response: ServerResponse, error: BridgeError): void {
    if (response.headersSent) {
      response.destroy()
      return
    }
    const headers: Record<string, string> = {}
    if (error.status === 401) headers['www-authenticate'] = 'Basic realm="kafka", Bearer'
    // A body that was not read is in the way of the next request.
    if (!request.complete) headers['connection'] = 'close'
    this.#answer(response, error.status, { error: error.message, status: error.status }, headers)
    if (!request.complete) request.resume()
  }
}

function urlOf(request: IncomingMessage): URL {
  try {
    return new URL(request.url ?? '/', 'http://bridge')
  } catch {
    return new URL('http://bridge/')
  }
}

function partsOf(pathname: string): string[] {
  try {
    return pathname
      .split('/')
      .slice(1)
      .filter((part, i, all) => part !== '' || i < all.length - 1)
      .map(decodeURIComponent)
  } catch {
    throw new BridgeError(400, 'The path is not valid: a percent sign stands alone')
  }
}
