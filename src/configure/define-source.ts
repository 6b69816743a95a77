import type { WebhookCall, Mapped, SourceTools, WebhookSource } from '../core/webhook-source.ts'
import { checkSettings, type Fields, type Input, type Settings } from './settings.ts'
import { specProblems } from './spec-problems.ts'

/**
 * A webhook source: how one vendor's calls become events.
 *
 * The edge calls `verify` first, then `map`. `map` is pure but for its tools. It throws when the call cannot become events:
 * the caller gets 400 with the text of the error, and the call is kept as a dead letter, which can be edited and mapped
 * again. No events is a good answer too; more than 5,000 are as bad as an error.
 */
export interface SourceSpec<F extends Fields = Fields> {
  readonly name: string
  readonly settings: F
  /** True when events come by GET as well; else a GET is answered with an empty 200. */
  readonly takesGet?: true
  /**
   * Says why a call is not from who it claims to be, or undefined when it is. Called with raw bytes. A call that is refused
   * is answered with 401, counted and never stored.
   */
  readonly verify?: (
    call: WebhookCall,
    settings: Settings<F>,
    tools: Pick<SourceTools, 'now'>,
  ) => string | undefined | Promise<string | undefined>
  readonly map: (call: WebhookCall, settings: Settings<F>, tools: SourceTools) => Mapped | Promise<Mapped>
}

/** Events that one call may become; each costs more memory than the few bytes that it may have been in the call. */
export const mostDrafts = 5_000

/**
 * Makes a webhook source of its pure functions: what `src/sources/*.ts` export and the config calls with settings.
 *
 * A secret that is optional may be left out, but one that is named and has no value is a problem: it was meant to be there,
 * and without it anybody's calls would be taken.
 *
 * @param spec name, settings and functions
 * @returns a function from settings to a source; what is wrong with the settings is in its `problems`, nothing throws
 * @example sources: { payments: { writeKey: env.PAYMENTS_KEY, webhook: stripe({ secret: env.STRIPE_SECRET }) } }
 */
export const defineSource =
  <const F extends Fields>(spec: SourceSpec<F>) =>
  (input: Input<F> = {} as Input<F>): WebhookSource => {
    const broken = specProblems(spec, { needed: ['map'], optional: ['verify'] })
    if (broken.length > 0) return brokenSource(broken)
    const { settings, problems, redacted } = checkSettings(spec.settings, input)
    const { verify } = spec
    return {
      kind: 'webhook',
      name: spec.name,
      problems,
      redacted,
      takesGet: spec.takesGet ?? false,
      ...(verify === undefined ? {} : { verify: async (call, tools) => verify(call, settings, tools) }),
      async map(call, tools) {
        const mapped = await spec.map(call, settings, tools)
        const drafts = 'reply' in mapped ? (mapped.events ?? []) : mapped
        if (drafts.length > mostDrafts) throw new RangeError(`The call has more than ${mostDrafts} events`)
        return mapped
      },
    }
  }

/** Stands in for a source that cannot be made; with problems, it is never called. */
const brokenSource = (problems: readonly string[]): WebhookSource => ({
  kind: 'webhook',
  name: 'unknown',
  problems,
  redacted: {},
  takesGet: false,
  map: async () => [],
})
