import { checkSettings, type Input, type Settings } from '../../configure/settings.ts'
import { schemaFields } from '../namespace.ts'
import { checkStaging } from '../staging-bucket.ts'
import { accessToken, type Credentials, KeyPair, privateKeyProblem } from './credentials.ts'
import type { SnowflakeAccess } from './sql-api.ts'
import { stageFields, type StageInput, type StageSettings } from './stage.ts'

const nameProblem = (name: string): string | undefined =>
  /^(?:[A-Za-z_][A-Za-z0-9_$]{0,254}|"[^"]{1,255}")$/.test(name)
    ? undefined
    : 'must be a name as in SQL: letters, digits, "_" and "$", or anything in double quotes'

const schemaProblem = (name: string): string | undefined =>
  /^"?information_schema"?$/i.test(name) ? 'must be no schema of the system' : nameProblem(name)

/** What a warehouse in Snowflake is told. */
export const snowflakeFields = {
  account: {
    type: 'string',
    about: 'Identifier of the account: <organization>-<account>.',
    check: (account: string) =>
      /^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(account) && !/snowflakecomputing/i.test(account)
        ? undefined
        : 'must be <organization>-<account>, without https:// and .snowflakecomputing.com',
  },
  user: { type: 'string', about: 'Name of the user.', check: nameProblem },
  privateKey: {
    type: 'string',
    about: 'Private key of the user, as PEM (PKCS #8, not encrypted).',
    secret: true,
    optional: true,
    check: privateKeyProblem,
  },
  token: { type: 'string', about: 'A programmatic access token, in place of a key.', secret: true, optional: true },
  database: { type: 'string', about: 'Database for the tables; it must be there.', check: nameProblem },
  warehouse: { type: 'string', about: 'Warehouse that runs the statements.', check: nameProblem },
  role: { type: 'string', about: 'Role of the user; left out, its default role.', optional: true, check: nameProblem },
  ...schemaFields(schemaProblem),
  url: {
    type: 'url',
    about: 'Address of the account where it is another, as with PrivateLink.',
    optional: true,
  },
} as const

type SnowflakeSettings = Settings<typeof snowflakeFields>

/** What `snowflake()` is given. */
export type SnowflakeInput = Input<typeof snowflakeFields> & {
  /** An external stage, through which rows go; left out, they go in the statement that merges them. */
  readonly staging?: StageInput | undefined
}

/** Checks what `snowflake()` is given: each setting by itself, and that they go together. */
export function checkSnowflake({ staging, ...input }: SnowflakeInput): {
  readonly settings: SnowflakeSettings & { readonly staging?: StageSettings }
  readonly problems: readonly string[]
  readonly redacted: Readonly<Record<string, unknown>>
} {
  const { settings, problems, redacted } = checkSettings(snowflakeFields, input as Input<typeof snowflakeFields>)
  const own = [...problems, ...(problems.length === 0 ? missingCredentials(settings) : [])]
  if (staging === undefined) return { settings, problems: own, redacted }
  const stage = checkStaging(stageFields, staging)
  return {
    settings: { ...settings, staging: stage.settings },
    problems: [...own, ...stage.problems],
    redacted: { ...redacted, staging: stage.redacted },
  }
}

/**
 * Gives a name as Snowflake stores it: in upper case, unless it is in double quotes.
 * https://docs.snowflake.com/en/sql-reference/identifiers-syntax (stored copy)
 */
export const storedName = (name: string): string => (name.startsWith('"') ? name.slice(1, -1) : name.toUpperCase())

/** Says what is missing of what proves who asks. */
function missingCredentials({ privateKey, token }: Partial<SnowflakeSettings>): readonly string[] {
  if (privateKey === undefined && token === undefined) return ['"privateKey" is missing, or "token" in its place']
  return privateKey === undefined || token === undefined ? [] : ['"privateKey" and "token" cannot both be set']
}

/** Makes what proves who asks. */
export function credentialsOf({ account, user, privateKey, token }: SnowflakeSettings): Credentials {
  if (privateKey === undefined) return accessToken(token ?? '')
  return new KeyPair({ account: signerOf(account), user: storedName(user), privateKey })
}

/**
 * Names an account as tokens do: behind a dot is the region, and where that is `global`, behind a hyphen what goes with it.
 * https://docs.snowflake.com/en/developer-guide/sql-api/authenticating, and the `JWTGenerator` there (stored copies, read 2026-12-01)
 */
const signerOf = (account: string): string =>
  account.replace(/\.global$/i.test(account) ? /[-.].*$/ : /\..*$/, '').toUpperCase()

/** Says where the SQL API of the account is. */
export function accessOf(settings: SnowflakeSettings, credentials: Credentials): SnowflakeAccess {
  const { account, user, database, warehouse, role } = settings
  // A host name has no underscore.
  const url = settings.url ?? `https://${account.toLowerCase().replaceAll('_', '-')}.snowflakecomputing.com`
  return {
    url,
    credentials,
    address: {
      host: new URL(url).host,
      account,
      user: storedName(user),
      database: storedName(database),
      warehouse: storedName(warehouse),
      role: role === undefined ? '' : storedName(role),
    },
  }
}
