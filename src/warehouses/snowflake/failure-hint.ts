import type { SnowflakeFailure } from './failure-scope.ts'

/** Where a warehouse is, as the hints name it; nothing of it is a secret. */
export interface SnowflakeAddress {
  readonly host: string
  readonly account: string
  readonly user: string
  readonly database: string
  readonly warehouse: string
  /** Empty for the default role of the user. */
  readonly role: string
}

/**
 * Says what to do about a failure of Snowflake, or of the way to it.
 *
 * @param failure as it was answered
 * @param address where the warehouse is
 * @returns one sentence; empty where Snowflake's own words must do
 * @example hintOf({ status: 401, code: '390144', message: 'JWT token is invalid.' }, address) // 'Check `account`, …'
 */
export function hintOf({ status, code, message }: SnowflakeFailure, address: SnowflakeAddress): string {
  const { host, account, user, database, warehouse, role } = address
  const whose = role === '' ? `the default role of "${user}"` : `the role "${role}"`
  if (status === undefined) return `No answer from ${host}: check \`account\`.`
  if (code === '390422' || /not allowed to access snowflake/i.test(message))
    return 'A network policy of the account keeps Cloudflare out: let its addresses in, for this user at least.'
  if (status === 401 && message.includes('JWT'))
    return `Check \`account\` and \`user\`, and that the public key of \`privateKey\` is that of "${user}": the id in brackets tells an administrator why, by SYSTEM$GET_LOGIN_FAILURE_DETAILS.`
  if (status === 401 || status === 403) return 'Check `token`: it may be expired, or of another user or role.'
  const ofDatabase = `Give ${whose} the rights of docs/warehouse-snowflake.md on the database "${database}", and check its name.`
  const ofWarehouse = `Check \`warehouse\`: "${warehouse}" must be there, and ${whose} needs USAGE on it.`
  if (code === undefined)
    return `${host} does not answer as Snowflake does: \`account\` must be <organization>-<account>, here "${account}".`
  switch (code) {
    case '000606':
      return ofWarehouse
    case '000604':
    case '000630':
      return 'The statement was stopped; a larger warehouse takes less time.'
    case '390201':
      return /\bwarehouse\b/i.test(message) ? ofWarehouse : ofDatabase
    case '002003':
    case '002043':
    case '090105':
    case '391918':
      return ofDatabase
    case '003001':
      return `Give ${whose} the rights of docs/warehouse-snowflake.md; tables that others made need their OWNERSHIP.`
    case '090073':
      return 'A resource monitor has stopped the warehouse: raise its quota, or wait for its next period.'
    case '390186':
    case '390189':
      return `GRANT ROLE ${role === '' ? '…' : role} TO USER ${user}, or check \`role\`.`
    default:
      return ''
  }
}
