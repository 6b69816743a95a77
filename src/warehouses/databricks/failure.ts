import { reasonOf, SluicewayError } from '../../core/errors.ts'
import type { FailureScope } from '../../core/warehouse.ts'
import { isPlatformError } from '../../platform/platform-error.ts'

/** Where a warehouse is, as the hints name it; nothing of it is a secret. */
export interface DatabricksAddress {
  readonly host: string
  readonly warehouseId: string
  readonly catalog: string
  readonly schema: string
  /** Of rows on their way: `s3://bucket/prefix`; undefined where there is no staging. */
  readonly location?: string | undefined
}

/** What a failure means: of what it speaks, whether time alone does not mend it, and what to do. */
interface Meaning {
  readonly scope: FailureScope
  readonly lasting?: boolean
  readonly hint?: string
}

/** What an answer or a statement says of its failure. */
export interface DatabricksError {
  /** Of the answer; undefined where a statement failed. */
  readonly status?: number
  /** As `PERMISSION_DENIED`; https://docs.databricks.com/api/workspace/statementexecution/executestatement */
  readonly code: string
  readonly words: string
  readonly sqlState?: string | undefined
  /** Whether the API has told the end of the statement, so that nothing of it runs any more. */
  readonly hasEnded?: boolean
}

/** UTF-16 units of an error that are told. */
const longestReason = 600

/** Says what an error of the API, or of a statement, means. */
export function failureOf(error: DatabricksError, address: DatabricksAddress): SluicewayError {
  const { status, code, words } = error
  const state = error.sqlState ?? /SQLSTATE: ([0-9A-Z]{5})/.exec(words)?.[1]
  const line = words.trim().replaceAll(/\s+/g, ' ')
  const reason = line.length > longestReason ? `${line.slice(0, longestReason)}…` : line || `status ${status}`
  const named = code === '' || reason.includes(code) ? reason : `${reason} (${code})`
  const meaning = status === undefined ? meaningOfStatement(error, state, address) : meaningOfAnswer(error, address)
  return failure(named, meaning, {
    ...(code === '' ? {} : { code }),
    ...(state === undefined ? {} : { state }),
    ...(error.hasEnded === true ? { ended: true } : {}),
  })
}

/** Says what it means that there was no answer. */
export function failureOfThrown(thrown: unknown, { host }: DatabricksAddress): SluicewayError {
  const meaning: Meaning = isPlatformError(thrown)
    ? { scope: 'invocation' }
    : {
        scope: 'warehouse',
        hint: `No answer from ${host}: check \`url\`, and that its IP access list lets Cloudflare in.`,
      }
  return failure(reasonOf(thrown) || 'no answer', meaning, {}, thrown)
}

/** Says that a value is in the way of a load. */
export const rowFailure = (reason: string): SluicewayError => failure(reason, { scope: 'rows' }, {})

/**
 * Says that a statement did not read an object whole.
 *
 * @param object `s3://bucket/key`
 * @param rows what the statement told, and how many rows the object has
 */
export const unreadFailure = (
  object: string,
  { affected, of }: { readonly affected: string | null | undefined; readonly of: number },
): SluicewayError =>
  failure(
    `the statement took ${affected ?? 'no'} rows of the ${of} in ${object}`,
    { scope: 'warehouse', hint: 'Check that the external location is the bucket of `staging`.' },
    { ended: true },
  )

/** Says that a table is in the way of a load. */
export const tableFailure = (reason: string): SluicewayError => failure(reason, { scope: 'table' }, {})

function meaningOfAnswer(
  { status = 0, code, words }: DatabricksError,
  { warehouseId, host }: DatabricksAddress,
): Meaning {
  if (status === 429 || status >= 500) return { scope: 'warehouse' }
  if (status === 401 || code === 'invalid_client' || code === 'UNAUTHENTICATED')
    return lasting('Check `token`, or `clientId` and `clientSecret`: it may have expired.')
  if (status === 403)
    return lasting(
      `The token or the service principal needs CAN USE on the SQL warehouse ${warehouseId}: docs/warehouse-databricks.md has all rights.`,
    )
  if (status === 404)
    return lasting(`There is no SQL warehouse ${warehouseId} in ${host}: check \`warehouseId\` and \`url\`.`)
  if (/warehouse/i.test(code) || /not a valid endpoint id/i.test(words))
    return lasting(`Check \`warehouseId\`: ${warehouseId}.`)
  return status === 413 ? { scope: 'table' } : { scope: 'warehouse' }
}

/**
 * Classes of SQLSTATE that speak of values: data, constraints.
 * https://docs.databricks.com/aws/en/error-messages/sqlstates (checked 2026-11-29)
 */
const ofRows = /^2[23]/
/** Syntax, names, types, what is not possible with a table, and limits of it. */
const ofTable = /^(?:07|0A|21|42|46|54)/

/** What Unity Catalog says of a location that it does not know, or lets nobody read; or of an old SQL warehouse, of R2. */
const ofStaging = /READ[ _]FILES|EXTERNAL[ _]LOCATION|No FileSystem for scheme/i

/** What Delta says where others changed the table meanwhile. https://docs.databricks.com/aws/en/error-messages/error-classes */
const ofOthers = /\[DELTA_(?:CONCURRENT_|METADATA_CHANGED|PROTOCOL_CHANGED)/

function meaningOfStatement(
  { code, words }: DatabricksError,
  state: string | undefined,
  { catalog, schema, location }: DatabricksAddress,
): Meaning {
  if (location !== undefined && ofStaging.test(words))
    return lasting(
      `Make an external location for ${location}, and grant READ FILES on it: docs/warehouse-databricks.md has the statements.`,
    )
  // The object was deleted, by somebody else or by an earlier invocation whose load has ended.
  if (location !== undefined && words.includes('[PATH_NOT_FOUND]')) return { scope: 'warehouse' }
  // It may be missing for one table alone.
  if (state === '42501' || code === 'PERMISSION_DENIED' || /INSUFFICIENT_PERMISSIONS|PERMISSION_DENIED/.test(words))
    return {
      scope: 'table',
      lasting: true,
      hint: `Grant USE CATALOG on "${catalog}", and ALL PRIVILEGES on the schema "${schema}" or CREATE SCHEMA on the catalog: docs/warehouse-databricks.md has the statements.`,
    }
  if (/\[(?:CATALOG_NOT_FOUND|NO_SUCH_CATALOG_EXCEPTION)/.test(words))
    return lasting(`The catalog "${catalog}" is not there: check \`catalog\`.`)
  if (ofOthers.test(words)) return { scope: 'warehouse' }
  if (state !== undefined && ofRows.test(state)) return { scope: 'rows' }
  // Somebody else changed the table meanwhile: class 2D, and 40.
  if (state !== undefined) return { scope: ofTable.test(state) ? 'table' : 'warehouse' }
  return { scope: code === 'BAD_REQUEST' ? 'table' : 'warehouse' }
}

const lasting = (hint: string): Meaning => ({ scope: 'warehouse', lasting: true, hint })

function failure(
  reason: string,
  { scope, lasting = false, hint }: Meaning,
  more: object,
  cause?: unknown,
): SluicewayError {
  const words = hint === undefined ? reason : `${reason.replace(/\.$/, '')}. ${hint}`
  return new SluicewayError('warehouse_failed', `Databricks: ${words}`, {
    details: { scope, ...more, ...(lasting ? { lasting } : {}) },
    ...(cause === undefined ? {} : { cause }),
  })
}
