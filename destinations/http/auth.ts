// How APIs are authorized: https://www.rudderstack.com/docs/destinations/streaming-destinations/http-webhook/ (checked 2026-11-29)
/** The settings that authorize requests. */
interface Credentials {
  readonly auth: string
  readonly username?: string
  readonly password?: string
  readonly token?: string
  readonly authHeader?: string
}

/** Says what is missing of the credentials. */
export function credentialProblems({ auth, username, token, authHeader }: Credentials): string[] {
  const missing = (name: string) => `"${name}" is missing, which "auth: ${auth}" needs`
  if (auth === 'basic' && username === undefined) return [missing('username')]
  if (auth === 'bearer' && token === undefined) return [missing('token')]
  if (auth !== 'header') return []
  const name = authHeader === undefined ? [missing('authHeader')] : []
  const isName = authHeader === undefined || /^[\w!#$%&'*+.^`|~-]+$/.test(authHeader)
  return [
    ...name,
    ...(isName ? [] : ['"authHeader" is no name of a header']),
    ...(token === undefined ? [missing('token')] : []),
  ]
}

/** The header that authorizes a request (RFC 7617, RFC 6750); none where there is no authorization. */
export function credentialsOf({
  auth,
  username = '',
  password = '',
  token = '',
  authHeader = '',
}: Credentials): Record<string, string> {
  if (auth === 'basic') return { authorization: basicAuth(username, password) }
  if (auth === 'bearer') return { authorization: `Bearer ${token}` }
  return auth === 'header' ? { [authHeader.toLowerCase()]: token } : {}
}

const basicAuth = (username: string, password: string): string =>
  `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(`${username}:${password}`)))}`
