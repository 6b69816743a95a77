import type { FailureScope } from '../../core/warehouse.ts'

/** What a failure of Snowflake says. */
export interface SnowflakeFailure {
  /** HTTP status; undefined when there was no answer. */
  readonly status?: number | undefined
  /** Of the answer, six digits; undefined when it has none. */
  readonly code?: string | undefined
  readonly message: string
}

/** What a failure speaks of, and whether time alone does not mend it. */
export interface FailureMeaning {
  readonly scope: FailureScope
  readonly lasting: boolean
}

/** Objects that all tables need, as the words of 002003 and 002043 name them. */
const commonObject = /\b(?:database|schema|warehouse|role|stage)\b/i
/** No right; no object that the role may see. */
const noRight = '003001'
const noObject: ReadonlySet<string> = new Set(['002003', '002043'])
/**
 * What time does not mend: no warehouse, no database in use, a resource monitor that has used up its quota, a role that the user
 * does not have, or that is not there.
 */
const ofSetUp: ReadonlySet<string> = new Set(['000606', '090073', '090105', '390186', '390189', '390201', '391918'])

/**
 * Tells what a failure of Snowflake speaks of.
 *
 * Its codes have ranges: 100… is what happens to values while a statement runs, 000001 to 003999 is what is found before it
 * runs, with exceptions; 0006… is the end of a statement by others, 39… the login. SQLSTATE is of no help: 22000 is a text that is
 * too long, and also a warehouse that cannot be resumed; where a statement ran for long, there is none.
 * https://docs.snowflake.com/en/developer-guide/sql-api/reference (stored copy); codes as its samples and users show them
 *
 * @param failure as it was answered
 * @returns the meaning; what is not known to speak of rows or of a table speaks of all
 * @example meaningOf({ status: 422, code: '100038', message: "Numeric value 'much' is not recognized" }).scope // 'rows'
 */
export function meaningOf({ status, code, message }: SnowflakeFailure): FailureMeaning {
  const warehouse = (lasting: boolean): FailureMeaning => ({ scope: 'warehouse', lasting })
  if (status === 401 || status === 403) return warehouse(true)
  // A host that is none of Snowflake's.
  if (code === undefined) return warehouse(status === 404 || status === 405)
  if (ofSetUp.has(code)) return warehouse(true)
  if (noObject.has(code) && isCommon(message)) return warehouse(true)
  if (code.startsWith('100')) return { scope: 'rows', lasting: false }
  if (code === noRight) return { scope: isCommon(message) ? 'warehouse' : 'table', lasting: true }
  if (/^0006|^0007/.test(code)) return warehouse(false)
  if (/^00[0-3]/.test(code)) return { scope: 'table', lasting: false }
  return warehouse(false)
}

/** Whether a message is of an object that all tables need. */
const isCommon = (message: string): boolean => commonObject.test(withoutNames(message))

const withoutNames = (message: string): string => message.replaceAll(/'[^']*'/g, "''")

/** Whether a statement failed because its schema is not there, as `details` of the error say. */
export const isSchemaMissing = ({ code, message }: Readonly<Record<string, unknown>>): boolean =>
  noObject.has(String(code)) && /\bschema\b/i.test(withoutNames(String(message)))
