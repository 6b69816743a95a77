import { type DatabricksAddress, failureOf, failureOfThrown } from './failure.ts'

/** How to be let in: a token, or a service principal that gets one. */
export interface DatabricksLogin {
  readonly url: string
  readonly token?: string | undefined
  readonly clientId?: string | undefined
  readonly clientSecret?: string | undefined
}

/** Milliseconds before its end at which a token is renewed. */
const spareMs = 60_000
const callMs = 30_000

/**
 * Gives the token of requests. That of a service principal lasts an hour, and is asked for when it is first needed.
 *
 * https://docs.databricks.com/aws/en/dev-tools/auth/oauth-m2m (checked 2026-11-29)
 */
export class AccessToken {
  readonly #login: DatabricksLogin
  readonly #address: DatabricksAddress
  #known: Promise<{ readonly text: string; readonly end: number }> | undefined

  constructor(login: DatabricksLogin, address: DatabricksAddress) {
    this.#login = login
    this.#address = address
  }

  /** @throws {SluicewayError} warehouse_failed */
  async text(): Promise<string> {
    const { token } = this.#login
    if (token !== undefined) return token
    const known = await (this.#known ??= this.#ask())
    if (Date.now() < known.end - spareMs) return known.text
    this.#known = this.#ask()
    return (await this.#known).text
  }

  /** Forgets a token that was refused; false where there is no other. */
  forget(): boolean {
    this.#known = undefined
    return this.#login.token === undefined
  }

  async #ask(): Promise<{ readonly text: string; readonly end: number }> {
    const { url, clientId = '', clientSecret = '' } = this.#login
    try {
      return await this.#asked(`${url}/oidc/v1/token`, btoa(`${clientId}:${clientSecret}`))
    } catch (thrown) {
      this.#known = undefined
      throw thrown
    }
  }

  async #asked(target: string, basic: string): Promise<{ readonly text: string; readonly end: number }> {
    const now = Date.now()
    const answer = await fetch(target, {
      method: 'POST',
      headers: { authorization: `Basic ${basic}`, 'content-type': 'application/x-www-form-urlencoded' },
      body: 'grant_type=client_credentials&scope=all-apis',
      redirect: 'manual',
      signal: AbortSignal.timeout(callMs),
    })
      .then(async (response) => ({ status: response.status, text: await response.text() }))
      .catch((thrown: unknown) => {
        throw failureOfThrown(thrown, this.#address)
      })
    const found = parsed(answer.text)
    const text = found['access_token']
    if (answer.status === 200 && typeof text === 'string')
      return { text, end: now + Number(found['expires_in'] ?? 0) * 1_000 }
    const code = String(found['error'] ?? '')
    throw failureOf({ status: answer.status, code, words: String(found['error_description'] ?? code) }, this.#address)
  }
}

/** The object that a text of JSON holds; an empty one where it holds none. */
export function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
