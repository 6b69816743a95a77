import { isPromise } from '../core/deadline.ts'
import type { Destination, HttpRequest, HttpResponse, Item } from '../core/destination.ts'
import { reasonOf, stackOf } from '../core/errors.ts'
import type { Port } from '../core/port.ts'
import type { Verdict } from '../core/verdict.ts'
import { withTimeout } from '../core/with-timeout.ts'
import { isPlatformError } from '../platform/platform-error.ts'
import type { Deadlines, Running } from './deadlines.ts'

/** The most of a response's body that is read, in bytes. */
const bodyBytes = 65_536

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
  /** Of the lane. */
  readonly deadlines: Deadlines
}

/**
 * Sends one request to a destination and reads its response.
 *
 * The time-out covers the whole exchange, the body of the response included.
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
  const { port, userCodeMs, deadlines } = tools
  const { timeoutSeconds } = destination.limits
  if (destination.send !== undefined) return sendItself(items, destination, { ...tools, send: destination.send })
  let made: HttpRequest
  try {
    const making = destination.request(items, { now: port.now() })
    made = isPromise(making) ? await deadlines.race(making, userCodeMs, 'request') : making
  } catch (error) {
    return requestFailed(error)
  }
  let running: Running | undefined
  try {
    running = deadlines.begin(timeoutSeconds * 1000)
    const { signal } = running.abort
    const response = await sendRequest(made, signal, port)
    const { status, ok, headers } = response
    if (ok && destination.verdicts === undefined) {
      void response.body?.cancel().catch(() => undefined)
      return { status, headers: {}, body: '', request: made }
    }
    const body = await readSome(response, signal)
    return { status, headers: Object.fromEntries(headers), body, request: made }
  } catch (error) {
    if (running?.abort.signal.aborted === true)
      return { ...noAnswer(`no answer within ${timeoutSeconds} s`), request: made }
    const wrong = problemOf(made)
    if (wrong !== undefined) return requestFailed(wrong)
    if (isPlatformError(error))
      return failedExchange('platform', { kind: 'retry', reason: `platform: ${reasonOf(error)}` })
    return { ...noAnswer(`no connection: ${reasonOf(error)}`), request: made }
  } finally {
    if (running !== undefined) deadlines.end(running)
  }
}

/** Lets a destination send by itself, within its time-out. */
async function sendItself(
  items: readonly Item[],
  { limits: { timeoutSeconds } }: Destination,
  {
    port: { fetch, now, credentials },
    deadlines,
    send,
  }: ExchangeTools & { readonly send: NonNullable<Destination['send']> },
): Promise<Exchange> {
  let abort: AbortSignal | undefined
  try {
    const { status, body, verdicts, rests } = await deadlines.withSignal(timeoutSeconds * 1000, (signal) => {
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

function sendRequest(made: HttpRequest, signal: AbortSignal, { send, fetch }: Port): Promise<Response> {
  const init: RequestInit = { method: made.method, headers: made.headers, redirect: 'manual', signal }
  if (made.body !== undefined) init.body = made.body
  return send === undefined ? fetch(new Request(made.url, init)) : send(made.url, init)
}

/** What is wrong with a request that could not be sent: a URL or a header that is none is the fault of the code that made it. */
function problemOf({ url, body, ...rest }: HttpRequest): unknown {
  try {
    void new Request(url, { ...rest, ...(body === undefined ? {} : { body }) })
    return undefined
  } catch (error) {
    return isPlatformError(error) ? undefined : error
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

/**
 * What comes of a body before it is too long, or too late: an answer that never ends is an answer all the same. So is an error
 * whose body breaks off or cannot be unpacked: servers refuse what they have not read to its end, and close.
 */
async function readSome({ body, ok }: Response, signal: AbortSignal): Promise<string> {
  const reader = body?.getReader()
  if (reader === undefined) return ''
  const cut = () => void reader.cancel().catch(() => undefined)
  signal.addEventListener('abort', cut)
  const decoder = new TextDecoder()
  let text = ''
  try {
    for (let left = bodyBytes; left > 0;) {
      const { done: ended, value } = await reader.read()
      if (ended) return text + decoder.decode()
      text += decoder.decode(value.subarray(0, left), { stream: true })
      left -= value.byteLength
    }
    cut()
  } catch (error) {
    if (ok && !signal.aborted) throw error
  } finally {
    signal.removeEventListener('abort', cut)
  }
  return text
}
