import { reasonOf, SluicewayError } from '../../core/errors.ts'
import type { FailureScope } from '../../core/warehouse.ts'
import { isPlatformError } from '../../platform/platform-error.ts'

/** Errors that pass, although their status speaks against it. */
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
 * Errors of R2 that time does not mend: no right, no such bucket.
 * https://developers.cloudflare.com/r2/api/error-codes/ (checked 2026-11-29)
 */
const lastingOfR2 = /\((?:10002|10003|10004|10006|10013|10018|10035|10042|10062)\)/

/** Whose objects a store holds: the name that failures begin with, and the page that has the policy of the key. */
export interface StoreUser {
  readonly engine: string
  readonly page: string
}

/** The lake, as failures name it. */
export const lakeUser: StoreUser = { engine: 'Lake', page: 'docs/warehouse-lake.md' }

/** Somebody else wrote an object in between: what was read of it is no longer so. */
export const changedMeanwhile = (key: string): SluicewayError =>
  failure(
    `${key} was written by somebody else meanwhile; one warehouse of one deployment must have the folder to itself`,
  )

/**
 * Says what an answer of a store means: no refusal speaks of a row, since any bytes can be stored.
 *
 * @param answer with the XML of an error
 *   https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html (checked 2026-11-29)
 * @param what the verb and the object that were asked for, the bucket, and for whom
 */
export function failureOfAnswer(
  { status, body }: { readonly status: number; readonly body: string },
  { asked, bucket, user }: { readonly asked: string; readonly bucket: string; readonly user: StoreUser },
): SluicewayError {
  const code = /<Code>(\w{1,80})<\/Code>/.exec(body)?.[1]
  const isPassing =
    status === 408 || status === 409 || status === 425 || status === 429 || status >= 500 || passing.has(code ?? '')
  const reason = `HTTP ${status}${code === undefined ? '' : ` ${code}`} to ${asked}`
  const hint = hintOf({ status, code }, bucket, user)
  return failure(isPassing ? reason : `${reason}. ${hint}`, { lasting: !isPassing, user })
}

function hintOf(
  { status, code }: { readonly status: number; readonly code: string | undefined },
  bucket: string,
  { page }: StoreUser,
): string {
  if (code === 'NoSuchBucket') return `Create the bucket "${bucket}", or name another one.`
  if (status === 301 || status === 307 || code === 'AuthorizationHeaderMalformed')
    return `The bucket "${bucket}" is in another region: set \`region\`.`
  if (code === 'SignatureDoesNotMatch' || code === 'InvalidAccessKeyId' || status === 401)
    return 'Check `accessKeyId` and `secretAccessKey`.'
  return `The key must be allowed to list "${bucket}", and to read and write its objects: ${page} has the policy.`
}

/** Says what it means that a store did not answer, or that a binding threw. */
export function failureOfThrown(thrown: unknown, asked: string, user = lakeUser): SluicewayError {
  const reason = reasonOf(thrown)
  const scope = isPlatformError(thrown) ? 'invocation' : 'warehouse'
  return failure(`${reason} (${asked})`, { cause: thrown, scope, lasting: lastingOfR2.test(reason), user })
}

/** Says that an object is larger than anything that Sluiceway reads. */
export const tooLarge = (key: string, most: number): SluicewayError =>
  failure(`${key} has more than ${most} bytes`, { lasting: true })

/** Makes the failure of a lake; its scope is `warehouse` unless another is given. */
export function failure(
  reason: string,
  {
    cause,
    scope = 'warehouse',
    lasting = false,
    user = lakeUser,
  }: {
    readonly cause?: unknown
    readonly scope?: FailureScope
    readonly lasting?: boolean
    readonly user?: StoreUser
  } = {},
): SluicewayError {
  const details = { scope, ...(lasting ? { lasting } : {}) }
  return new SluicewayError(
    'warehouse_failed',
    `${user.engine}: ${reason}`,
    cause === undefined ? { details } : { cause, details },
  )
}
