/** What to do about a failure, and whether time alone does not mend it. */
export interface FailureHint {
  /** One sentence; empty where the server's own words must do. */
  readonly hint: string
  readonly lasting: boolean
}

/** Where a warehouse is, as the hints name it. */
export interface PostgresPlace {
  readonly host: string
  readonly user: string
  readonly database: string
  readonly schema: string
  /** Whether the connection is to be encrypted. */
  readonly tls: boolean
}

const unknown: FailureHint = { hint: '', lasting: false }

/**
 * Says what to do about an error of PostgreSQL, or of the way to it.
 *
 * @param state SQLSTATE, or a code of the connection; empty when there is none
 *   https://www.postgresql.org/docs/18/errcodes-appendix.html (checked 2026-11-28)
 * @param reason the words of the error
 * @param place where the warehouse is; nothing of it is a secret
 * @returns the hint
 * @example failureHintOf('28P01', 'password authentication failed', place).lasting // true
 */
export function failureHintOf(state: string, reason: string, place: PostgresPlace): FailureHint {
  const { host, user, database, schema, tls } = place
  if (!/^[0-9A-Z]{5}$/.test(state)) {
    // The runtime tells no more of a certificate that it does not trust than that something went wrong.
    const certificate = ' with TLS and a certificate of a public authority for that name'
    return {
      hint: `No answer from ${host}: check host and port in \`url\`, that the server runs${tls ? certificate : ''}, and that its firewall lets Cloudflare in.`,
      lasting: false,
    }
  }
  if (state.startsWith('28') && /no encryption|SSL off|SSL\/TLS required|encrypt/i.test(reason))
    return { hint: 'The server wants TLS: add `?sslmode=require` to `url`.', lasting: true }
  if (state.startsWith('28') && /pg_hba\.conf/.test(reason))
    return {
      hint: `The server lets nobody in as "${user}" to "${database}" from there: add a line to its pg_hba.conf.`,
      lasting: true,
    }
  if (state.startsWith('28')) return { hint: 'Check user and password in `url`.', lasting: true }
  if (state === '3D000')
    return { hint: `Create the database "${database}", or name another one at the end of \`url\`.`, lasting: true }
  if (state === '42501') return { hint: grantHint(reason, place), lasting: true }
  if (state === '53100') return { hint: 'The disk of the server is full: make room.', lasting: true }
  if (state === '53300')
    return { hint: 'Raise max_connections, or put a pooler such as Hyperdrive or PgBouncer in front.', lasting: false }
  if (state === '25006')
    return {
      hint: `It takes no writes: \`url\` must name the primary server, and not a replica, and default_transaction_read_only must be off for "${user}".`,
      lasting: false,
    }
  if (state === '55P03') return { hint: 'Somebody has locked the table: see pg_locks.', lasting: false }
  if (state === '57014' && /statement timeout/.test(reason))
    return { hint: `Give it more time: ALTER ROLE "${user}" SET statement_timeout = '2min'.`, lasting: false }
  if (state === '3F000') return { hint: `The schema "${schema}" is not there.`, lasting: false }
  return unknown
}

function grantHint(reason: string, { user, database, schema }: PostgresPlace): string {
  if (/temporary tables/.test(reason))
    return `Rows are copied into temporary tables: GRANT TEMPORARY ON DATABASE "${database}" TO "${user}".`
  if (/row-level security/.test(reason))
    return `A policy keeps rows of events out: let it pass those of "${user}", or ALTER ROLE "${user}" BYPASSRLS.`
  if (/for database/.test(reason))
    return `The schema "${schema}" is not there, and "${user}" may not create it: GRANT CREATE ON DATABASE "${database}" TO "${user}".`
  if (/for schema/.test(reason))
    return `"${user}" may not create tables there: GRANT USAGE, CREATE ON SCHEMA "${schema}" TO "${user}".`
  return `"${user}" must own the tables in "${schema}" that it fills: ALTER TABLE … OWNER TO "${user}".`
}
