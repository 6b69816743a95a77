import { SluicewayError } from '../../core/errors.ts'

/** The answer of a front. */
export interface FrontAnswer {
  readonly status: number
  readonly text: string
  /** Seconds that the front asks to wait. */
  readonly afterSeconds?: number
  /** Why the text is not all of the answer; only where a part of it was asked for. */
  readonly cut?: string
}

/** The longest wait that a front may ask for, in seconds. */
const mostSeconds = 3_600
/** A larger number is a time, in seconds since the epoch. */
const leastTime = 1_000_000_000
const passing = new Set([408, 409, 425, 429])

/**
 * Reads how long a front asks to wait: `Retry-After` (seconds or a date), else `X-RateLimit-Reset` (seconds, or a time).
 *
 * @param headers of the answer
 * @param now milliseconds since the epoch
 * @returns seconds, an hour at most; undefined when it asks for nothing
 */
export function afterSecondsOf(headers: Headers, now: number): number | undefined {
  for (const name of ['retry-after', 'x-ratelimit-reset']) {
    const text = headers.get(name)?.trim() ?? ''
    if (text === '') continue
    const number = Number(text)
    const seconds = Number.isFinite(number)
      ? number > leastTime
        ? number - now / 1_000
        : number
      : (Date.parse(text) - now) / 1_000
    if (Number.isFinite(seconds)) return Math.min(mostSeconds, Math.max(0, Math.ceil(seconds)))
  }
  return undefined
}

/**
 * Makes an error of an answer that is none of success.
 *
 * @param answer its text may be `{"error_code","message"}` or `{"error","status"}`
 * @param what was tried, e.g. `produce to orders`
 * @returns `kafka_refused` for what a person must look at (3xx, 4xx), `kafka_unavailable` for what may go away; `details` hold
 *   `status`, and `afterSeconds` where the front names a time
 */
export function errorOf({ status, text, afterSeconds }: FrontAnswer, what: string): SluicewayError {
  const isRefused = status >= 300 && status < 500 && !passing.has(status) && !isPassing(text)
  return new SluicewayError(
    isRefused ? 'kafka_refused' : 'kafka_unavailable',
    `${what}: HTTP ${status} ${messageOf(text)}`.trim(),
    { details: { status, ...(afterSeconds === undefined ? {} : { afterSeconds }) } },
  )
}

/** Redpanda answers with 400 while a partition moves to another broker. */
const isPassing = (text: string): boolean => /not_leader_for_partition|leader_epoch|offset_not_available/.test(text)

/** The HTTP status beneath an error; undefined when there was no answer. */
export function statusOf(error: unknown): number | undefined {
  const status = error instanceof SluicewayError ? error.details['status'] : undefined
  return typeof status === 'number' ? status : undefined
}

/** The seconds that an error asks to wait, as part of an outcome. */
export function waitOf(error: unknown): { readonly afterSeconds?: number } {
  const seconds = error instanceof SluicewayError ? error.details['afterSeconds'] : undefined
  return typeof seconds === 'number' ? { afterSeconds: seconds } : {}
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

/** The body of an answer that must be JSON. Throws `kafka_unavailable` where it is none. */
export function jsonOfAnswer(answer: FrontAnswer, what: string): unknown {
  try {
    return JSON.parse(answer.text)
  } catch (cause) {
    throw new SluicewayError('kafka_unavailable', `${what}: the front answered with what is no JSON`, { cause })
  }
}

/** The body of an answer that must be a list. Throws `kafka_unavailable` where it is none. */
export function listOfAnswer(answer: FrontAnswer, what: string): readonly unknown[] {
  const list = jsonOfAnswer(answer, what)
  if (!Array.isArray(list)) throw new SluicewayError('kafka_unavailable', `${what}: the front answered with no list`)
  return list
}
