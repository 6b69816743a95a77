import type { SendContext } from '../core/destination.ts'
import type { Definition } from './definition.ts'
import { createClient } from './request-client.ts'
import type { Json } from './json.ts'

/** Tokens of an OAuth app of the user's own. */
export interface Tokens {
  readonly accessToken?: string | undefined
  readonly refreshToken?: string | undefined
  readonly clientId?: string | undefined
  readonly clientSecret?: string | undefined
  /** Where tokens are renewed, where the vendor has several places. */
  readonly refreshTokenUrl?: string | undefined
}

/** How tokens are kept: those that were renewed, and of which of the config they are. */
interface Kept extends Pick<Tokens, 'accessToken' | 'refreshToken'> {
  readonly of: string
}

/** The tokens were refused, which only a person can mend. */
export const refusedText = 'the tokens are refused'

interface RenewalTools {
  readonly definition: Definition
  readonly settings: Json
  readonly allowPrivate: boolean
}

/**
 * The tokens of a destination: those of the config until they are renewed, then what `context.credentials` keeps. When the
 * config gets others, these count again.
 */
export class TokenKeeper {
  readonly #given: Tokens
  readonly #tools: RenewalTools
  /** What is kept, as this isolate knows it; undefined until it has asked. */
  #known: string | null | undefined

  constructor(given: Tokens, tools: RenewalTools) {
    this.#given = given
    this.#tools = tools
  }

  /** True where the library knows how to renew what this destination uses. */
  get canRenew(): boolean {
    return this.#tools.definition.authentication?.refreshAccessToken !== undefined
  }

  /** The tokens to send with, and what they are called when they are to be renewed. */
  async current(context: SendContext): Promise<{ readonly tokens: Tokens; readonly used: string | null }> {
    if (this.#known === undefined) this.#known = this.canRenew ? ((await context.credentials?.current()) ?? null) : null
    return { tokens: await this.#tokensIn(this.#known), used: this.#known }
  }

  /** Renews, unless somebody has done so since `used`. */
  async renew(used: string | null, context: SendContext): Promise<void> {
    if (this.#known !== used) return
    this.#known = await (context.credentials?.renew(used) ?? this.make(used, context))
  }

  /**
   * Asks the vendor for new tokens.
   *
   * @param kept what was kept; null at first
   * @param context fetch and signal
   * @returns what is to be kept
   */
  async make(kept: string | null, context: SendContext): Promise<string> {
    const { definition, settings, allowPrivate } = this.#tools
    const auth = await this.#tokensIn(kept)
    const client = createClient({ ...context, allowPrivate }, definition.extendRequest?.({ settings, auth: {} }) ?? {})
    try {
      const made = await definition.authentication?.refreshAccessToken?.(client, { settings, auth })
      if (made?.accessToken === undefined) throw new Error('the answer holds no access token')
      const { accessToken, refreshToken = auth.refreshToken } = made
      return JSON.stringify({ of: await this.#fingerprint(), accessToken, refreshToken } satisfies Kept)
    } catch (error) {
      const status = (error as { response?: { status?: number } }).response?.status
      if (status === 400 || status === 401 || status === 403)
        throw new Error(`${refusedText}: HTTP ${status}; get new ones from the vendor`, { cause: error })
      throw error
    }
  }

  async #tokensIn(kept: string | null): Promise<Tokens> {
    if (kept === null) return this.#given
    const { of, ...renewed } = JSON.parse(kept) as Kept
    return of === (await this.#fingerprint()) ? { ...this.#given, ...renewed } : this.#given
  }

  /** Tells tokens of the config apart without holding them. */
  async #fingerprint(): Promise<string> {
    const { accessToken, refreshToken, clientId } = this.#given
    const text = new TextEncoder().encode(JSON.stringify([accessToken, refreshToken, clientId]))
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', text))
    return Array.from(digest.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join('')
  }
}
