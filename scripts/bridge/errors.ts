/** Whether a request or a record may be sent again: not written, never to be written, or nobody knows. */
export type Retry = 'yes' | 'no' | 'unknown'

/** A failure as callers see it. */
export class BridgeError extends Error {
  readonly status: number
  readonly retry: Retry
  /** Seconds after which to try again. */
  readonly retryAfter: number | undefined

  constructor(status: number, message: string, options: { readonly retry?: Retry; readonly retryAfter?: number } = {}) {
    super(message)
    this.name = 'BridgeError'
    this.status = status
    this.retry = options.retry ?? (status === 429 || status === 503 ? 'yes' : 'no')
    this.retryAfter = options.retryAfter ?? (status === 429 || status === 503 ? 1 : undefined)
  }
}

/** Makes an error of what a client library threw: brokers that cannot be reached, or something of theirs. */
export function brokerError(thrown: unknown, doing: string): BridgeError {
  if (thrown instanceof BridgeError) return thrown
  return new BridgeError(503, `The brokers failed while ${doing}: ${rootMessage(thrown)}`)
}

/** The message of the innermost error, which says what went wrong; those around it say what was tried. */
export function rootMessage(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown)
  const inner = (thrown instanceof AggregateError ? thrown.errors.at(-1) : undefined) ?? thrown.cause
  return inner instanceof Error ? rootMessage(inner) : thrown.message
}
