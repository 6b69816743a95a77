import { withDeadline } from '../core/deadline.ts'
import type { Destination, HttpRequest, HttpResponse, Item } from '../core/destination.ts'
import { reasonOf, stackOf } from '../core/errors.ts'
import type { Port } from '../core/port.ts'
import type { Verdict } from '../core/verdict.ts'
import { withSignal } from '../core/with-signal.ts'
import { withTimeout } from '../core/with-timeout.ts'
import { isPlatformError } from '../platform/platform-error.ts'

/** The most of a response's body that is read, in bytes. */
const bodyBytes = 10_240

/** Why there is no response. */
export interface ExchangeFailure {
  /**
   * `request_failed`: the destination's own code made no request of these events. `no_answer`: the request was sent, and
   * nothing came back. `platform`: the platform did not let it be sent, which says nothing of events or destination.
   */
  readonly code: 'request_failed' | 'no_answer' | 'platform'
  readonly verdict: Verdict
}

/** What came of one request: a response, or why there is none (`status` is 0 then, and the body is a stack or empty). */
export interface Exchange extends HttpResponse {
  readonly failure?: ExchangeFailure
  /** As it was sent; left out where none was made, and where the destination sends by itself. */
  readonly request?: HttpRequest
  /** What a destination that sends by itself says of each item. */
  readonly verdicts?: readonly Verdict[]
  /** What it leaves of each item to the next attempt. */
  readonly rests?: readonly (string | undefined)[]
}

/** What an exchange needs beside the destination. */
export interface ExchangeTools {
  readonly port: Port
  readonly userCodeMs: number
}

/**
 * Sends one request to a destination and reads its response.
 *
 * The time-out covers the whole exchange, the body of the response included. Its timer ends with the exchange: the platform
 * allows an object 10,000 timers, and one that is left to fire on its own counts until then.
 *
 * @param items what the request carries, at least one
 * @param destination makes the request; its `timeoutSeconds` holds
 * @param tools fetch and clock; the milliseconds that `request` of the destination may take
 * @returns the response or the failure; never rejects
 */
export async function exchange(
  items: readonly Item[],
  destination: Destination,
  tools: ExchangeTools,
): Promise<Exchange> {
  const { port, userCodeMs } = tools
  if (destination.send !== undefined) return sendItself(items, destination, { ...port, send: destination.send })
  let made: HttpRequest
  try {
    made = await withDeadline(() => destination.request(items, { now: port.now() }), userCodeMs, 'request')
  } catch (error) {
    return requestFailed(error)
  }
  const { timeoutSeconds } = destination.limits
  const abort = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  try {
    timer = setTimeout(() => abort.abort(), timeoutSeconds * 1000)
    const request = requestOf(made, abort.signal)
    if (!(request instanceof Request)) return request
    const response = await port.fetch(request)
    const wanted = !response.ok || destination.verdicts !== undefined
    const body = wanted ? await readSome(response) : ''
    if (!wanted) void response.body?.cancel().catch(() => undefined)
    return { status: response.status, headers: Object.fromEntries(response.headers), body, request: made }
  } catch (error) {
    if (abort.signal.aborted) return { ...noAnswer(`no answer within ${timeoutSeconds} s`), request: made }
    if (isPlatformError(error))
      return failedExchange('platform', { kind: 'retry', reason: `platform: ${reasonOf(error)}` })
    return { ...noAnswer(`no connection: ${reasonOf(error)}`), request: made }
  } finally {
    clearTimeout(timer)
  }
}

/** Lets a destination send by itself, within its time-out. */
async function sendItself(
  items: readonly Item[],
  { limits: { timeoutSeconds } }: Destination,
  {
    fetch,
    now,
    credentials,
    send,
  }: Pick<Port, 'fetch' | 'now' | 'credentials'> & { readonly send: NonNullable<Destination['send']> },
): Promise<Exchange> {
  let abort: AbortSignal | undefined
  try {
    const { status, body, verdicts, rests } = await withSignal(timeoutSeconds * 1000, (signal) => {
      abort = signal
      const context = { now: now(), fetch, signal, ...(credentials === undefined ? {} : { credentials }) }
      return withTimeout(send(items, context), timeoutSeconds * 1000 + 1000, 'the destination')
    })
    if (verdicts.length !== items.length) throw new Error(`${verdicts.length} verdicts for ${items.length} events`)
    const left = rests === undefined ? {} : { rests }
    return { status, headers: {}, body: body.slice(0, bodyBytes), verdicts, ...left }
  } catch (error) {
    if (isPlatformError(error))
      return failedExchange('platform', { kind: 'retry', reason: `platform: ${reasonOf(error)}` })
    return noAnswer(abort?.aborted === true ? `no answer within ${timeoutSeconds} s` : reasonOf(error))
  }
}

/** A URL or a header that is none is the fault of the code that made it. */
function requestOf({ url, body, ...rest }: HttpRequest, signal: AbortSignal): Request | Exchange {
  try {
    return new Request(url, { ...rest, ...(body === undefined ? {} : { body }), redirect: 'manual', signal })
  } catch (error) {
    if (isPlatformError(error)) throw error
    return requestFailed(error)
  }
}

const failedExchange = (code: ExchangeFailure['code'], verdict: Verdict, stack = ''): Exchange => ({
  status: 0,
  headers: {},
  body: stack,
  failure: { code, verdict },
})

const requestFailed = (error: unknown): Exchange =>
  isPlatformError(error)
    ? failedExchange('platform', { kind: 'retry', reason: `platform: ${reasonOf(error)}` })
    : failedExchange(
        'request_failed',
        { kind: 'dead', reason: `the request could not be made: ${reasonOf(error)}` },
        stackOf(error),
      )

const noAnswer = (reason: string): Exchange => failedExchange('no_answer', { kind: 'retry', reason })

async function readSome(response: Response): Promise<string> {
  const reader = response.body?.getReader()
  if (reader === undefined) return ''
  const decoder = new TextDecoder()
  let text = ''
  for (let left = bodyBytes; left > 0;) {
    const { done: ended, value } = await reader.read()
    if (ended) return text + decoder.decode()
    text += decoder.decode(value.subarray(0, left), { stream: true })
    left -= value.byteLength
  }
  await reader.cancel()
  return text
}
