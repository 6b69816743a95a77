import { reasonOf, SluicewayError } from '../../core/errors.ts'
import type { FailureScope } from '../../core/warehouse.ts'
import { isPlatformError } from '../../platform/platform-error.ts'

/** Where a warehouse is, as the hints name it; nothing of it is a secret. */
export interface RedshiftAddress {
  readonly region: string
  /** `cluster "analytics"` or `workgroup "analytics"`. */
  readonly server: string
  readonly database: string
  readonly schema: string
  readonly bucket: string
  /** The user of the database, as SQL names it; undefined where IAM or a secret decides. */
  readonly user: string | undefined
}

/** What a failure means: of what it speaks, whether time alone does not mend it, and what to do. */
interface Meaning {
  readonly scope: FailureScope
  readonly lasting: boolean
  readonly hint: string
}

/**
 * What COPY says where an object is not there, or one that a manifest lists.
 * https://docs.aws.amazon.com/redshift/latest/dg/loading-data-files-using-manifest.html (stored copy, read 2026-11-30); the words are
 * those that users recorded
 */
const ofObject = /mandatory url is not present|S3 prefix.* does not exist|specified key does not exist|NoSuchKey/i

/** What S3 says of its own trouble, as COPY tells it: `S3ServiceException:…,Status 503,Error SlowDown`. */
const ofBusyS3 = /S3ServiceException.*\bStatus 5\d\d\b/i

/**
 * What IAM says where the key may not log in to the database: the Data API answers ValidationException then, as the tests of
 * awslabs/mcp note it, and names the cluster.
 */
const ofLogin = /not authorized to perform: (?:redshift|redshift-serverless|redshift-data|secretsmanager|kms):/i
const policyHint = 'The key lacks a right: docs/warehouse-redshift.md has the policy.'

