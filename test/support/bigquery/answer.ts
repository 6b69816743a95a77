/** A request as it came, with the parts of an upload. */
export interface SeenRequest {
  readonly method: string
  /** Behind `/bigquery/v2/projects/acme-analytics`. */
  readonly path: string
  readonly body?: unknown
  readonly lines?: readonly string[]
}

/** What is answered. */
export interface Answer {
  readonly status: number
  readonly body: unknown
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
