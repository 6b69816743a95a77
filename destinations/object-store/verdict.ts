// Errors: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html (checked 2026-11-29)
import { retryAfterSeconds, type Verdict } from 'sluiceway/destination'

/** Errors with a status that speaks against it, which pass all the same. */
const passing: ReadonlySet<string> = new Set([
  'RequestTimeout',
  'RequestTimeTooSkewed',
  'OperationAborted',
  'SlowDown',
  'InternalError',
  'ServiceUnavailable',
  'TooManyRequests',
])

/**
 * Says what the answer of a store means: no refusal speaks of an event, since any bytes can be stored.
 *
 * @param answer with the XML of an error
 * @param now milliseconds since the epoch
 */
export function verdictOfAnswer(
  { status, headers, body }: { readonly status: number; readonly headers: Headers; readonly body: string },
  now: number,
): Verdict {
  if (status >= 200 && status < 300) return { kind: 'done' }
  const code = /<Code>(\w{1,80})<\/Code>/.exec(body)?.[1]
  const reason = code === undefined ? `HTTP ${status}` : `HTTP ${status}: ${code}`
  const isPassing = status === 408 || status === 425 || status === 429 || status >= 500
  if (!isPassing && !(code !== undefined && passing.has(code))) return { kind: 'pause', reason }
  const afterSeconds = retryAfterSeconds(headers.get('retry-after') ?? undefined, now)
  return { kind: 'retry', reason, ...(afterSeconds === undefined ? {} : { afterSeconds }) }
}
