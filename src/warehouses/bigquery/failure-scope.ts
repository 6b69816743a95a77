import type { FailureScope } from '../../core/warehouse.ts'

/** What is told of an error: an `ErrorProto` of BigQuery, and the status of the answer that had it. */
export interface ErrorFound {
  /** Undefined where the answer is not BigQuery's, as that of a proxy. */
  readonly reason: string | undefined
  readonly message: string
  /** Undefined for an error of a job that was found in its status. */
  readonly status?: number | undefined
  /** What kind of job failed; undefined where a call did. */
  readonly job?: 'load' | 'query' | undefined
}

/** Reasons that speak of the statement or of the table. */
const ofTable = new Set([
  'invalid',
  'invalidQuery',
  'invalidParameter',
  'badRequest',
  'parseError',
  'required',
  'duplicate',
  'notFound',
  'notImplemented',
  'resourcesExceeded',
  'responseTooLarge',
  'uploadTooLarge',
  'tableUnavailable',
])
/** Reasons that time does not mend: rights, billing, an API that is not turned on, a project that is blocked. */
const ofSetUp = new Set([
  'accessDenied',
  'forbidden',
  'insufficientPermissions',
  'accessNotConfigured',
  'SERVICE_DISABLED',
  'billingNotEnabled',
  'billingTierLimitExceeded',
  'blocked',
  'authError',
  'required_login',
  'proxyAuthenticationRequired',
])

/**
 * Tells what an error of BigQuery speaks of.
 *
 * Bad rows of a load job have the reason `invalid`, which in other places speaks of a schema or a statement. Not found is a table,
 * or the dataset or project, which only the words tell.
 * https://cloud.google.com/bigquery/docs/error-messages (stored copy, read 2026-11-29)
 *
 * @param error as it was found
 * @returns the scope, and whether time alone does not mend it; what is not known to speak of rows or of a table speaks of all
 * @example scopeOfError({ reason: 'invalid', message: 'Error while reading data', job: 'load' }) // { scope: 'rows', lasting: false }
 */
export function scopeOfError({ reason, message, status, job }: ErrorFound): {
  readonly scope: FailureScope
  readonly lasting: boolean
} {
  if (status === 401) return { scope: 'warehouse', lasting: true }
  if (reason === undefined) return { scope: 'warehouse', lasting: status === 403 || status === 404 }
  if (ofSetUp.has(reason)) return { scope: 'warehouse', lasting: true }
  // Jobs are there for half a year; one that is not is looked for in another place than it ran.
  if (reason === 'notFound' && /not found: job\b/i.test(message)) return { scope: 'warehouse', lasting: false }
  if (reason === 'notFound' && isAbove(message)) return { scope: 'warehouse', lasting: true }
  // Others change the table, too: its queue is full, or they were first. The reason is that of a wrong statement.
  // https://cloud.google.com/bigquery/docs/troubleshoot-queries#could_not_serialize_access_to_table_due_to_concurrent_update
  if (/too many DML statements|due to concurrent update/i.test(message)) return { scope: 'warehouse', lasting: false }
  if (reason === 'invalid' && job === 'load') return { scope: 'rows', lasting: false }
  return { scope: ofTable.has(reason) ? 'table' : 'warehouse', lasting: false }
}

/** Whether what is not there is above all tables. */
const isAbove = (message: string): boolean => /not found: (?:dataset|project)\b/i.test(message)

/** Whether the same call may succeed some seconds later. */
export const isPassing = ({ reason, status }: Pick<ErrorFound, 'reason' | 'status'>): boolean =>
  reason === 'rateLimitExceeded' ||
  reason === 'jobRateLimitExceeded' ||
  reason === 'backendError' ||
  reason === 'internalError' ||
  (reason !== 'quotaExceeded' && (status === 429 || (status !== undefined && status >= 500)))
