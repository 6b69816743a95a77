import { SluicewayError } from '../core/errors.ts'
import type { Verdict } from '../core/verdict.ts'

/** What a registry's refusal was about. */
interface Failure {
  /** HTTP status; 0 when there was no answer. */
  readonly status: number
  /** The `error_code` of the answer; 0 when it has none. */
  readonly errorCode: number
  /** Whether the same call may succeed later. */
  readonly retry: boolean
  /** Seconds that the registry asks to wait. */
  readonly afterSeconds?: number
  readonly cause?: unknown
}

/** A call to a schema registry that failed: its code is `registry_failed`. Holds no credential. */
export class RegistryError extends SluicewayError {
  readonly status: number
  readonly errorCode: number
  readonly retry: boolean
  readonly afterSeconds: number | undefined

  constructor(message: string, { status, errorCode, retry, afterSeconds, cause }: Failure) {
    super('registry_failed', message, { cause, details: { status, errorCode, retry } })
    this.name = 'RegistryError'
    this.status = status
    this.errorCode = errorCode
    this.retry = retry
    this.afterSeconds = afterSeconds
  }

  /** True when the registry has no such subject, version or schema. */
  get isMissing(): boolean {
    return this.status === 404
  }

  /**
   * What it means for an event that waits for its schema: a retry when the registry is in trouble, else a pause. The event is
   * never dead for it: what is wrong is the registry, a credential, or a schema.
   */
  get verdict(): Verdict {
    const reason = this.message
    if (!this.retry) return { kind: 'pause', reason }
    return { kind: 'retry', reason, ...(this.afterSeconds === undefined ? {} : { afterSeconds: this.afterSeconds }) }
  }
}
