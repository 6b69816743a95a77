/** Every way in which a whole call can fail. The codes are stable: programs may switch on them. */
export type ErrorCode =
  | 'config_invalid'
  | 'invalid_json'
  | 'empty_batch'
  | 'write_key_missing'
  | 'write_key_invalid'
  | 'source_disabled'
  | 'source_not_webhook'
  | 'source_is_webhook'
  | 'signature_invalid'
  | 'source_failed'
  | 'rate_limited'
  | 'body_too_large'
  | 'body_unreadable'
  | 'unsupported_encoding'
  | 'not_found'
  | 'method_not_allowed'
  | 'unauthorized'
  | 'bad_request'
  | 'conflict'
  | 'stream_unavailable'
  | 'stream_limit'
  | 'kafka_unavailable'
  | 'kafka_refused'
  | 'transform_failed'
  | 'mapping_failed'
  | 'too_many_columns'
  | 'warehouse_failed'
  | 'avro_schema_invalid'
  | 'avro_value_invalid'
  | 'registry_failed'
  | 'state_version'
  | 'internal'

/** What went wrong with a call, what to do about it, and the error beneath it. */
export class SluicewayError extends Error {
  readonly code: ErrorCode
  readonly details: Readonly<Record<string, unknown>>

  constructor(
    code: ErrorCode,
    message: string,
    options: { readonly cause?: unknown; readonly details?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'SluicewayError'
    this.code = code
    this.details = options.details ?? {}
  }
}

/** Turns anything that was thrown into one line of text. */
export const reasonOf = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : typeof thrown === 'string' ? thrown : JSON.stringify(thrown)

/** Gives the stack of what was thrown, or '' where it has none. What is thrown by users may be hostile. */
export function stackOf(thrown: unknown): string {
  try {
    const { stack }: { readonly stack?: unknown } = thrown instanceof Error ? thrown : {}
    return typeof stack === 'string' ? stack : ''
  } catch {
    return ''
  }
}
