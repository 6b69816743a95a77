import { reasonOf, SluicewayError } from '../../core/errors.ts'
import type { Port } from '../../core/port.ts'
import { CookieJar } from './cookie-jar.ts'
import { type FrontAnswer, afterSecondsOf } from './front-answer.ts'
import { readText } from './read-text.ts'

/** One request to a front. */
export interface FrontRequest {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Behind the address of the front. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  readonly signal: AbortSignal
  /** True: an answer that breaks off is given as far as it came, with `cut`. */
  readonly partial?: true
}

/**
 * Sends the requests of one conversation to a front. Cookies are kept and sent back: a load balancer binds a conversation to one
 * process of the front by them.
 */
export class FrontCaller {
  readonly #url: string
  readonly #headers: Readonly<Record<string, string>>
  readonly #port: Pick<Port, 'fetch' | 'now'>
  readonly #cookies = new CookieJar()

  constructor(url: string, headers: Readonly<Record<string, string>>, port: Pick<Port, 'fetch' | 'now'>) {
    this.#url = url.replace(/\/+$/, '')
    this.#headers = headers
    this.#port = port
  }

  /**
   * Sends a request and reads the answer, whatever its status is.
   *
   * @param request of the front's API; it ends with its signal, even in the middle of the answer
   * @throws {SluicewayError} kafka_unavailable when there is no answer: whether the call had an effect is unknown
   */
  async call({ path, method, headers, body, signal, partial }: FrontRequest): Promise<FrontAnswer> {
    try {
      signal.throwIfAborted()
      const response = await this.#port.fetch(
        new Request(`${this.#url}${path}`, {
          method,
          headers: this.#cookies.addTo({ ...this.#headers, ...headers }),
          ...(body === undefined ? {} : { body }),
          redirect: 'manual',
          signal,
        }),
      )
      this.#cookies.keep(response.headers)
      const { text, cut } = await readText(response, signal)
      if (cut !== undefined && partial !== true) throw new Error(cut)
      const afterSeconds = afterSecondsOf(response.headers, this.#port.now())
      return {
        status: response.status,
        text,
        ...(cut === undefined ? {} : { cut }),
        ...(afterSeconds === undefined ? {} : { afterSeconds }),
      }
    } catch (cause) {
      throw new SluicewayError('kafka_unavailable', `The Kafka front does not answer: ${whyOf(cause)}`, { cause })
    }
  }
}

/** Node says what it was in the cause of `fetch failed`. */
function whyOf(thrown: unknown): string {
  const { cause } = thrown as { readonly cause?: unknown }
  return cause instanceof Error && cause.message !== '' ? `${reasonOf(thrown)}: ${cause.message}` : reasonOf(thrown)
}