/** How an error of the server itself begins; of several statements, the Data API says which one failed. */
const ofServer = /^(?:Query #\d+ failed with )?ERROR\b/

/** UTF-16 units of an error that are told. */
const longestReason = 600

/**
 * Errors of the Data API that pass: too much at once, or trouble of its own.
 * https://docs.aws.amazon.com/redshift-data/latest/APIReference/CommonErrors.html (checked 2026-11-29)
 */
const passing: ReadonlySet<string> = new Set([
  'ThrottlingException',
  'Throttling',
  'TooManyRequestsException',
  'RequestTimeout',
  'RequestTimeoutException',
  'RequestExpired',
  'ServiceUnavailable',
  'ServiceUnavailableException',
  'InternalFailure',
  'InternalServerException',
  'ActiveStatementsExceededException',
  'ActiveSessionsExceededException',
  'ActiveWaitingRequestsExceededException',
])
/** Errors that speak of the key. */
const ofKey =
  /^(?:UnrecognizedClient|InvalidClientTokenId|InvalidSignature|SignatureDoesNotMatch|IncompleteSignature|MissingAuthenticationToken|ExpiredToken|OptInRequired)/

/** Whether the same request is worth a second try in a moment. */
export const isPassing = (status: number, code: string): boolean => status >= 500 || status === 429 || passing.has(code)

/**
 * Says what an error of the Data API means.
 *
 * @param answer its status, the name of the exception, and its words
 * @param address where the warehouse is
 * @returns the failure
 */
export function failureOfAnswer(
  { status, code, words }: { readonly status: number; readonly code: string; readonly words: string },
  address: RedshiftAddress,
): SluicewayError {
  const reason = `${cut(words) || `status ${status}`} (${code || status})`
  return failure(reason, meaningOfAnswer({ status, code, words }, address), { code: code || status })
}

/**
 * Says what it means that a statement failed. The Data API gives words alone, and no SQLSTATE: these are told apart by what
 * Redshift has always said, and what is not known speaks of the table, since others may be well.
 *
 * @param words `Error` of DescribeStatement
 * @param address where the warehouse is
 * @returns the failure, with `details.ended` true: nothing of the statement runs any more
 */
export const failureOfStatement = (words: string, address: RedshiftAddress): SluicewayError =>
  failure(cut(words), meaningOfWords(words, address), { ended: true })

/** Says that a statement takes too long. */
export const failureOfTime = (seconds: number): SluicewayError =>
  failure(`no end within ${seconds} seconds`, { scope: 'warehouse', lasting: false, hint: '' })

/** Says what it means that there was no answer. */
export function failureOfThrown(thrown: unknown, { region }: RedshiftAddress): SluicewayError {
  const scope = isPlatformError(thrown) ? 'invocation' : 'warehouse'
  const hint =
    scope === 'invocation' ? '' : `No answer from the Data API of ${region}: check \`region\`, or \`dataEndpoint\`.`
  return failure(reasonOf(thrown) || 'no answer', { scope, lasting: false, hint }, { cause: thrown })
}

/** Says that a value is in the way of a load. */
export const rowFailure = (reason: string): SluicewayError =>
  failure(reason, { scope: 'rows', lasting: false, hint: '' })

function meaningOfAnswer(
  { status, code, words }: { readonly status: number; readonly code: string; readonly words: string },
  address: RedshiftAddress,
): Meaning {
  const lasting = (hint: string): Meaning => ({ scope: 'warehouse', lasting: true, hint })
  if (isPassing(status, code)) return { scope: 'warehouse', lasting: false, hint: '' }
  if (ofKey.test(code)) return lasting('Check `accessKeyId`, `secretAccessKey` and `region`.')
  if (code.startsWith('AccessDenied') || status === 403 || ofLogin.test(words)) return lasting(policyHint)
  if (code !== 'ValidationException') return { scope: 'warehouse', lasting: false, hint: '' }
  if (/secret/i.test(words)) return lasting('Check `secretArn`, and that the key may read it.')
  if (/cluster|workgroup|endpoint/i.test(words))
    return lasting(`The ${address.server} must be in ${address.region}: check its name and \`region\`.`)
  // A statement that is too long is one of this table.
  return /length|size|too (?:long|large)/i.test(words)
    ? { scope: 'table', lasting: false, hint: '' }
    : { scope: 'warehouse', lasting: false, hint: '' }
}

function meaningOfWords(words: string, address: RedshiftAddress): Meaning {
  const of = (scope: FailureScope, lasting = false, hint = ''): Meaning => ({ scope, lasting, hint })
  const { bucket, database, server } = address
  // The object was deleted, by somebody else or by an earlier invocation whose load has ended.
  if (ofObject.test(words) || ofBusyS3.test(words)) return of('warehouse')
  if (ofLogin.test(words)) return of('warehouse', true, policyHint)
  if (/S3ServiceException|AssumeRole|assume role|not authorized to (?:get|perform)|IAM role|AccessDenied/i.test(words))
    return of(
      'warehouse',
      true,
      `The role of \`iamRole\` must be attached to the ${server}, and may read "${bucket}": docs/warehouse-redshift.md has its policy.`,
    )
  // It may be missing for one table alone.
  if (/permission denied|must be owner/i.test(words)) return of('table', true, grantHint(words, address))
  if (/database ".*" does not exist/i.test(words))
    return of('warehouse', true, `Create the database "${database}", or name another one.`)
  if (/authentication failed|FATAL/i.test(words)) return of('warehouse', true, 'Check `dbUser` or `secretArn`.')
  if (/disk full|out of disk/i.test(words)) return of('warehouse', true, 'The disk is full: make room, or resize.')
  if (
    /serializable isolation|concurrent|deadlock|conflict with|cancell?ed|aborted|timeout|connection|restart|unavailable|out of memory|resum|paus/i.test(
      words,
    )
  )
    return of('warehouse')
  if (/load into table .* failed/i.test(words))
    return of('rows', false, 'SELECT * FROM sys_load_error_detail ORDER BY start_time DESC LIMIT 10 tells the column.')
  if (
    /too long|out of range|overflow|invalid (?:input|digit|value)|null value|cannot insert a NULL|exceed/i.test(words)
  )
    return of('rows')
  return of(ofServer.test(words) ? 'table' : 'warehouse')
}

function grantHint(words: string, { database, schema, user }: RedshiftAddress): string {
  const who = user === undefined ? 'the user' : `"${user}"`
  if (/for database/i.test(words))
    return `The schema "${schema}" is not there, and ${who} may not create it: GRANT CREATE ON DATABASE "${database}" TO ${who}.`
  if (/for schema/i.test(words))
    return `${who} may not create tables there: GRANT USAGE, CREATE ON SCHEMA "${schema}" TO ${who}.`
  return `${who} must own the tables in "${schema}" that it fills: ALTER TABLE … OWNER TO ${who}.`
}

const cut = (words: string): string => {
  const line = words.trim().replaceAll(/\s+/g, ' ')
  return line.length > longestReason ? `${line.slice(0, longestReason)}…` : line
}

function failure(
  reason: string,
  { scope, lasting, hint }: Meaning,
  { cause, ...more }: { readonly code?: string | number; readonly ended?: true; readonly cause?: unknown } = {},
): SluicewayError {
  const details = { scope, ...more, ...(lasting ? { lasting } : {}) }
  const words = hint === '' ? reason : `${reason.replace(/\.$/, '')}. ${hint}`
  return new SluicewayError('warehouse_failed', `Redshift: ${words}`, {
    details,
    ...(cause === undefined ? {} : { cause }),
  })
}
