import type { SendContext } from '../core/destination.ts'
import { batchVerdicts } from './batch-verdicts.ts'
import type { Definition, Perform } from './definition.ts'
import type { Json } from './json.ts'
import { createClient, type RequestOptions } from './request-client.ts'
import type { TokenKeeper } from './tokens.ts'
import { statusOf } from './verdicts.ts'

/** What calls of the library's code need of the destination. */
export interface CallTools {
  readonly definition: Definition
  readonly settings: Json
  readonly tokens: TokenKeeper
  readonly allowPrivate: boolean
  readonly userAgent: string | undefined
}

/** Calls the library's code with a request client; tokens that have run out are renewed, and the call is made again. */
export class Caller {
  readonly #tools: CallTools
  readonly #context: SendContext
  /** Tokens were renewed because of a batch of which a part was delivered. */
  hasRenewed = false

  constructor(tools: CallTools, context: SendContext) {
    this.#tools = tools
    this.#context = context
  }

  /** Gives what the library's code gives, and rejects with what it throws. */
  async call(perform: Perform, data: Json): Promise<unknown> {
    const { definition, tokens, allowPrivate, userAgent } = this.#tools
    const attempt = async () => {
      const { tokens: auth, used } = await tokens.current(this.#context)
      const input = { ...data, auth }
      const own: RequestOptions = userAgent === undefined ? {} : { headers: { 'user-agent': userAgent } }
      const extended = (definition.extendRequest?.(input) ?? {}) as RequestOptions
      const client = createClient({ ...this.#context, allowPrivate }, extended, own)
      return { used, answer: Promise.resolve().then(() => perform(client, input)) }
    }
    const first = await attempt()
    try {
      const answer = await first.answer
      // What of a batch was refused is tried again by the lane: the rest must not be sent twice.
      if (tokens.canRenew && batchVerdicts(answer, 0).has401) {
        await tokens.renew(first.used, this.#context)
        this.hasRenewed = true
      }
      return answer
    } catch (error) {
      if (!tokens.canRenew || statusOf(error) !== 401) throw error
      await tokens.renew(first.used, this.#context)
    }
    return (await attempt()).answer
  }
}
