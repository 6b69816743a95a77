/** A request as it came, with the parts of an upload. */
export interface SeenRequest {
  readonly method: string
  /** Behind `/bigquery/v2/projects/acme-analytics`. */
  readonly path: string
  readonly body?: unknown
  readonly lines?: readonly string[]
  /** Of a piece of an upload that was begun: its `content-range`, and its bytes as latin1. */
  readonly range?: string
  readonly piece?: string
}

/** What is answered. */
export interface Answer {
  readonly status: number
  /** Undefined for none. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** An error of a job, as its status tells it. */
export interface JobError {
  readonly reason: string
  readonly message: string
}

/** The answer of an error as BigQuery writes it. */
export const errorOf = (status: number, reason: string, message: string): Answer => ({
  status,
  body: { error: { code: status, message, errors: [{ reason, message, domain: 'global' }], status: reason } },
})
