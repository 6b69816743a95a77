import { reasonOf, SluicewayError } from '../../core/errors.ts'
import type { Port } from '../../core/port.ts'

/** The answer of a front, read to its end. */
export interface FrontAnswer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

/** One request to a front. */
export interface FrontRequest {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Behind the address of the front. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  readonly signal: AbortSignal
}

/** Bytes of an answer: a read asks for less, and no record of a broker is that long. */
const answerBytes = 24_000_000

/** Sends requests to a front. */
export class FrontCaller {
  readonly #url: string
  readonly #headers: Readonly<Record<string, string>>
  readonly #port: Pick<Port, 'fetch'>

  constructor(url: string, headers: Readonly<Record<string, string>>, port: Pick<Port, 'fetch'>) {
    this.#url = url.replace(/\/+$/, '')
    this.#headers = headers
    this.#port = port
  }

  /**
   * Sends a request and reads the answer, whatever its status is.
   *
   * @throws {SluicewayError} kafka_unavailable when there is no answer: whether the call had an effect is unknown
   */
  async call({ path, ...init }: FrontRequest): Promise<FrontAnswer> {
    try {
      const { method, headers, body, signal } = init
      const response = await this.#port.fetch(
        new Request(`${this.#url}${path}`, {
          method,
          headers: { ...this.#headers, ...headers },
          ...(body === undefined ? {} : { body }),
          redirect: 'manual',
          signal,
        }),
      )
      return { status: response.status, headers: response.headers, text: await readAll(response) }
    } catch (cause) {
      throw new SluicewayError('kafka_unavailable', `The Kafka front does not answer: ${reasonOf(cause)}`, { cause })
    }
  }
}

async function readAll(response: Response): Promise<string> {
  const reader = response.body?.getReader()
  if (reader === undefined) return ''
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return text + decoder.decode()
    bytes += value.byteLength
    if (bytes > answerBytes) {
      await reader.cancel()
      throw new RangeError(`the answer has more than ${answerBytes} bytes`)
    }
    text += decoder.decode(value, { stream: true })
  }
}

/**
 * Makes an error of an answer that is none of success.
 *
 * @param answer its text may be `{"error_code","message"}` or `{"error","status"}`
 * @param what was tried, e.g. `produce to orders`
 * @returns `kafka_refused` for 4xx that a person must look at, `kafka_unavailable` (with `details.afterSeconds` where the front
 *   names a time) for what may go away
 */
export function errorOf({ status, headers, text }: FrontAnswer, what: string): SluicewayError {
  const message = `${what}: HTTP ${status} ${messageOf(text)}`.trim()
  const isRefused = status >= 300 && status < 500 && status !== 408 && status !== 409 && status !== 429
  const afterSeconds = secondsOf(headers.get('retry-after') ?? headers.get('x-ratelimit-reset'))
  return new SluicewayError(isRefused ? 'kafka_refused' : 'kafka_unavailable', message, {
    details: { status, ...(afterSeconds === undefined ? {} : { afterSeconds }) },
  })
}

/** What a front says went wrong, cut to 300 characters. */
export function messageOf(text: string): string {
  const found = jsonObjectOf(text)
  const message = found?.['message'] ?? found?.['error']
  return (typeof message === 'string' ? message : text).slice(0, 300)
}

/** Reads JSON that is an object; undefined for anything else. */
export function jsonObjectOf(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

/** Seconds of a `Retry-After`; a date is passed over, and an hour is the most. */
function secondsOf(text: string | null): number | undefined {
  const seconds = Number(text ?? '')
  return text !== null && Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds, 3_600) : undefined
}

/** The body of an answer that must be JSON. Throws `kafka_unavailable` where it is none. */
export function jsonOfAnswer(answer: FrontAnswer, what: string): unknown {
  try {
    return JSON.parse(answer.text)
  } catch (cause) {
    throw new SluicewayError('kafka_unavailable', `${what}: the front answered with what is no JSON`, { cause })
  }
}
