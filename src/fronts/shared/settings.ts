import { toBase64 } from '../../core/base64.ts'

const encoder = new TextEncoder()

/** Settings that every front has: where it is, and who we are. */
export const frontSettings = {
  url: {
    type: 'url',
    about: 'Address of the front, without a path of its own calls.',
    insecureWhen: 'allowPrivate',
    check: (value: string) => (/[?#]/.test(value) ? 'must end with the path: no "?" and no "#"' : undefined),
  },
  username: { type: 'string', about: 'User of Basic auth.', optional: true },
  password: { type: 'string', about: 'Password of Basic auth.', secret: true, optional: true },
  token: { type: 'string', about: 'Bearer token; takes the place of user and password.', secret: true, optional: true },
  headers: { type: 'headers', about: 'More headers for every request, for a gateway in between.', optional: true },
  allowPrivate: {
    type: 'boolean',
    about: 'Allows http and hosts that are not public, for tests on one machine.',
    default: false,
  },
} as const

/** The settings of a front, checked. */
export interface FrontAccess {
  readonly url: string
  readonly username?: string
  readonly password?: string
  readonly token?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** The headers that tell a front who we are. */
export const accessHeaders = ({ username, password, token, headers }: FrontAccess): Record<string, string> => ({
  ...headers,
  ...(token === undefined
    ? username === undefined
      ? {}
      : { authorization: `Basic ${toBase64(encoder.encode(`${username}:${password ?? ''}`))}` }
    : { authorization: `Bearer ${token}` }),
})

/** What is wrong with the credentials together. */
export const accessProblems = ({ username, password, token, headers }: Partial<FrontAccess>): readonly string[] => [
  ...(username !== undefined && password === undefined ? ['"password" is missing: "username" alone is no login'] : []),
  ...(username === undefined && password !== undefined ? ['"username" is missing: "password" alone is no login'] : []),
  ...(token !== undefined && username !== undefined ? ['give either "token" or "username" and "password"'] : []),
  ...(username?.includes(':') === true ? ['"username" must not hold ":": Basic auth has no way to write it'] : []),
  ...((token ?? username) !== undefined && Object.keys(headers ?? {}).some((name) => /^authorization$/i.test(name))
    ? ['"headers" holds Authorization, and so do the credentials: give one of them']
    : []),
  ...(token !== undefined && !/^[\x21-\x7e]+$/.test(token)
    ? ['"token" must be printable ASCII characters without blanks']
    : []),
]
