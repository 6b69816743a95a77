/** Where a warehouse is, as the hints name it; nothing of it is a secret. */
export interface ClickHouseAddress {
  readonly host: string
  readonly user: string
  readonly database: string
}

/**
 * Says what to do about an error of ClickHouse, or of the way to it.
 *
 * @param code of its exception; undefined when there is none
 * @param status of the answer; undefined when there was none
 * @param address where the warehouse is
 * @returns one sentence; empty where the server's own words must do
 * @example hintOf(516, 403, address) // 'Check `user` and `password`.'
 */
export function hintOf(
  code: number | undefined,
  status: number | undefined,
  { host, user, database }: ClickHouseAddress,
): string {
  if (status === undefined)
    return `No answer from ${host}: check \`url\`, that the server runs, and that its firewall or allow list lets Cloudflare in.`
  switch (code) {
    case undefined:
      return status === 401 || status === 403
        ? 'Check `user` and `password`.'
        : `${host} does not answer as ClickHouse does: \`url\` must name its HTTP interface, by default port 8443 (https) or 8123.`
    case 192:
    case 193:
    case 194:
    case 516:
      return 'Check `user` and `password`.'
    case 195:
      return `The server lets "${user}" in from other addresses only: ALTER USER ${user} HOST ANY.`
    case 81:
      return `The database "${database}" is not there.`
    case 497:
      return `Give "${user}" the rights of docs/warehouse-clickhouse.md.`
    case 164:
      return `"${user}" may only read: its profile has readonly = 1.`
    case 243:
      return 'The disk of the server is full: make room.'
    case 252:
      return 'Parts are made faster than they are merged: load less often (`everyMinutes`), or partition by month.'
    case 701:
      return 'The server does not know the cluster: `cluster` must be a name of system.clusters.'
    default:
      return ''
  }
}
